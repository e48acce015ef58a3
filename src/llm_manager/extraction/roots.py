"""Whether a bracket in a text that is still arriving begins the value, by what little has arrived behind it.

The rule: what is said here can not be taken back, so it waits for one character more rather than guess; and it calls
prose what the search of the whole text will call prose.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from llm_manager.extraction.candidates import may_start

_OBJECT: Final = re.compile(r"\{[ \t\r\n]*+(\"|[^ \t\r\n\"])")
_LIST: Final = re.compile(r"\[[ \t\r\n]*+(?:(\{[ \t\r\n]*+(?:\"|\}))|(\{?)[ \t\r\n]*+\Z|(.))", re.DOTALL)
_NAME_BEGINS: Final = re.compile(r"\{\s*+(?:/|(?:[^\W\d]|\$)[\w$ .-]{0,60}+(?:\"\s{0,9}+)?)?\Z")
_ODD_ITEMS: Final = frozenset("'“”„«‘’(/#,.+TFN")
_DATA_BEFORE: Final = re.compile(r"(?:\A\s*|[:=(>`][ \t]*|```[a-z]*\s*)\Z")
_FENCE_BEFORE: Final = re.compile(r"(?:\A\s*|```[a-z0-9]*\s*)\Z")


class Root(Enum):
    """What a bracket is: the beginning of JSON, of a value that is not JSON, or prose; or it cannot be said yet."""

    OBJECT = "object"
    LIST = "list"
    ODD = "odd"
    PROSE = "prose"
    UNDECIDED = "undecided"


def root_at(text: str, at: int, before: str) -> Root:
    """What the bracket at *at* is, in a *text* that may go on, behind what came *before*.

    >>> root_at('{"a', 0, ""), root_at("[1] and", 0, "as in "), root_at("{", 0, "")
    (<Root.OBJECT: 'object'>, <Root.PROSE: 'prose'>, <Root.UNDECIDED: 'undecided'>)
    """
    return _object(text, at) if text[at] == "{" else _list(text, at, before)


def _object(text: str, at: int) -> Root:
    opens = _OBJECT.match(text, at)
    if opens is None:
        return Root.UNDECIDED
    if opens[1] == '"':
        return Root.OBJECT
    if _NAME_BEGINS.match(text, at):
        return Root.UNDECIDED
    return Root.ODD if may_start(text, at, "none") else Root.PROSE


def _list(text: str, at: int, before: str) -> Root:
    opens = _LIST.match(text, at)
    if opens is None or opens[2] is not None:
        return Root.UNDECIDED
    expected = _DATA_BEFORE if opens[3] in {'"', "["} else _FENCE_BEFORE
    if opens[1] or (opens[3] and opens[3] in '"[-0123456789]' and expected.search(before)):
        return Root.LIST
    if opens[3] == "{" or (opens[3] in _ODD_ITEMS and _DATA_BEFORE.search(before)):
        return Root.ODD
    return Root.PROSE
