"""The widest lane: all the ordinary members or items up to a fault that takes judgement, read in one go.

In a long document that is damaged at every turn even one regular expression a member costs too much. Here one cuts the
text into pieces, each piece says what it is in JSON, and the C decoder reads the sum; what is the same in every record
(a key, a comma, a literal) is translated once.

The rule: a piece is taken only when the lanes of :mod:`.lanes` would read it with the same value and the same repairs,
and the sum only when it is JSON and no key in it stands twice. Everything else is left to them, so this lane may fail
anywhere and at no cost but time; of that there is a budget, and failure after failure it is tried less.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from functools import cache
from itertools import accumulate, compress, repeat
from operator import sub
from typing import Final, cast

from llm_manager.extraction.brackets import Frame
from llm_manager.extraction.cursor import LONG, Cursor
from llm_manager.extraction.extracted import JsonValue, RepairKind
from llm_manager.extraction.lanes import move
from llm_manager.extraction.scalars import word_value
from llm_manager.extraction.strings import QUOTED_KEY

_FIRST_WINDOW: Final = 2_048
_WIDEST_WINDOW: Final = 65_536
_LOOK_AHEAD: Final = 200
"""How far behind a piece what is read of it may depend on; so near to the end of a window none is taken."""
_WASTE: Final = 2
"""How many characters may be cut into pieces to no use for each that was read."""
_STEP: Final = 8
"""Characters that are cut into pieces in the time a step of the other lanes takes."""
_LATER: Final = 32
_MOST_CLOSED: Final = 8
_LONGEST_WAIT: Final = 14
_LONGEST_KEY: Final = 60
_BLANK: Final = " \t\r\n"
_NO_START: Final = _BLANK + "}])"
_NO_JSON: Final = "?"
"""What a piece says that must not be taken."""
_JSON_WORDS: Final = frozenset({"true", "false", "null"})
_SPACE: Final = re.compile(r"[ \t\r\n]*+")
_GAP: Final = r"[ \t\r\n]{0,60}+"
_COMMA: Final = rf"(?: , (?!{_GAP}[}}\]]) )?"
_PIECE: Final = rf"""
    (?: "[^"\\\x00-\x1f]*+" | '[^'"\\\x00-\x1f]*+' | [A-Za-z_][\w.-]{{0,60}}+ )
        [ \t]*+ (?: : | {_GAP} {_COMMA} ) {_GAP}
  | -?(?:0|[1-9][0-9]{{0,17}}+) (?:\.[0-9]{{1,40}}+)? (?![0-9.eExX_]) {_GAP} {_COMMA} {_GAP}
  | (?: , {_GAP} )? [}}\]](?!") {_GAP} {_COMMA} {_GAP}
  | \{{ (?!{_GAP},) {_GAP} | \[ (?: [ \t\r\n]{{1,60}}+(?!{QUOTED_KEY}) )? (?![,\s])"""
"""A key with its colon or a scalar, a bracket, each with the comma and the white space behind it. A comma too many
stands with the closing bracket behind it."""


@cache
def _piece() -> re.Pattern[str]:
    """One piece; built when a long document is damaged, to keep the import cheap."""
    return re.compile(_PIECE, re.VERBOSE | re.ASCII)


@cache
def _pieces() -> re.Pattern[str]:
    """As many as follow one another."""
    return re.compile(f"(?:{_PIECE})*", re.VERBOSE | re.ASCII)


class Glossary:
    """What the pieces of one document say: in JSON, as a repair, as a key, as a step in or out."""

    __slots__ = ("_depths", "_keys", "_kinds", "_said", "_seen")

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._said: dict[str, str] = {}
        self._kinds: dict[str, RepairKind] = {}
        self._keys: dict[str, int] = {}
        self._depths: dict[str, int] = {}

    def json(self, pieces: list[str]) -> tuple[str, int]:
        """The pieces in JSON, without the comma behind the last, and how many keys there are in them."""
        said = "".join(map(self._said.get, pieces, pieces)).rstrip(_BLANK)[:-1]
        return said, sum(map(self._keys.get, pieces, repeat(0)))

    def learn(self, pieces: set[str]) -> None:
        """Find out what pieces say that were not seen before."""
        new = pieces - self._seen
        self._seen |= new
        for piece in new:
            mark = piece[0]
            if mark in "-0123456789":
                continue
            if mark in "{[":
                self._depths[piece] = 1
            elif mark in "}],":
                self._depths[piece] = -1
                if mark == ",":
                    self._repaired(piece, piece[1:], "comma_dropped")
            elif piece.rstrip(_BLANK)[-1] == ":":
                self._learn_key(piece)
            elif mark == "'":
                self._repaired(piece, piece.replace("'", '"'), "odd_quotes")
            elif mark != '"':
                self._learn_word(piece)

    def _learn_key(self, piece: str) -> None:
        name = piece.rstrip(_BLANK)[:-1].rstrip(_BLANK)
        quote = name[0] if name[0] in "\"'" else ""
        if len(name) > _LONGEST_KEY or not (quote or name.isidentifier()):
            self._said[piece] = _NO_JSON
            return
        self._keys[piece] = 1
        if not quote:
            self._repaired(piece, f'"{name}":', "bare_key")
        elif quote == "'":
            self._repaired(piece, piece.replace("'", '"'), "odd_quotes")

    def _learn_word(self, piece: str) -> None:
        word = piece.rstrip(_BLANK + ",")
        if word in _JSON_WORDS:
            return
        cursor = Cursor("", 0, 0, islands=0, limit=0)
        value = word_value(cursor, word, 0)
        self._repaired(piece, json.dumps(value) + "," * ("," in piece), cursor.kinds[0])

    def _repaired(self, piece: str, said: str, kind: RepairKind) -> None:
        self._said[piece] = said
        self._kinds[piece] = kind

    def depths(self, pieces: list[str]) -> list[int]:
        """How many brackets are open behind each of the pieces."""
        return list(accumulate(map(self._depths.get, pieces, repeat(0))))

    def whole(self, pieces: list[str], depths: list[int], frame: Frame) -> int:
        """How many pieces, from the first, are whole members or items with a comma and another behind each."""
        end = depths.index(-1) if -1 in depths else len(depths)
        in_list = isinstance(frame.container, list)
        for last in range(end - 2, -1, -1):
            if depths[last] == 0 and pieces[last].rstrip(_BLANK)[-1] == ",":
                return last + 1 if in_list or pieces[last + 1] in self._keys else 0
        return 0

    def note(self, cursor: Cursor, pieces: list[str], starts: list[int]) -> None:
        """What was repaired by taking the pieces, for the *cursor*."""
        found = cast("list[RepairKind | None]", list(map(self._kinds.get, pieces)))
        kinds = cast("list[RepairKind]", list(filter(None, found)))
        cursor.kinds += kinds
        cursor.offsets += compress(starts, found)
        cursor.bare_keys = cursor.bare_keys or "bare_key" in kinds


class Bulk:
    """How much of one document to try at a time, and where to try again: at ``bulk_at`` of its cursor."""

    __slots__ = ("_failures", "_glossary", "_is_promised", "_wasted", "_window")

    def __init__(self) -> None:
        self._failures = self._wasted = 0
        self._window = _FIRST_WINDOW
        self._is_promised = False
        self._glossary = Glossary()

    def read(self, cursor: Cursor, frame: Frame) -> None:
        """As many whole members or items as there are, window by window, into the container of *frame*."""
        while (start := _start(cursor, frame)) >= 0 and self._may_try(start - cursor.start):
            better = self._read_window(cursor, frame, start)
            if better >= 0:
                self._wait(cursor, better)
                return
        cursor.bulk_at = cursor.i + _LATER

    def _may_try(self, already_read: int) -> bool:
        """Whether there is a promise that a long run begins here, or something is left of what may be wasted."""
        return self._is_promised or self._wasted <= _WASTE * already_read

    def _read_window(self, cursor: Cursor, frame: Frame, start: int) -> int:
        """Read as much as a window shows, the next time twice as much; -1, or where to try again if it was little."""
        said = self._glossary
        pieces, starts = _cut(cursor.text, start, min(start + self._window, cursor.end))
        said.learn(set(pieces))
        depths = said.depths(pieces)
        count = said.whole(pieces, depths, frame)
        if count and _put(frame, said, pieces[:count]):
            said.note(cursor, pieces[:count], starts)
            move(cursor, starts[count])
        if 4 * (cursor.i - start) <= self._window:
            return starts[_longest_stretch(depths)]
        self._failures, self._is_promised = 0, False
        self._window = min(2 * self._window, _WIDEST_WINDOW)
        return -1

    def _wait(self, cursor: Cursor, better: int) -> None:
        """Try again from a *better* place on, if there is one, and the later the more often it failed in a row."""
        cursor.steps += self._window // _STEP
        self._wasted += self._window
        self._is_promised = better > cursor.i and not self._is_promised
        self._failures += not self._is_promised
        cursor.bulk_at = max(better, cursor.i + (1 << min(self._failures, _LONGEST_WAIT)))
        self._window = _FIRST_WINDOW


def _put(frame: Frame, glossary: Glossary, pieces: list[str]) -> bool:
    """Read them and put them into the container; False where that is not JSON or a key stands there twice."""
    said, keys = glossary.json(pieces)
    container = frame.container
    if isinstance(container, dict):
        value, members = _read(f"{{{said}}}")
        if not isinstance(value, dict) or members != keys or not container.keys().isdisjoint(value):
            return False
        container.update(value)
    else:
        value, members = _read(f"[{said}]")
        if not isinstance(value, list) or members != keys:
            return False
        container.extend(value)
    frame.is_empty = False
    return True


def _longest_stretch(depths: list[int]) -> int:
    """Behind which piece the longest run in one container begins: here, or where some containers have been closed."""
    ends = [0]
    while len(ends) < _MOST_CLOSED and -len(ends) in depths:
        ends.append(depths.index(-len(ends)) + 1)
    lengths = map(sub, [*ends[1:], len(depths)], ends)
    return max(zip(lengths, ends, strict=True))[1]


def _start(cursor: Cursor, frame: Frame) -> int:
    """Where the next member or item begins, if a long run may begin there; else -1."""
    blank = _SPACE.match(cursor.text, cursor.i, cursor.end) if isinstance(frame.container, dict) else None
    start = blank.end() if blank else cursor.i
    if cursor.end - start < LONG or cursor.fault_at - start > _FIRST_WINDOW or cursor.text[start] in _NO_START:
        return -1
    return start


def _cut(text: str, start: int, end: int) -> tuple[list[str], list[int]]:
    """The pieces from *start* on, up to what is none, and where they begin; those near the *end* are left out."""
    pieces, starts = _found(text, start, end)
    if text.startswith("".join(pieces), start):
        return pieces, starts
    run = _pieces().match(text, start, end)  # something between them is none
    return _found(text, start, run.end() if run else start)


def _found(text: str, start: int, end: int) -> tuple[list[str], list[int]]:
    pieces = _piece().findall(text, start, end)
    starts = list(accumulate(map(len, pieces), initial=start))
    count = max(bisect_right(starts, end - _LOOK_AHEAD) - 1, 0)
    return pieces[:count], starts


def _read(text: str) -> tuple[JsonValue, int]:
    """The value of *text* and how many members its objects have together; None where it is not JSON."""
    sizes: list[int] = []

    def sized(members: dict[str, JsonValue]) -> dict[str, JsonValue]:
        sizes.append(len(members))
        return members

    try:
        return cast("JsonValue", json.loads(text, object_hook=sized)), sum(sizes)
    except (ValueError, RecursionError):
        return None, 0
