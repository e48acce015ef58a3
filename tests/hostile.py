"""Text that a terminal would obey, or draw in another order, in every place of a record that holds free text."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints

from llm_manager import Problem

A = TypeVar("A")

REORDERING: Final = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
MARKS: Final = "\u200e\u200f\u061c"

HOSTILE: Final = "\x1b[2J\x1b]0;x\x07\x9b31m\x00\x7f\x85\u202e\u2066\u2069\u200f\u061c\u2028\ud800\rend"
"""Without a blank: what is put in quotes is escaped by many a renderer, and what is not is not."""


def steering(text: str) -> set[str]:
    """What in *text* steers a terminal, or hides what follows it."""
    return {
        char
        for char in text
        if (unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") and char not in "\n\t")
        or unicodedata.bidirectional(char) in REORDERING
        or char in MARKS
    }


def made_hostile(record: A) -> A:
    """*record* with :data:`HOSTILE` in every field, also of the records in it, that is free text."""
    made: A = _hostile(record, type(record))
    return made


def _hostile(value: Any, declared: Any) -> Any:
    if isinstance(value, Problem):
        return Problem(f"a.{HOSTILE}", f"is {HOSTILE}")
    if is_dataclass(value) and not isinstance(value, type):
        hints = get_type_hints(type(value))
        made = {each.name: _hostile(getattr(value, each.name), hints[each.name]) for each in fields(value) if each.init}
        return replace(value, **made)
    if isinstance(value, tuple):
        return tuple(_hostile(each, str) for each in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, Mapping):
        return dict.fromkeys([HOSTILE], HOSTILE) if value else {}
    if declared is str or (get_origin(declared) in (Union, UnionType) and str in get_args(declared)):
        return HOSTILE
    return value
