"""Open containers, and what a closing bracket means that does not match the innermost one.

The rule: a wrong bracket closes what the text behind it shows to be closed. ``}, "key":`` behind a list inside an
object is a ``]`` written as ``}``; ``}, {`` is a list that was never closed.
"""

from __future__ import annotations

import re
from typing import Final

from llm_manager.extraction.cursor import Cursor
from llm_manager.extraction.extracted import JsonValue
from llm_manager.extraction.strings import BARE_KEY, QUOTED_KEY, WS

KEY_AHEAD: Final = re.compile(QUOTED_KEY)
MORE_MEMBERS: Final = re.compile(rf"{WS}{{0,60}}+,{WS}{{0,60}}+(?:{QUOTED_KEY})")
_MEMBERS_AHEAD: Final = re.compile(rf"{WS}{{0,60}}+(?:/\*[^*]{{0,60}}\*/{WS}{{0,60}}+)?,?{WS}{{0,60}}+(?:{QUOTED_KEY})")
_BARE_MEMBERS_AHEAD: Final = re.compile(rf"{WS}{{0,60}}+,{WS}{{0,60}}+(?:{BARE_KEY})")
_LIST_GOES_ON: Final = re.compile(rf"{WS}{{0,60}}+(?:,{WS}{{0,60}}+\{{|\])")
_MORE_ITEMS: Final = re.compile(rf"{WS}{{0,60}}+,{WS}{{0,60}}+[{{\[\"'0-9-]")
_CLOSERS_AHEAD: Final = re.compile(rf"(?:{WS}{{0,60}}+[}}\])]){{0,300}}+")


class Frame:
    """An open container, what closes it, and the key that waits for its value."""

    __slots__ = ("closer", "container", "is_empty", "key", "kind", "parent", "unwrap")

    def __init__(
        self, kind: str, container: dict[str, JsonValue] | list[JsonValue], closer: str, parent: Frame | None
    ) -> None:
        self.kind = kind
        self.container = container
        self.closer = closer
        self.parent = parent
        self.key = ""
        self.is_empty = True
        self.unwrap = False

    def put(self, cursor: Cursor, value: JsonValue) -> None:
        """Add a value: under the waiting key of an object, at the end of a list."""
        if isinstance(self.container, dict):
            if self.key in self.container:
                cursor.note("duplicate_key")
            self.container[self.key] = value
        else:
            self.container.append(value)

    @property
    def last(self) -> JsonValue:
        """The item that was added to a list last; None where there is none."""
        return self.container[-1] if isinstance(self.container, list) and self.container else None

    def replace_last(self, value: JsonValue) -> None:
        """Put *value* where the value was that was added last."""
        if isinstance(self.container, dict):
            self.container[self.key] = value
        else:
            self.container[-1] = value

    def finish(self, cursor: Cursor) -> None:
        """What there is to do when the container ends: a call gives way to its only argument."""
        cursor.steps += 1
        if self.unwrap and self.parent is not None and isinstance(self.container, list):
            items = self.container
            self.parent.replace_last(items[0] if len(items) == 1 else items)


def fit(cursor: Cursor, stack: list[Frame], mark: str) -> None:
    """Read the closing bracket *mark* at the cursor and close what it closes."""
    frame = stack[-1]
    closer = frame.closer
    if (closer == mark or not closer) and not (len(stack) == 2 and _goes_on(cursor, frame)):
        cursor.i += len(closer)
        frame.finish(cursor)
        stack.pop()
    elif _is_extra(cursor, stack, mark):
        cursor.note("bracket_dropped")
        cursor.i += 1
    elif _is_swapped(cursor, stack, mark):
        cursor.note("bracket_swapped")
        cursor.i += 1
        frame.finish(cursor)
        stack.pop()
    else:
        cursor.note("bracket_added")
        frame.finish(cursor)
        stack.pop()


def _goes_on(cursor: Cursor, frame: Frame) -> bool:
    """Whether members follow the bracket that seems to close the outermost object: then it is one too many."""
    cursor.steps += 1
    return frame.kind == "{" and MORE_MEMBERS.match(cursor.text, cursor.i + 1, cursor.end) is not None


def _is_extra(cursor: Cursor, stack: list[Frame], mark: str) -> bool:
    if len(stack) == 2 and stack[-1].closer == mark:
        return True
    frame, outer = stack[-1], stack[-2]
    if mark == "}" and frame.kind == "[" and outer.kind == "{" and isinstance(frame.last, dict):
        return _LIST_GOES_ON.match(cursor.text, cursor.i + 1, cursor.end) is not None
    if all(frame.closer != mark for frame in stack[-40:]):
        before = cursor.text[cursor.i - 1 : cursor.i]
        return before == mark or (len(stack) == 2 and _ahead(cursor) >= len(stack))
    return False


def _ahead(cursor: Cursor) -> int:
    """How many closing brackets stand in a row here."""
    row = _CLOSERS_AHEAD.match(cursor.text, cursor.i, cursor.end)
    return sum(row[0].count(mark) for mark in "}])") if row else 0


def _is_swapped(cursor: Cursor, stack: list[Frame], mark: str) -> bool:
    """Whether *mark* stands where the closing bracket of the innermost container should."""
    cursor.steps += 1
    if all(frame.closer != mark for frame in stack[-40:]):
        return True
    outer, text, after = stack[-2], cursor.text, cursor.i + 1
    bare = cursor.bare_keys and _BARE_MEMBERS_AHEAD.match(text, after, cursor.end)
    if bare or _MEMBERS_AHEAD.match(text, after, cursor.end):
        return outer.kind == "{"
    if _MORE_ITEMS.match(text, after, cursor.end):
        return outer.kind != "{" and (len(stack) < 4 or stack[-3].kind == "{" or mark != outer.closer)
    return _ahead(cursor) >= len(stack) - 1
