"""What cannot be sent as JSON, and where it is."""

from __future__ import annotations

from typing import Any

import pytest

from llm_manager.domain.json_problems import MAX_DEPTH, json_problem


def nested(levels: int, kind: type[dict[str, Any]] | type[list[Any]]) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value} if kind is dict else [value]
    return value


@pytest.mark.parametrize("kind", [dict, list])
def test_so_many_levels_and_no_more(kind: type[Any]) -> None:
    assert json_problem(nested(MAX_DEPTH, kind), "context") is None
    for levels in (MAX_DEPTH + 1, 900, 100_000):
        problem = json_problem(nested(levels, kind), "context")
        assert problem is not None
        assert problem.message == f"is nested more than {MAX_DEPTH} levels deep"


def test_brackets_in_a_text_are_no_levels() -> None:
    assert json_problem({"a": "[" * 5_000, "b": ["{"] * 500}, "context") is None


def test_what_is_there_twice_and_not_in_itself_is_right() -> None:
    shared = {"a": [1, 2]}
    assert json_problem([shared, {"b": shared}, shared], "context") is None


@pytest.mark.parametrize("names", [{1: 2}, {1.5: 2}, {None: 2}, {True: 2}])
def test_names_of_one_kind_that_JSON_writes_are_right(names: dict[Any, int]) -> None:  # noqa: N802  # its name
    assert json_problem(names, "context") is None


@pytest.mark.parametrize("names", [{(1, 2): 3}, {b"a": 1}, {1: 2, "1": 3}, {frozenset[int](): 1}])
def test_other_names_are_problems(names: dict[Any, int]) -> None:
    problem = json_problem({"rows": [names]}, "context")
    assert problem is not None
    assert problem.path == "context.rows.0"
