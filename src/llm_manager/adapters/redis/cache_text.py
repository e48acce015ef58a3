"""What a shared cache holds, as JSON and back: answers of models, and plain data.

The rule: never pickle, and nothing is stored that would not come back equal. A record begins with the number of the
format; to change what is stored, raise it, and what older versions wrote is a miss.
"""

from __future__ import annotations

import json
from typing import cast

from pydantic import TypeAdapter, ValidationError

from llm_manager.domain.codec import to_json
from llm_manager.domain.response import LLMResponse
from llm_manager.ports import Cached

RESPONSE, DATA = '[1,"response",', '[1,"data",'
"""How a record of either kind begins; 1 is the number of the format."""

_RESPONSE: TypeAdapter[tuple[int, str, LLMResponse]] = TypeAdapter(tuple[int, str, LLMResponse])

DEEPEST = 100
"""Data nested deeper than this is not stored."""


def text_of(value: object) -> str | None:
    """*value* as it is stored; None for what is neither a response nor plain data.

    >>> text_of({"n": [1, 2.5, None]}), text_of(("a", "tuple"))
    ('[1,"data",{"n":[1,2.5,null]}]', None)
    """
    if isinstance(value, LLMResponse):
        return f"{RESPONSE}{to_json(value)}]"
    if not _is_plain(value, DEEPEST):
        return None
    return f"{DATA}{json.dumps(value, separators=(',', ':'), ensure_ascii=False)}]"


def value_of(text: bytes) -> Cached | None:
    """What *text* holds; None if it was not written by this format.

    >>> value_of(b'[1,"data",{"n":1}]'), value_of(b"foreign bytes"), value_of(b'[0,"data",1]')
    (Cached(value={'n': 1}), None, None)
    """
    if text.startswith(RESPONSE.encode()):
        return _response(text)
    return _data(text) if text.startswith(DATA.encode()) else None


def _response(text: bytes) -> Cached | None:
    try:
        return Cached(_RESPONSE.validate_json(text)[2])
    except ValidationError:
        return None


def _data(text: bytes) -> Cached | None:
    try:
        tree = cast("list[object]", json.loads(text))
    except (ValueError, RecursionError):
        return None
    return Cached(tree[2]) if len(tree) == 3 and _is_plain(tree[2], DEEPEST) else None


def _is_plain(value: object, depth: int) -> bool:
    """Would *value* come back from JSON as it is?"""
    match value:
        case None | bool() | int():
            return type(value) in (type(None), bool, int)
        case str():
            return type(value) is str and _is_text(value)
        case float():
            return value - value == 0.0  # neither infinite nor no number
        case list():
            items = cast("list[object]", value)
            return depth > 0 and all(_is_plain(item, depth - 1) for item in items)
        case dict():
            pairs = cast("dict[object, object]", value)
            return depth > 0 and all(
                type(name) is str and _is_text(name) and _is_plain(item, depth - 1) for name, item in pairs.items()
            )
        case _:
            return False


def _is_text(text: str) -> bool:
    """Not half of a character, which UTF-8 cannot write."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
