"""Build the wheel and the source distribution into a folder: dist.py [FOLDER]

The same tree gives the same bytes, wherever and whenever it is built: Hatchling orders the files and evens out their
modes, and every time stamp in the archives is the day that CHANGELOG.md gives for this version.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def version(root: Path) -> str:
    """The version that pyproject.toml gives."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def released_s(changelog: str, of_version: str) -> int:
    """Midnight (UTC, Unix seconds) of the day on which *of_version* was released; raises ``ValueError`` without one.

    >>> released_s("# Changelog\\n## 0.1.0 - 2026-11-21\\n", "0.1.0")
    1795219200
    """
    found = re.search(rf"^## {re.escape(of_version)} - (\d{{4}}-\d\d-\d\d)$", changelog, re.MULTILINE)
    if found is None:
        raise ValueError(f"CHANGELOG.md has no line such as '## {of_version} - 2026-11-21'")
    return int(datetime.fromisoformat(found[1]).replace(tzinfo=UTC).timestamp())


def build(root: Path, folder: Path) -> tuple[Path, ...]:
    """Build the tree at *root*; the wheel and the source distribution in *folder*."""
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    stamped = {**os.environ, "SOURCE_DATE_EPOCH": str(released_s(changelog, version(root)))}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=root, env=stamped, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return tuple(sorted(folder.glob(f"llm_manager-{version(root)}*")))


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist").resolve()
    for built in build(ROOT, folder):
        content = built.read_bytes()
        print(f"{hashlib.sha256(content).hexdigest()}  {built.name}  {len(content):,} bytes")


if __name__ == "__main__":
    main()
