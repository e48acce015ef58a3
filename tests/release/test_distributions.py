"""The wheel and the source distribution: their bytes, what they hold, and what they say of themselves."""

from __future__ import annotations

import os
import re
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import llm_manager
from dist import ROOT, build, released_s
from tests.release.conftest import Built

NAME = f"llm_manager-{llm_manager.__version__}"
PACKAGE = ROOT / "src" / "llm_manager"


def tree(folder: Path) -> set[str]:
    """The files in *folder* that are written by hand."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if "__pycache__" not in name and not name.endswith(".pyc")}


def held(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(f"{NAME}.dist-info/METADATA").decode())


def test_what_is_built_elsewhere_at_another_time_is_the_same_to_the_byte(
    built: Built, unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    for path in unpacked.rglob("*"):
        os.utime(path, (0, 0))
    mask = os.umask(0o077)
    try:
        again = build(unpacked, tmp_path)
    finally:
        os.umask(mask)
    assert {path.name: path.read_bytes() for path in again} == {
        path.name: path.read_bytes() for path in (built.wheel, built.source)
    }


def test_the_wheel_holds_the_package_and_what_describes_it_and_nothing_else(built: Built) -> None:
    about = {f"{NAME}.dist-info/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}
    licence = f"{NAME}.dist-info/licenses/LICENSE"
    assert built.wheel.name == f"{NAME}-py3-none-any.whl"
    assert set(held(built.wheel)) == {f"llm_manager/{name}" for name in tree(PACKAGE)} | about | {licence}


def test_the_package_is_python_lua_the_catalog_and_the_mark_that_it_is_typed() -> None:
    others = {name for name in tree(PACKAGE) if not name.endswith((".py", ".lua"))}
    assert others == {"domain/catalog_data.jsonl", "domain/token_families.json", "py.typed"}
    assert all(name.startswith("adapters/redis/") for name in tree(PACKAGE) if name.endswith(".lua"))


def test_the_source_distribution_holds_all_that_make_check_needs(unpacked: Path) -> None:
    assert {path.name for path in unpacked.iterdir()} == {
        ".ci",
        ".gitignore",
        "CHANGELOG.md",
        "LICENSE",
        "Makefile",
        "PKG-INFO",
        "README.md",
        "benchmarks",
        "docs",
        "examples",
        "property_tests",
        "pyproject.toml",
        "requirements.lock",
        "src",
        "tests",
        "tools",
    }
    for name in ("src/llm_manager", "tests/golden", "tools"):
        assert tree(unpacked / name) == tree(ROOT / name)


def test_the_metadata_names_version_licence_and_pythons_and_no_address(built: Built) -> None:
    said = metadata(built.wheel)
    assert {name: said[name] for name in ("Metadata-Version", "Name", "Version", "Author", "License-Expression")} == {
        "Metadata-Version": "2.4",
        "Name": "llm-manager",
        "Version": llm_manager.__version__,
        "Author": "the llm_manager founders",
        "License-Expression": "MIT",
    }
    assert said["License-File"] == "LICENSE"
    assert said["Requires-Python"] == ">=3.11"
    assert said["Project-URL"] is None  # there is no public place to name
    assert said["Home-page"] is None


def test_the_description_on_an_index_is_markdown_whose_links_lead_somewhere(built: Built) -> None:
    said = metadata(built.wheel)
    page = str(said.get_payload())
    assert said["Description-Content-Type"] == "text/markdown"
    assert page.startswith("# llm_manager\n")
    assert [target for target in re.findall(r"\]\(([^)]+)\)", page) if not target.startswith("https://")] == []


def test_the_programs_of_the_description_are_those_of_the_readme(built: Built) -> None:
    block = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert block.findall(str(metadata(built.wheel).get_payload())) == block.findall(readme)


def test_a_version_without_a_day_cannot_be_built() -> None:
    with pytest.raises(ValueError, match=r"no line such as '## 0\.2\.0 - 2026-11-21'"):
        released_s("## 0.1.0 - 2026-11-21\n## 0.2.0 (unreleased)\n", "0.2.0")


def test_nothing_that_is_released_holds_a_key_or_the_home_of_who_built_it(built: Built) -> None:
    with zipfile.ZipFile(built.wheel) as archive:
        texts = [archive.read(name).decode() for name in archive.namelist()]
    assert [text for text in texts if str(Path.home()) + "/" in text or str(ROOT) in text] == []
