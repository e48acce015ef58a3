"""Documents with one layer of escaping too many: ``{\\"a\\": 1}`` and ``{&quot;a&quot;: 1}``."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

_GAP: Final = r"(?:\s|\\[nrt]){0,60}"
_BACKSLASHED: Final = re.compile(rf"[{{\[]{_GAP}(?:[{{\[]{_GAP}){{0,3}}\\\"")
_ENTITIES: Final = re.compile(r"[{\[]\s{0,60}+&(?:quot|#34|#x22);")
_BACKSLASH: Final = re.compile(r"\\([\"\\/nrt])")
_ENTITY: Final = re.compile(r"&(quot|#34|#x22|apos|#39|amp|lt|gt);")
_SAID: Final = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "quot": '"',
    "#34": '"',
    "#x22": '"',
    "apos": "'",
    "#39": "'",
    "amp": "&",
    "lt": "<",
    "gt": ">",
}


@dataclass(frozen=True, slots=True)
class Unescaped:
    """The text behind the escaping, from *start* of the whole text to *end*."""

    text: str
    start: int
    end: int
    marks: tuple[int, ...]
    shifts: tuple[int, ...]

    def offset(self, inner: int) -> int:
        """Where in the whole text the character at *inner* of the unescaped one stood."""
        before = bisect_right(self.marks, inner - 1)
        return self.start + inner + (self.shifts[before - 1] if before else 0)


def looks_escaped(text: str, at: int) -> bool:
    """Whether the first quotation mark behind the bracket at *at* is written as an escape."""
    return _BACKSLASHED.match(text, at) is not None or _ENTITIES.match(text, at) is not None


def read_escaped(text: str, at: int, window: int) -> Unescaped:
    """The text from *at*, *window* characters of it, with one layer of escaping removed."""
    end = min(at + window, len(text))
    if end < len(text) and text[end - 1] == "\\":  # do not part an escape
        end -= 1
    pattern = _BACKSLASH if _BACKSLASHED.match(text, at) else _ENTITY
    pieces: list[str] = []
    marks: list[int] = []
    shifts: list[int] = []
    last, length, shift = at, 0, 0
    for found in pattern.finditer(text, at, end):
        pieces += (text[last : found.start()], _SAID.get(found[1], found[1]))
        length += found.start() - last
        shift += len(found[0]) - 1
        marks.append(length)
        shifts.append(shift)
        length += 1
        last = found.end()
    pieces.append(text[last:end])
    return Unescaped("".join(pieces), at, end, tuple(marks), tuple(shifts))
