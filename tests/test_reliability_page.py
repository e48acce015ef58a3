"""``docs/explanation/reliability.md`` names the test of every promise: each exists, and the tables are what is tested.

``pytest --golden-update`` writes the tables anew.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

from llm_manager import ContextTooLarge, LLMError, LLMResponse, RateLimitExceeded
from tests.faults import code_table, page
from tests.faults.matrix import ROWS
from tests.faults.rows import FaultRow
from tests.scenarios_page import scenario_table

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "explanation" / "reliability.md"
PARTS = {
    "matrix": page.matrix_table,
    "later": page.later_table,
    "scenarios": scenario_table,
    "statuses": code_table.status_table,
    "errors": code_table.error_table,
}
FOLDERS = ("tests", "property_tests")


@pytest.mark.parametrize("part", PARTS)
def test_a_table_is_what_the_tests_run(part: str, golden_update: bool) -> None:
    text = PAGE.read_text(encoding="utf-8")
    block = re.compile(rf"(<!-- {part} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    if golden_update:
        text = block.sub(lambda found: found[1] + PARTS[part]() + "\n" + found[3], text)
        PAGE.write_text(text, encoding="utf-8")
    found = block.search(text)
    assert found is not None
    assert golden_update or found[2] == PARTS[part]() + "\n"


DECIDED_ELSEWHERE = {
    "slow drip past the deadline": "its head had come: an answer that drips speaks against its model",
}
"""Rows whose letters are not those of their error alone, and what else decides."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_letters_of_a_fault_are_those_that_the_code_gives_its_error(row: FaultRow) -> None:
    if isinstance(row.ended, LLMResponse):
        return
    again, next_model, breaker = code_table.letters(row.ended)
    if not isinstance(row.ended, RateLimitExceeded):  # of which the pool of keys decides as well, and the time left
        assert again == row.again
    if not isinstance(row.ended, ContextTooLarge):  # of which the next model's window does
        assert next_model == ("opt-in" if row.next_model == "after_filter" else row.next_model)
    assert breaker == row.breaker or row.name in DECIDED_ELSEWHERE


def test_every_error_is_told_in_every_kind_that_something_is_decided_by() -> None:
    told = code_table.error_table()
    assert [kind.__name__ for kind in get_args(LLMError) if f"`{kind.__name__}`" not in told] == []
    for reason in ("truncated", "oversize", "undecodable", "unparsable", "redirect", "empty", "protocol"):
        assert reason in told


def known_tests() -> set[str]:
    """The names of all test functions, and of the state machines that are tests."""
    trees = (
        ast.parse(path.read_text(encoding="utf-8")) for folder in FOLDERS for path in (ROOT / folder).rglob("test_*.py")
    )
    names: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                names.add(name)
            case ast.Assign(targets=[ast.Name(id=name)]):
                names.add(name)
            case _:
                pass
    return names


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+|Test[A-Z]\w+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 50
    assert named - known_tests() == set()


def test_every_file_that_the_page_names_exists() -> None:
    named = re.findall(r"`((?:tests|property_tests|benchmarks|docs)/[\w/.]+)`", PAGE.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_promise_and_every_point_of_the_checklist_names_its_test() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for part in ("## Promises", "## Security"):
        section = text.split(part, 1)[1].split("\n## ", 1)[0]
        lines = [line for line in section.splitlines() if line.startswith("| ")][2:]
        assert len(lines) > 15
        assert [line for line in lines if not re.search("`test_|`Test", line)] == []
