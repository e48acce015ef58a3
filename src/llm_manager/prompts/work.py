"""What rendering one prompt may still do, and what it costs to look at a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast, final

from llm_manager.prompts.limits import RENDERED_CHARS, WORK

_CHARS_PER_UNIT = 64


class RenderingFailed(ValueError):
    """A template asked for what cannot be done; its text says what, for people."""


@final
class Purse:
    """The units of work that are left for one prompt; made anew for each rendering."""

    __slots__ = ("left",)

    def __init__(self, units: int = WORK) -> None:
        self.left = units

    def pay(self, units: int) -> None:
        """Take *units* out; raises ``RenderingFailed`` when they are not there."""
        self.left -= units
        if self.left < 0:
            raise RenderingFailed(f"is more work than a prompt may be ({WORK:,} units): loop over less")


def weight(value: object) -> int:
    """The units that looking at all of *value* costs.

    >>> weight("x" * 640), weight([1, [2, 3]]), weight(None)
    (11, 5, 1)
    """
    match value:
        case str():
            return 1 + len(value) // _CHARS_PER_UNIT
        case list() | tuple():
            return 1 + sum(map(weight, cast("Iterable[object]", value)))
        case dict():
            named = cast("Mapping[object, object]", value)
            return 1 + sum(weight(name) + weight(item) for name, item in named.items())
        case _:
            return 1


def within_length(characters: int) -> None:
    """Raises ``RenderingFailed`` when a text of so many *characters* is none that a template may make."""
    if characters > RENDERED_CHARS:
        raise RenderingFailed(f"makes a text of more than {RENDERED_CHARS:,} characters")
