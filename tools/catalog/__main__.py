"""``make catalog``: writes the catalog's data file, and the page of what its sources do not agree about.

Reads only what the Makefile has fetched, by pinned versions, into the folder that it is given.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from pathlib import Path

from catalog.build import Sources, build, names_of
from catalog.read_genai import read_genai
from catalog.read_litellm import read_litellm
from catalog.read_models_dev import read_models_dev, read_pi
from catalog.render import data_text, page_text

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
DATA = ROOT / "src/llm_manager/domain/catalog_data.jsonl"
PAGE = ROOT / "docs/reference/catalog-differences.md"


def main(folder: Path) -> None:
    """Write both files from what is in *folder*."""
    pins = tomllib.loads((HERE / "sources.toml").read_text(encoding="utf-8"))
    overlay = tomllib.loads((HERE / "overlay.toml").read_text(encoding="utf-8"))
    sys.path.insert(0, str(folder / "python"))
    archive = folder / pins["pi"]["file"]
    if hashlib.sha256(archive.read_bytes()).hexdigest() != pins["pi"]["sha256"]:
        raise SystemExit(f"{archive} is not what sources.toml pins")
    sources: Sources = {
        "litellm": read_litellm(folder / "python"),
        "models-dev": read_models_dev(folder / "python"),
        "pi": read_pi(archive),
    }
    sources["genai"] = read_genai(names_of(sources), pins["as_of"])
    catalog = build(sources, overlay)
    DATA.write_text(data_text(catalog, pins, overlay), encoding="utf-8")
    PAGE.write_text(page_text(catalog, sources, pins), encoding="utf-8")
    print(f"{sum(map(len, catalog.values()))} models of {len(catalog)} vendors: {DATA.relative_to(ROOT)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
