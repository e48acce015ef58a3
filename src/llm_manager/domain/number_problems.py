"""Numbers of a configuration that no machine could act on: endless ones, those that are none, those past their bounds.

The bounds are in the annotations of the fields, so that what is read from a file and what is built in code are held to
the same ones.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from math import isfinite
from typing import Annotated, Any, Final, cast, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le

from llm_manager.domain.problem import Problem

_MANY_DIGITS: Final = 10**18
"""A whole number from here on is shown by how many digits it has."""


@dataclass(frozen=True, slots=True)
class _Bound:
    is_kept: Callable[[float, float], bool]
    limit: float
    words: str


def number_problems(record: object, at: str = "") -> Iterator[Problem]:
    """A problem for each number in *record*, and in the records inside it, that its annotation does not allow.

    >>> from llm_manager.domain.settings import TimeoutSettings
    >>> [str(problem) for problem in number_problems(TimeoutSettings(total_s=float("inf")))]
    ['total_s: is inf: give a number above 0, at most 1,000,000,000']
    """
    for name, bounds in _fields(cast("Any", type(record))):
        yield from _problems(getattr(record, name), bounds, f"{at}{name}")


def _problems(value: object, bounds: tuple[_Bound, ...], at: str) -> Iterator[Problem]:
    if isinstance(value, bool | str | bytes | None):
        return
    if isinstance(value, int | float):
        if not (_is_number(value) and all(bound.is_kept(value, bound.limit) for bound in bounds)):
            words = ", ".join(bound.words for bound in bounds)
            yield Problem(at, f"is {_shown(value)}: give a number {words}".rstrip())
    elif is_dataclass(value):
        yield from number_problems(value, f"{at}.")
    elif isinstance(value, Mapping):
        for name, inner in cast("Mapping[object, object]", value).items():
            yield from _problems(inner, bounds, f"{at}.{name}")
    elif isinstance(value, tuple | list):
        for index, inner in enumerate(cast("Sequence[object]", value)):
            yield from _problems(inner, bounds, f"{at}.{index}")


def _is_number(value: float) -> bool:
    return isinstance(value, int) or isfinite(value)


def _shown(value: float) -> str:
    if isinstance(value, int) and abs(value) >= _MANY_DIGITS:
        return f"a whole number of some {value.bit_length() * 3 // 10 + 1:,} digits"
    return str(value)


@lru_cache(maxsize=256)
def _fields(kind: Any) -> tuple[tuple[str, tuple[_Bound, ...]], ...]:
    if not is_dataclass(kind):
        return ()
    hints = get_type_hints(kind, include_extras=True)
    return tuple((each.name, tuple(_bounds(hints[each.name]))) for each in fields(kind))


def _bounds(hint: Any) -> Iterator[_Bound]:
    """The bounds that *hint*, or a member of it, states."""
    if get_origin(hint) is Annotated:
        for each in hint.__metadata__:
            match each:
                case Ge(ge=limit):
                    yield _Bound(operator.ge, cast("float", limit), f"of at least {limit}")
                case Gt(gt=limit):
                    yield _Bound(operator.gt, cast("float", limit), f"above {limit}")
                case Le(le=limit):
                    yield _Bound(operator.le, cast("float", limit), f"at most {limit:,}")
                case _:
                    pass
        return
    for inner in get_args(hint):
        yield from _bounds(inner)
