"""What keeps a value of a program from being sent as JSON, and where in it that is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from types import NoneType
from typing import Final, cast

from llm_manager.domain.arguments import shown
from llm_manager.domain.problem import Problem

MAX_DEPTH: Final = 100
"""The deepest nesting that is sent. Parsers give up between 64 (System.Text.Json) and 1,000 levels (CPython's)."""

MAX_DIGITS: Final = 4300
"""The longest whole number that is sent: as long as CPython writes one."""

_ALL_BUT_BRACKETS: Final = bytes(set(range(256)) - set(b"{}[]"))
_NAMES: Final = (str, int, float, bool, NoneType)


def json_problem(value: object, at: str) -> Problem | None:
    """The first thing in *value*, which stands at the path *at*, that cannot be sent as JSON; None when all can.

    >>> print(json_problem({"rows": [{"at": 1, 2: "b"}]}, "context"))
    context.rows.0: has names of several kinds, such as 2: write them as text
    >>> json_problem({"rows": [1, 2.5, None, {"a": True}]}, "context") is None
    True
    """
    try:
        text = json.dumps(value, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError, RecursionError, RuntimeError) as bad:
        return _first(value, at) or Problem(at, f"is not JSON: {bad}")
    return None if _is_shallow(text) else _first(value, at)


def _is_shallow(text: str) -> bool:
    """Is the JSON *text* surely nested no deeper than is sent? What a text in it holds may make it look deeper."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return True
    left = text.encode().translate(None, _ALL_BUT_BRACKETS)
    for _ in range(MAX_DEPTH):
        inner = left.replace(b"{}", b"").replace(b"[]", b"")
        if not inner:
            return True
        if len(inner) == len(left):
            return False
        left = inner
    return False


def _first(value: object, at: str) -> Problem | None:
    """Found without recursion: what is nested too deeply for it is one of the things to find."""
    above: list[int] = []
    path: list[str] = [at]
    levels: list[Iterator[tuple[str, object]]] = [iter(((at, value),))]
    while levels:
        step = next(levels[-1], None)
        if step is None:
            levels.pop()
            path.pop()
            if above:
                above.pop()
            continue
        name, inner = step
        said = "contains itself" if id(inner) in above else _wrong(inner, len(levels) - 1)
        if said is not None:
            return Problem(".".join((*path[1:], name)), said)
        if isinstance(inner, Mapping | list | tuple):
            above.append(id(cast("object", inner)))
            path.append(name)
            levels.append(_inside(cast("Mapping[str, object] | Sequence[object]", inner)))
    return None


def _inside(value: Mapping[str, object] | Sequence[object]) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        return iter(value.items())
    return ((str(index), item) for index, item in enumerate(value))


def _wrong(value: object, depth: int) -> str | None:
    """What is wrong with *value* itself, whatever is in it."""
    match value:
        case None | bool() | str():
            return None
        case int():
            is_long = value.bit_length() > MAX_DIGITS * 10 // 3
            return f"is a whole number of more than {MAX_DIGITS} digits: write it as text" if is_long else None
        case float():
            return None if isfinite(value) else f"is {value}, which JSON has no word for: leave it out, or write null"
        case Mapping() | list() | tuple() if depth >= MAX_DEPTH:
            return f"is nested more than {MAX_DEPTH} levels deep"
        case Mapping():
            names = cast("Mapping[object, object]", value)
            first = next(iter(names), "")
            odd = next((name for name in names if type(name) is not type(first) or not isinstance(name, _NAMES)), first)
            is_right = isinstance(odd, _NAMES) and odd is first
            return None if is_right else f"has names of several kinds, such as {shown(odd)}: write them as text"
        case list() | tuple():
            return None
        case _:
            return f"is {shown(value)}, which JSON has no form for: write it as text, a number, a list or a mapping"
