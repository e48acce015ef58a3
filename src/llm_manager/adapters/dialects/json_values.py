"""Reading JSON that nobody promised anything about: what is not of the wanted type is None."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeAlias, cast

Json: TypeAlias = Mapping[str, Any]


def as_object(value: object) -> Json:
    """*value* if it is an object, else an empty one."""
    return cast("Json", value) if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[Any]:
    """*value* if it is an array, else an empty one."""
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def as_text(value: object) -> str | None:
    """*value* if it is text."""
    return value if isinstance(value, str) else None


_LARGEST: Final = 2**63
_DIGITS: Final = 19


def as_count(value: object) -> int | None:
    """*value* if it is a whole number that is not negative, and no larger than the 64 bits that vendors count in: also
    one that is written as text, or with a point.

    >>> as_count(7), as_count("7"), as_count(7.0), as_count(-7), as_count("many"), as_count(True)
    (7, 7, 7, None, None, None)
    """
    if not isinstance(value, int):
        value = _whole_number(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST else None


def _whole_number(value: object) -> int | None:
    if isinstance(value, str) and len(value) <= _DIGITS and value.isascii() and value.isdigit():
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None


def arguments_of(text: str) -> Json:
    """The arguments of a tool call as the object that some wires want; a model's broken JSON is kept as it was written.

    >>> arguments_of('{"at": "sky"}'), arguments_of("{at: sky}")
    ({'at': 'sky'}, {'arguments': '{at: sky}'})
    """
    value = object_in(text or "{}")
    return {"arguments": text} if value is None else value


def object_in(text: str) -> Json | None:
    """The JSON object that *text* is, None if it is none."""
    try:
        value = parse_json(text.encode())
    except ValueError:
        return None
    return cast("Json", value) if isinstance(value, dict) else None


def parse_json(body: bytes) -> Any:
    """The value of *body*; ``ValueError`` for what is none, is nested beyond reason, holds a number beyond it, or more
    values than there are in any answer. Half of a character, which JSON can write and nobody can read, is replaced."""
    try:
        return parse_exactly(body)
    except ValueError:
        if not may_hold_halves(body):
            raise
        return with_whole_characters(parse_with_halves(body))


def parse_exactly(body: bytes) -> Any:
    """As :func:`parse_json`, which see; ``ValueError`` for half of a character, too."""
    if len(body) > MOST_VALUES and _has_too_many_values(body):
        raise ValueError(f"it holds more than {MOST_VALUES:,} values")
    return _parser()(body, allow_inf_nan=False)


_MOST_NESTED: Final = 200
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE: Final = re.compile("[\ud800-\udfff]")


def may_hold_halves(body: bytes) -> bool:
    """May *body* have been refused for an escape that is half of a character? JSON has two for an emoji, and a server
    that cuts its text between them sends one alone."""
    return _HALF.search(body) is not None and body.count(b"[") + body.count(b"{") <= _MOST_NESTED


def parse_with_halves(body: bytes) -> Any:
    """The value of *body*, with halves of characters in its texts; ``ValueError`` for what is none."""
    return json.loads(body, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def with_whole_characters(value: Any) -> Any:
    """*value* with halves of characters joined or replaced, in every text of it."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, list):
        return [with_whole_characters(each) for each in cast("Sequence[Any]", value)]
    if isinstance(value, dict):
        pairs = cast("Json", value).items()
        return {with_whole_characters(name): with_whole_characters(each) for name, each in pairs}
    return value


def whole_characters(text: str) -> str:
    """*text* with two halves that belong together joined, and others replaced."""
    if _LONE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


MOST_VALUES: Final = 100_000
"""The most values that JSON from outside may hold. One takes some 64 bytes of memory, and two characters: 8 MiB of
``[],[],...`` would be 180 MiB. The arguments that a model can write in its longest answer hold some 60,000."""

_STRUCTURE: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|([,:[{])', re.DOTALL)
"""A string, even one without an end, or, as a group, what comes before or after a value."""


def _has_too_many_values(body: bytes) -> bool:
    """Are there more values in *body* than may be? What is inside a string is only looked at where that matters."""
    if sum(map(body.count, (b",", b":", b"[", b"{"))) <= MOST_VALUES:
        return False
    values = 0
    for match in _STRUCTURE.finditer(body):
        values += match.lastindex is not None
        if values > MOST_VALUES:
            return True
    return False


@cache
def _parser() -> Callable[..., Any]:
    """Asked for a piece of a stream at a time: an import statement costs as much as half of the parsing."""
    from pydantic_core import from_json  # noqa: PLC0415  # only who calls a model needs it

    return from_json


_COMPACT: Final = json.JSONEncoder(separators=(",", ":"))


def written(fields: Json) -> bytes:
    """*fields* as the body of a request.

    >>> written({"model": "gpt", "stream": True})
    b'{"model":"gpt","stream":true}'
    """
    return _COMPACT.encode(fields).encode()
