"""The reference has every public name of every door, each once."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

PAGES = Path(__file__).parent.parent / "docs" / "reference" / "api"
PUBLIC = re.compile(r"^\.\. public:: (\S+)\n\n((?:   .*\n)+)", re.MULTILINE)

TOLD_ELSEWHERE = {
    "llm_manager.testing": {"Simulator", "Scenario", "Report", "simulate"},  # doors of their own have them
    "llm_manager.testing.simulation": set[str](),
}
DOORS = (
    "llm_manager",
    "llm_manager.extraction",
    "llm_manager.ports",
    "llm_manager.templates",
    "llm_manager.testing",
    "llm_manager.testing.laws",
    "llm_manager.testing.simulation",
    "llm_manager.testing.simulator",
)


def documented() -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for page in sorted(PAGES.glob("*.md")):
        for door, names in PUBLIC.findall(page.read_text(encoding="utf-8")):
            found.setdefault(door, Counter()).update(names.split())
    return found


def exported(door: str) -> set[str]:
    module = importlib.import_module(door)
    return {name for name in dir(module) if name[0] != "_" and not isinstance(getattr(module, name), ModuleType)}


@pytest.mark.parametrize("door", DOORS)
def test_every_public_name_is_documented_once(door: str) -> None:
    wanted = exported(door) - TOLD_ELSEWHERE.get(door, set())
    assert documented()[door] == Counter(wanted)


def test_no_page_documents_what_is_not_there() -> None:
    for door, names in documented().items():
        module = importlib.import_module(door)
        assert [name for name in names if not hasattr(module, name)] == []


def test_links_out_are_encrypted_and_whole() -> None:
    pages = [*PAGES.parent.parent.rglob("*.md"), PAGES.parent.parent.parent / "README.md"]
    links = [link for page in pages for link in re.findall(r"\]\((\w+:[^)]*)\)", page.read_text(encoding="utf-8"))]
    assert [link for link in links if not re.fullmatch(r"https://[\w.-]+\.\w+(/\S*)?", link)] == []
