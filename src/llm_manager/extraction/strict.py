"""Reading what is JSON as it stands, at C speed, and refusing everything else without raising.

Two readers with one answer: ``pydantic_core`` for a whole text (fastest), and the C decoder of ``json`` at an offset,
which also says where the value ends. Both let some things through that cannot be written back as UTF-8 JSON (infinity,
half a surrogate pair); those count as faults here, so that the tolerant parser reads and reports them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple, cast

from llm_manager.extraction.extracted import JsonValue

DEPTH_CAP: Final = 256
"""How deep brackets may nest; deeper text is refused as ``too_deep``."""

_EXPONENTS: Final = bytes(
    ord("0") if chr(code) in "+0123456789" else ord("e") if chr(code) in "eE" else ord(" ") for code in range(256)
)
_LONG_EXPONENT: Final = re.compile(rb"[0-9]e\+?[0-9]{3,}+(?:[\s,}\]]|\Z)", re.IGNORECASE)
_MANY_DIGITS: Final = 200
"""With fewer in a row an exponent of two digits does not reach infinity, which is near ten to the power of 308."""
_TOO_DEEP_FOR_JITER: Final = "recursion limit"
"""Two hundred levels: less than the cap."""
_FIRST: Final = frozenset('{["-0123456789tfn \t\r\n')
_AT: Final = re.compile(r"at line ([0-9]+) column ([0-9]+)\Z")
_PAIRS_PASSES: Final = 48


class Faulty(NamedTuple):
    """The text stops being JSON at *at*."""

    at: int


class Read(NamedTuple):
    """A JSON *value* that ends before *end*."""

    value: JsonValue
    end: int


def read_whole(text: str) -> Read | Faulty:
    """The value when all of *text* is JSON that can be written back; else where it stops being so, or 0."""
    if text[:1] not in _FIRST:
        return Faulty(0)
    try:
        data = text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return Faulty(0)
    try:
        value = cast("JsonValue", _from_json()(data, allow_inf_nan=False, cache_strings="keys"))
    except ValueError as fault:
        said = str(fault)
        if said.startswith(_TOO_DEEP_FOR_JITER) and not may_nest_deeply(text):
            return _exactly(text)
        return Faulty(_position(data, said))
    return _exactly(text) if may_overflow(data) else Read(value, len(text))


@cache
def _from_json() -> Callable[..., object]:
    """The parser of pydantic, imported once and late: importing the package stays cheap, and so does asking again."""
    from pydantic_core import from_json  # noqa: PLC0415

    return from_json


def _position(data: bytes, complaint: str) -> int:
    """The character a complaint of the parser is about, which counts lines and, in them, bytes; 0 when it is no help.

    A value with something behind it is whole: there is no fault in it.
    """
    found = _AT.search(complaint)
    if found is None or complaint.startswith(("trailing characters", _TOO_DEEP_FOR_JITER)):
        return 0
    line, column = int(found[1]), int(found[2])
    rest = data.split(b"\n", line - 1)[-1]
    return len(data[: len(data) - len(rest) + column - 1].decode("utf-8", "ignore"))


def _exactly(text: str) -> Read | Faulty:
    """The same with every number looked at."""
    match read_at(text, len(text) - len(text.lstrip(" \t\r\n"))):
        case Read(value=value, end=end) if not text[end:].strip(" \t\r\n"):
            return Read(value, len(text))
        case _:
            return Faulty(0)


def may_overflow(data: bytes) -> bool:
    """Whether some number in *data* may be too large for a float: a cheap test that may say yes without cause.

    Such a number has an exponent of three digits, or at least two hundred digits in a row. The exponent is looked for
    from the end, where the search of bytes skips what cannot match and takes a third of the time; the digits in every
    hundredth byte first.
    """
    shape = data.translate(_EXPONENTS)
    at = shape.rfind(b"0e000")
    while at >= 0:
        if _LONG_EXPONENT.match(data, at):
            return True
        at = shape.rfind(b"0e000", 0, at + 4)
    return b"00" in shape[:: _MANY_DIGITS // 2] and b"0" * _MANY_DIGITS in shape


def _finite(digits: str) -> float:
    value = float(digits)
    if value in _INFINITE:
        raise ValueError(digits)
    return value


def _refuse(name: str) -> None:
    raise ValueError(name)


_INFINITE: Final = (float("inf"), float("-inf"))
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse)
_EXACT: Final = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def read_at(text: str, start: int) -> Read | Faulty:
    """The JSON value that begins at *start*, or where it stops being JSON."""
    try:
        value, end = _DECODER.raw_decode(text, start)
        if may_overflow(text[start:end].encode("utf-8", "replace")):
            value, end = _EXACT.raw_decode(text, start)
    except json.JSONDecodeError as fault:
        return Faulty(max(fault.pos, start))
    except (ValueError, RecursionError):
        return Faulty(start)
    return Read(value, end)


def failure_steps(size: int) -> int:
    """What a failing ``read_at`` in *size* characters costs besides reading: it counts the lines before the fault.

    Whoever tries again and again must charge this to a budget, or the tries add up to quadratic time.
    """
    return 32 + size // 64


def may_nest_deeply(text: str) -> bool:
    """Whether brackets nest deeper than the cap, outside of what looks like strings.

    The C decoder is kept away from such text, because its own limit depends on how deep the caller's stack happens to
    be. Innermost pairs are removed a few times over first; text that is not deep is then almost gone.
    """
    if text.count("{") + text.count("[") <= DEPTH_CAP:
        return False
    brackets = text.encode("utf-8", "replace").translate(None, _NOT_BRACKETS)
    for _ in range(_PAIRS_PASSES):
        shorter = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return brackets.count(b"{") + brackets.count(b"[") > DEPTH_CAP - 2 * _PAIRS_PASSES and _is_deep(text)


def _is_deep(text: str) -> bool:
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        mark = token[0][0]
        if mark in "{[":
            depth += 1
            if depth > DEPTH_CAP:
                return True
        elif mark in "}]":
            depth = max(depth - 1, 0)
    return False


_STRING_OR_BRACKET: Final = re.compile(r"\\.|\"[^\"\\]*(?:\\.[^\"\\]*)*\"|[{}\[\]]", re.DOTALL)
_NOT_BRACKETS: Final = bytes(c for c in range(256) if chr(c) not in "{}[]")


def is_writable(value: JsonValue) -> bool:
    """Whether the value can be written as UTF-8: False when a string holds half a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()  # pydantic's writer stops at 254 levels
    except ValueError:
        return False
    return True
