"""What of a text decides how many tokens it is: each character's class, beside the class of the one before it.

Tokenizers cut at changes of the kind of character, and join letters that often stand together. Both are pairs of
neighbours, so an estimate is the sum of a weight for each pair. A class is half a byte and a pair of classes a byte,
which ``bytes.translate`` turns into its weight and a checksum of zlib adds up: a few passes in C, no loop in Python.

There are pairs of classes of characters, pairs of groups of letters, and, of what is not ASCII, quarters of blocks of
Unicode; beside them, counts of what no pair sees: gaps of several spaces, and a few characters over and over. How the
weights were fitted is told in the decision 0170.
"""

from __future__ import annotations

from typing import Final
from zlib import adler32

PAIRS: Final = 256
"""How many codes there are of each kind."""

CONTINUATION: Final = bytes(range(0x80, 0xC0))
"""The bytes of UTF-8 that begin no character."""


def _table(*groups: bytes) -> bytes:
    """The place of the group that a byte is in, counted from 1; 0 of a byte that is in none."""
    return bytes(next((at for at, group in enumerate(groups, 1) if byte in group), 0) for byte in range(256))


def _except(*groups: bytes) -> bytes:
    return bytes(byte for byte in range(0x80) if not any(byte in group for group in groups))


_KINDS: Final = (
    b" ",
    b"\n\r\t\x0b\x0c",
    b"0123456789",
    b"aeiou",
    b"bcdfghlmnprstwy",
    b"jqxzkv",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    b".,'\"-:;!?",
    b"_/(){}[]=<>",
)
_LEADS: Final = (
    bytes(range(0xC3, 0xCB)),  # Latin letters with marks
    bytes(range(0xCC, 0xE0)),  # Greek, Cyrillic, Hebrew, Arabic and more
    b"\xe0\xe1",  # India, South East Asia, Ethiopia, Georgia
    bytes(range(0xE3, 0xEE)),  # China, Japan, Korea
    bytes(byte for byte in range(0xC0, 0x100) if byte in (0xC0, 0xC1, 0xC2, 0xCB, 0xE2) or byte > 0xED),
)
CHARACTERS: Final = _table(*_KINDS, _except(*_KINDS), *_LEADS)
"""The class of each character by the first byte that it is in UTF-8."""

_LETTERS: Final = (*"eaoinrtsld", "u", "cm", "hgy", "pbfvwk", "jqxz")
LETTERS: Final = _table(*((group + group.upper()).encode() for group in _LETTERS))
"""The group of each letter of ASCII; 0 of what is none."""

_ALONE: Final = 0x28
_BLOCKS: Final = (
    (0x28, 0x2D, 40),
    (0x2E, 0x2F, 41),
    (0x30, 0x30, 42),
    (0x31, 0x31, 43),
    (0x32, 0x33, 44),
    (0x34, 0x4D, 45),
    (0x4E, 0x5F, 46),
    (0x60, 0x7F, 47),
    (0x80, 0x9F, 48),
    (0xA0, 0xAB, 49),
    (0xAC, 0xD7, 50),
    (0xD8, 0xD8, 51),
    (0xD9, 0xDB, 59),
    (0xDC, 0xDF, 52),
    (0xE0, 0xF8, 53),
    (0xF9, 0xFA, 54),
    (0xFB, 0xFB, 55),
    (0xFC, 0xFD, 56),
    (0xFE, 0xFE, 57),
    (0xFF, 0xFF, 58),
)
"""Which blocks of 256 characters, by the upper byte of UTF-16, are told together, from ``_ALONE`` on."""


def _block(upper: int) -> int:
    return upper if upper < _ALONE else next(name for first, last, name in _BLOCKS if first <= upper <= last)


_UPPER: Final = bytes(_block(upper) << 2 for upper in range(256))
_LOWER: Final = bytes(lower >> 6 for lower in range(256))

_SPACE, _BREAK = 1, 2
_GAPS: Final = bytes(
    2 if code == _SPACE * 17 else 1 if code >> 4 == _SPACE and code & 15 not in (0, _SPACE, _BREAK) else 0
    for code in range(256)
)
"""2 for a space behind a space, 1 for one behind anything else that is no line break."""

JOIN: Final = 0x110
_ADDED: Final = 256
"""As many bytes as a checksum of zlib can add up: the lower half of Adler-32 is 1 and the sum, modulo 65,521."""


def pairs(classes: bytes) -> bytes:
    """The code of each neighbouring pair of *classes*, the ends of the text being of class 0.

    As one large number, what is multiplied by ``0x110`` is itself half a byte further and a whole byte further, added
    up, so that each byte holds a class beside the one before it.
    """
    return (int.from_bytes(classes, "little") * JOIN).to_bytes(len(classes) + 1, "little")


def gaps(codes: bytes) -> int:
    """How many times several spaces follow something else than a line break: they are one token more, between columns,
    where a single space is a part of the next word.

    >>> gaps(pairs(b"ab   cd e".translate(CHARACTERS)))
    1
    """
    return codes.translate(_GAPS).count(b"\1\2")


_CYCLES: Final = (24, 40)
"""Distances that every period up to 6 divides, and 8, 10, 12, 20 and 24."""

_SAME: Final = bytes(8)


def repeats(data: bytes) -> int:
    """How many times eight bytes stand again after a short distance, once for each distance: in a text that is a few
    characters over and over, whose pairs are those of ordinary words and whose tokens are more."""
    number = int.from_bytes(data, "little")
    return sum((number ^ (number >> 8 * far)).to_bytes(len(data), "little").count(_SAME) for far in _CYCLES)


def quarters(text: str) -> bytes:
    """The quarter of a block that each character is in, as UTF-16 has it; those of ASCII are 0 and 1."""
    units = text.encode("utf-16-le", "surrogatepass")
    blocks = int.from_bytes(units[1::2].translate(_UPPER), "little")
    both = blocks | int.from_bytes(units[::2].translate(_LOWER), "little")
    return both.to_bytes(len(units) // 2, "little")


def weight(codes: bytes, weights: bytes) -> int:
    """The sum of the weights of *codes*.

    >>> weight(bytes([3, 3, 7]) * 1000, bytes(range(256)))
    13000
    """
    each = codes.translate(weights)
    if len(each) <= _ADDED:
        return (adler32(each) & 0xFFFF) - 1
    starts = range(0, len(each), _ADDED)
    return sum([adler32(each[start : start + _ADDED]) & 0xFFFF for start in starts]) - len(starts)
