"""Fields of an answer, read strictly: each is what it says, in whichever JSON type that means the same, or an error.

A field that is absent or null is None, or empty. One of a type that cannot mean what the field is for is never read as
absent: :class:`WrongType` names it, and :func:`strictly` makes a ``MalformedResponse`` of that. What is only told
beside an answer (counts, names of ids) is read leniently, by :mod:`~llm_manager.adapters.dialects.json_values`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, TypeVarTuple, cast

from returns.result import Failure

from llm_manager.adapters.dialects.json_values import Json, as_count, object_in
from llm_manager.domain.errors import LLMError, MalformedResponse
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.target import Target

A = TypeVar("A")
Ts = TypeVarTuple("Ts")


class WrongType(ValueError):
    """What a field holds cannot be what the field is for."""

    def __init__(self, path: str, value: object) -> None:
        super().__init__(f"{path} is {_kind(value)}")


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    known = {str: "text", int: "a number", float: "a number", list: "an array", dict: "an object"}
    return next((name for kind, name in known.items() if isinstance(value, kind)), "null")


def strictly(
    target: Target, read: Callable[[*Ts], Outcome[A, LLMError]], *arguments: *Ts
) -> Outcome[A, LLMError | MalformedResponse]:
    """What *read* makes of the *arguments*; ``MalformedResponse`` where it meets a field of a wrong type."""
    try:
        return read(*arguments)
    except WrongType as bad:
        return Failure(malformed(bad, target))


def malformed(bad: WrongType, target: Target) -> MalformedResponse:
    """The error that *bad* is."""
    return MalformedResponse(target.model, "protocol", str(bad))


def text_of(value: object, path: str) -> str | None:
    """Text; a number is its digits.

    >>> text_of("a", "id"), text_of(7, "id"), text_of(None, "id")
    ('a', '7', None)
    >>> text_of(["a"], "id")
    Traceback (most recent call last):
    llm_manager.adapters.dialects.fields.WrongType: id is an array
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return json.dumps(value)
    raise WrongType(path, value)


def number_of(value: object, path: str) -> int | None:
    """A whole number, also one that is written as text or with a point.

    >>> number_of(-1, "index"), number_of("0", "index"), number_of(2.0, "index"), number_of(None, "index")
    (-1, 0, 2, None)
    """
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    count = as_count(value)
    if count is None:
        raise WrongType(path, value)
    return count


def is_an_object(value: object) -> bool:
    """Is *value* an object, and not text of one?"""
    return isinstance(value, dict)


def object_of(value: object, path: str) -> Json:
    """An object, or JSON text of one; empty where there is none.

    >>> object_of({"a": 1}, "message"), object_of('{"a": 1}', "message"), object_of(None, "message")
    ({'a': 1}, {'a': 1}, {})
    """
    if isinstance(value, dict):
        return cast("Json", value)
    if value is None:
        return {}
    found = object_in(value) if isinstance(value, str) else None
    if found is None:
        raise WrongType(path, value)
    return found


def list_of(value: object, path: str) -> Sequence[Any]:
    """An array; empty where there is none.

    >>> list_of([1], "parts"), list_of(None, "parts")
    ([1], ())
    """
    if isinstance(value, list):
        return cast("Sequence[Any]", value)
    if value is None:
        return ()
    raise WrongType(path, value)


def objects_of(value: object, path: str) -> Sequence[Json]:
    """The objects of an array; one that is null is none."""
    return [object_of(each, f"{path}[{at}]") for at, each in enumerate(list_of(value, path)) if each is not None]


def flag_of(value: object, path: str) -> bool:
    """True or false, also as text or as a number; false where there is none.

    >>> flag_of(True, "done"), flag_of("false", "done"), flag_of(1, "done"), flag_of(None, "done")
    (True, False, True, False)
    """
    if value is None or isinstance(value, bool):
        return value is True
    known = {"true": True, "false": False, "1": True, "0": False}.get(str(value).lower())
    if known is None or isinstance(value, float):
        raise WrongType(path, value)
    return known


def arguments_text_of(value: object, path: str) -> str:
    """The arguments of a tool call as JSON text, in which a model may have made mistakes; empty where there are none.

    >>> arguments_text_of('{"a": 1', "arguments"), arguments_text_of({"a": 1}, "arguments")
    ('{"a": 1', '{"a": 1}')
    >>> arguments_text_of(None, "arguments")
    ''
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    raise WrongType(path, value)
