"""Words without quotes: numbers, literals of any language, and text that lost its quotation marks.

The rule: a word becomes a number only when nothing in it would be lost (``007``, ``1.2.3``, ``10:30`` and ``50%`` stay
text). To know another literal, add it to ``_LITERALS``.
"""

from __future__ import annotations

import re
from typing import Final

from llm_manager.extraction.cursor import Cursor
from llm_manager.extraction.extracted import JsonValue
from llm_manager.extraction.strings import BARE_KEY, BLANK, CUT_KEY, NEXT_KEY, QUOTED_KEY, WS

_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?([eE][+-]?[0-9]++)?")
_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:0|[1-9][0-9]*+(?:_[0-9]++)*)(\.[0-9]*+)?|(\.[0-9]++))([eE][+-]?[0-9]++)?", re.ASCII
)
_HEXADECIMAL: Final = re.compile(r"[+-]?0[xX][0-9a-fA-F]++")
_THOUSANDS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(\.[0-9]++)?")
_NUMBER_CUT: Final = re.compile(r"[+-]?(?:0[xX]?|[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?)?|\.)?")
_NOT_FINITE: Final = frozenset({"nan", "inf", "infinity"})
_NUMBER_BEGINS: Final = frozenset("+-.0123456789")
_LITERALS: Final[dict[str, JsonValue]] = {
    "true": True,
    "false": False,
    "null": None,
    "none": None,
    "undefined": None,
    "nil": None,
}
_LONGEST_INTEGER: Final = 4_300
_MEMBER_RUN: Final = re.compile(r"[^,，}\]\n\"]*+")
_ITEM_RUN: Final = re.compile(r"[^,，}\])\n\"]*+")
_KEY_AHEAD: Final = re.compile(QUOTED_KEY)
_SCALAR: Final = r"(?:[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?|true|false|null|True|False|None)"
_TWO_ITEMS: Final = re.compile(rf"{_SCALAR}(?=[ \t]{{1,60}}+{_SCALAR}[\s,\]])")
_PLAIN: Final = re.compile(
    rf"{_SCALAR}(?=\s{{0,60}}+(?:[\"'{{\[}}\])]|[,;]\s{{0,60}}+(?:[\"'{{\[}}\]]|{BARE_KEY}))|\s{{1,60}}+{BARE_KEY})"
)
_COMMAS: Final = re.compile(rf"[,，]+(?:{WS}{{0,60}}+[,，]+)*")
_MEMBER_STOPS: Final = re.compile(
    rf"{WS}{{0,60}}+(?:{NEXT_KEY}|{BARE_KEY}|[}}\]]|\Z|//|/\*|\#|\.\.\.|…|{CUT_KEY}|[^\W\d]\w{{0,60}}+\Z)"
)
_COMMENT_AHEAD: Final = re.compile(r"\s(?://|/\*|#)|(?<=[0-9])\s\.{3}")


def read_word(cursor: Cursor, *, in_object: bool) -> tuple[JsonValue, bool]:
    """The value of the word at the cursor, and whether there is one: a literal that was cut off is none."""
    start = cursor.i
    stop = _word_end(cursor, in_object=in_object)
    word = cursor.text[start:stop].strip(BLANK)
    if word.endswith(";"):
        cursor.note("comma_dropped", start + len(word) - 1)
        word = word.rstrip("; ")
    cursor.i = stop
    if stop >= cursor.end:
        cursor.cut = True
        if is_cut_literal(word) or (_NUMBER_CUT.fullmatch(word) and not _JSON_NUMBER.fullmatch(word)):
            return None, False
    return word_value(cursor, word, start), bool(word)


def _word_end(cursor: Cursor, *, in_object: bool) -> int:
    text, end, at = cursor.text, cursor.end, cursor.i
    if plain := _PLAIN.match(text, at, end) or (not in_object and _TWO_ITEMS.match(text, at, end)):
        cursor.steps += plain.end() - at
        return plain.end()
    run = _MEMBER_RUN if in_object else _ITEM_RUN
    while True:
        matched = run.match(text, at, end)
        stop = matched.end() if matched else at
        cursor.steps += stop - at + 1
        comment = _COMMENT_AHEAD.search(text, at, stop)
        if comment:
            return comment.start()
        if text[stop : min(stop + 1, end)] == '"' and not _KEY_AHEAD.match(text, stop, end):
            at = stop + 1
            continue
        if stop >= end or not in_object or text[stop] not in ",，":
            return stop
        commas = _COMMAS.match(text, stop, end)
        at = commas.end() if commas else stop + 1
        cursor.steps += at - stop
        if _MEMBER_STOPS.match(text, at, end):
            return stop


def is_cut_literal(word: str) -> bool:
    """Whether *word* is the beginning of a literal and no more.

    >>> is_cut_literal("tr"), is_cut_literal("true"), is_cut_literal("tree")
    (True, False, False)
    """
    lower = word.lower()
    return bool(lower) and any(name.startswith(lower) and name != lower for name in (*_LITERALS, "nan", "infinity"))


def word_value(cursor: Cursor, word: str, at: int) -> JsonValue:
    """What *word*, which stands at *at*, says."""
    if word[:1] in _NUMBER_BEGINS:
        plain = _JSON_NUMBER.fullmatch(word)
        if plain:
            return _number(cursor, word, at, whole=not (plain[1] or plain[2]))
        return _odd_number(cursor, word, at)
    lower = word.lower()
    if lower in _LITERALS:
        if word not in {"true", "false", "null"}:
            cursor.note("literal_translated", at)
        return _LITERALS[lower]
    if lower in _NOT_FINITE:
        cursor.note("non_finite", at)
        return None
    return _text(cursor, word, at)


def _number(cursor: Cursor, word: str, at: int, *, whole: bool) -> JsonValue:
    if whole:
        if len(word) > _LONGEST_INTEGER:
            cursor.note("huge_number", at)
            return word
        return int(word)
    value = float(word)
    if value in (float("inf"), float("-inf")):
        cursor.note("non_finite", at)
        return None
    return value


def _odd_number(cursor: Cursor, word: str, at: int) -> JsonValue:
    if word[1:].lower() in _NOT_FINITE and word[0] in "+-":
        cursor.note("non_finite", at)
        return None
    if odd := _NUMBER.fullmatch(word):
        cursor.note("number_translated", at)
        return _number(cursor, word.replace("_", ""), at, whole=not any(odd.groups()))
    if len(word) < _LONGEST_INTEGER // 2 and _HEXADECIMAL.fullmatch(word):
        cursor.note("number_translated", at)
        return int(word, 16)
    if grouped := _THOUSANDS.fullmatch(word):
        cursor.note("number_translated", at)
        return _number(cursor, word.replace(",", ""), at, whole=not grouped[1])
    return _text(cursor, word, at)


def _text(cursor: Cursor, word: str, at: int) -> str:
    quote = word[-1:]
    if quote and quote in "\"'" and word.count(quote) == 1:
        cursor.note("quote_added", at)
        return word[:-1]
    cursor.note("bare_string", at)
    return word
