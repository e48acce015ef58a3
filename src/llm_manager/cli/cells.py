"""Text measured in the cells of a terminal: a Chinese character or an emoji fills two, an accent none.

The rule of this room: what is drawn in columns is measured here and nowhere by ``len``. Widths are those of Unicode's
East Asian Width (UAX 11) as the standard library has them; sequences of several emoji that a terminal may draw as one
are counted as that one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

_JOINER: Final = "\u200d"
_SKINS: Final = range(0x1F3FB, 0x1F400)
_WORD: Final = re.compile(r"\s*\S+")
"""A word, and the blanks before it."""


def cells(text: str) -> int:
    r"""How many cells *text*, one line, fills.

    >>> cells("sky"), cells("天空"), cells("cafe\u0301"), cells("👍"), cells("👩\u200d💻")
    (3, 4, 4, 2, 2)
    """
    return len(text) if text.isascii() else sum(width for _, width in _clusters(text))


def padded(text: str, width: int) -> str:
    """*text* and as many blanks as make it *width* cells wide.

    >>> padded("天", 4) + "|"
    '天  |'
    """
    return text + " " * (width - cells(text))


def cropped(text: str, width: int) -> str:
    """As much of *text* as *width* cells hold, with a mark where something is left out.

    >>> cropped("天空是蓝的", 6), cropped("blue", 6)
    ('天空…', 'blue')
    """
    if cells(text) <= width:
        return text
    head = _cut(text, width - 1)[0]
    return f"{head}…" if cells(head) < width else "…"


def wrapped(text: str, width: int) -> list[str]:
    """The lines of *text*, broken between words, or inside one that is longer than a line of *width* cells.

    >>> wrapped("It scatters the most.", 11), wrapped("天空是蓝的", 4)
    (['It scatters', 'the most.'], ['天空', '是蓝', '的'])
    """
    return [row for line in text.expandtabs(4).splitlines() or [""] for row in _rows(line, width)]


def _rows(line: str, width: int) -> Iterator[str]:
    row = ""
    for found in _WORD.findall(line):
        word: str = found
        if row and cells(row) + cells(word) > width:
            yield row
            row, word = "", word.lstrip()
        row += word
        while cells(row) > width:
            head, row = _cut(row, width)
            yield head
    if row or not line.strip():
        yield row


def _cut(text: str, width: int) -> tuple[str, str]:
    """The first *width* cells of *text*, or what fills more than those by itself, and the rest."""
    used = ends = 0
    for cluster, width_of in _clusters(text):
        if ends and used + width_of > width:
            break
        used, ends = used + width_of, ends + len(cluster)
    return text[:ends], text[ends:]


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    """What is drawn in one place, and its cells."""
    cluster, width = "", 0
    for char in text:
        if cluster and _adds_nothing(char):
            cluster += char
            continue
        if cluster.endswith(_JOINER) and _width(char) == 2:  # a family of emoji; letters are joined, not merged
            cluster, width = cluster + char, 2
            continue
        if cluster:
            yield cluster, width
        cluster, width = char, _width(char)
    if cluster:
        yield cluster, width


def _adds_nothing(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Me", "Cf") or ord(char) in _SKINS


def _width(char: str) -> int:
    if unicodedata.east_asian_width(char) in ("W", "F"):
        return 2
    return 0 if unicodedata.category(char) in ("Mn", "Me", "Cf") else 1
