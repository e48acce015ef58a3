"""What a template may see: JSON data and nothing else.

An object has methods, and a method may reach anything; a number, a text, a list and a mapping reach nothing. So every
value becomes data before a template gets it, and what cannot is a problem of the variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import TypeAlias, cast

from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.prompts.limits import NESTING, NUMBER_BITS, VALUES_CHARS, VARIABLES

Data: TypeAlias = "str | int | float | bool | list[Data] | dict[str, Data] | None"
"""JSON data."""


def as_data(values: object) -> Outcome[dict[str, Data], tuple[Problem, ...]]:
    """*values*, a record or mapping of any kind, as JSON data by name; or every value that is none.

    >>> as_data({"when": {"day": 3}, "to": ("a", "b")})
    <Success: {'when': {'day': 3}, 'to': ['a', 'b']}>
    """
    from pydantic_core import to_jsonable_python  # noqa: PLC0415  # heavy, and only who renders something needs it

    try:
        tree: object = to_jsonable_python(values)
    except (ValueError, TypeError, RecursionError) as bad:
        return Failure((Problem("", f"cannot be written as JSON: {str(bad) or 'is nested too deep'}"),))
    if not isinstance(tree, dict):
        return Failure((Problem("", f"is a {type(values).__name__}: give a record or a mapping of variables"),))
    data = cast("dict[str, Data]", tree)
    if len(data) > VARIABLES:
        return Failure((Problem("", f"are {len(data):,} variables, and at most {VARIABLES:,} are taken"),))
    problems = tuple(_problems(data, ""))
    if not problems and characters(data) > VALUES_CHARS:
        problems = (Problem("", f"hold more than {VALUES_CHARS:,} characters together: leave something out"),)
    return Failure(problems) if problems else Success(data)


def characters(data: Data) -> int:
    """How long *data* is: the characters of its texts and names, and one for everything else.

    >>> characters({"ab": ["cde", 1, None]})
    9
    """
    if isinstance(data, str):
        return len(data)
    if isinstance(data, list):
        return 1 + sum(map(characters, data))
    if isinstance(data, dict):
        return 1 + sum(len(name) + characters(value) for name, value in data.items())
    return 1


def _problems(data: Data, path: str, depth: int = 0) -> Iterator[Problem]:
    if depth > NESTING:
        yield Problem(path, f"is nested more than {NESTING} levels deep")
    elif isinstance(data, str):
        yield from _text_problems(data, path)
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _problems(item, f"{path}.{index}", depth + 1)
    elif isinstance(data, dict):
        for name, value in data.items():
            yield from _text_problems(name, path)
            yield from _problems(value, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(data, float) and not isfinite(data):
        yield Problem(path, f"is {data}, which is no number that JSON can say")
    elif isinstance(data, int) and data.bit_length() > NUMBER_BITS:
        yield Problem(path, "is a whole number of more than a thousand digits")


def _text_problems(text: str, path: str) -> Iterator[Problem]:
    try:
        text.encode()
    except UnicodeEncodeError as bad:
        yield Problem(path, f"holds half a character at position {bad.start}, which cannot be sent: decode it again")


def kind_of(data: Data) -> str:
    """What *data* is, in words.

    >>> kind_of("x"), kind_of([1]), kind_of(None)
    ('text', 'a list', 'null')
    """
    return _KINDS.get(type(data), "no data")


_KINDS: Mapping[type[object], str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    tuple: "a list",
    dict: "a mapping",
    type(None): "null",
}
