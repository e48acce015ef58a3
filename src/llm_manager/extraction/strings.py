"""Reading a string whose quotes, escapes or end cannot be trusted.

The rule: a quotation mark ends its string when what follows could follow a string there (a comma and the next key, a
closing bracket, the end); otherwise it belongs to the text. Every look-ahead is bounded, so that a document made of
quotation marks still costs linear time. To accept another pair of quotation marks, add it to ``CLOSERS``.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache
from typing import Final

from llm_manager.extraction.cursor import LOOK_AHEAD, Cursor

CLOSERS: Final = {
    '"': '"',
    "'": "'",
    "“": '”“"',
    "”": '”“"',
    "„": '“”"',
    "‘": "’‘'",
    "’": "’‘'",
    "«": "»",
    "`": "`",
}
"""What may close a string, by what opened it."""

WS: Final = r"[\s\ufeff\u200b\x00]"
BLANK: Final = " \t\r\n\x0b\x0c\x00\xa0\u1680\u2002\u2003\u2009\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
"""What counts as white space around a word, character by character."""
_QUOTED: Final = (
    r"(?:\"(?:[^\"\\\n]|\\.){0,100}\"|'(?:[^'\\\n]|\\.){0,100}'|[“„\"][^“”\"\n]{0,100}+[”“\"]|[‘'][^’'\n]{0,100}+[’']"
    r"|«[^»\n]{0,100}+»|`[^`\n]{0,100}+`)"
)
QUOTED_KEY: Final = rf"{_QUOTED}\s{{0,20}}+[:=：]"
_NAME: Final = r"(?:[^\W\d]|\$)[\w$.-]{0,60}+"
BARE_KEY: Final = rf"(?:{_NAME}\s{{0,20}}+(?::(?!//)|=>?(?!=)|：)|[0-9]{{1,18}}+\s{{0,20}}+:\s{{0,20}}+[\"'{{\[])"
_LITERAL: Final = r"(?:true|false|null|True|False|None|NaN|undefined)\b"
_VALUE: Final = rf"(?:[\"'“„«`{{\[]|[+-]?\.?[0-9]|{_LITERAL})"
NEXT_KEY: Final = (
    rf"(?:{QUOTED_KEY}|{_QUOTED}\s{{1,20}}+(?={_VALUE})|{_NAME}[\"']\s{{0,20}}+:"
    rf"|[\"']{_NAME}\s{{0,20}}+:\s{{0,20}}+(?={_VALUE}))"
)
"""A key behind a comma: as it should be, without its colon, or without one of its quotation marks."""
_COMMENT: Final = r"//|/\*|\#"
_GAP: Final = WS + "{0,60}+"

_MEMBER_ENDS: Final = (
    rf"{_GAP}(?:\Z|\}}(?!\"\s{{0,20}}+\w)|\](?={_GAP}(?:[,}}\]]|\Z))|\)(?={_GAP}(?:[,;}}\])]|\Z))|{_COMMENT}"
    rf"|[+]{_GAP}[\"']|;{_GAP}(?:\}}|\n|NEXT)|[,;，](?:{_GAP},)*{_GAP}(?:NEXT|[}}\]]|\Z|{_COMMENT}|\.\.\.|…|CUT)|KEY)"
)
CUT_KEY: Final = r"(?:\"(?:[^\"\\\n]|\\.){0,100}\\?\"?|'(?:[^'\\\n]|\\.){0,100}\\?'?)\s{0,20}+\Z"
AFTER_VALUE: Final = re.compile(
    _MEMBER_ENDS.replace("NEXT", NEXT_KEY).replace("KEY", QUOTED_KEY).replace("CUT", CUT_KEY)
)


@cache
def after_value_bare() -> re.Pattern[str]:
    """The same where keys may stand without quotes; built when such a key is seen, to keep the import cheap."""
    return re.compile(
        _MEMBER_ENDS.replace("NEXT", f"(?:{NEXT_KEY}|{BARE_KEY})")
        .replace("KEY", f"(?:{QUOTED_KEY}|{BARE_KEY})")
        .replace("CUT", rf"(?:{CUT_KEY}|[A-Za-z_$][\w$]{{0,60}}+\Z)")
    )


_BARE_ITEM: Final = rf"[^\W\d][^\"'\n,\[\]{{}}:()]{{0,80}}+[\"']?{_GAP}[,\]]|{_NAME}\("
AFTER_ITEM: Final = re.compile(
    rf"[^\S\n]{{0,60}}+\n|{_GAP}(?:\Z|\](?!\"\s{{0,20}}+\w)|\}}|\)(?={_GAP}(?:[,;}}\])]|\Z))|{_COMMENT}|[+]{_GAP}[\"']|:"
    rf"|[,;，](?:{_GAP},)*{_GAP}(?:[\"'“„«`‘\[{{(\]}})+.0-9-]|\Z|{_LITERAL}|{_COMMENT}|…|[A-Za-z]{{1,8}}\Z|{_BARE_ITEM})"
    rf"|(?<=\s)[\"'“{{\[]|[{{\[])"
)
AFTER_KEY: Final = re.compile(rf"{_GAP}(?:[:：=]|\Z|/\*|[,，}}\"'{{\[0-9-]|{_LITERAL})")
_UNQUOTED_END: Final = re.compile(r"[\w.-]{1,60}+:\s?[^\"\n]{1,200}+\Z")
_OPENS_KEY: Final = re.compile(QUOTED_KEY)
_OPENS_ITEM: Final = re.compile(rf"[\"'][^\"'\n]{{0,80}}+[\"']{_GAP}(?:,{_GAP}[\"'\[{{0-9]|\])")
_HEX: Final = re.compile(r"[0-9a-fA-F]{4}")
_LOW_HALF: Final = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_HALF_CUT: Final = re.compile(r"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"'}
_RUNS: Final = {
    opener: re.compile(rf"[^\\{re.escape(closers)}]*+") for opener, closers in CLOSERS.items()
}  # one regular expression for each kind of quote: text up to what may end it or escape
_STRUCTURE: Final = ('":', '" :', "},", "],")
_TAIL: Final = re.compile(r"\s*+(?:[}\]]\s*+)+(?:```\s*+)?\Z")


class Place(Enum):
    """Where a string stands; it decides what may follow its end."""

    KEY = "key"
    MEMBER = "member"
    ITEM = "item"


def read_string(cursor: Cursor, place: Place, depth: int = 0) -> str:
    """The string that opens at the cursor; leaves the cursor behind it, and sets ``cut`` when the text ended first."""
    text, start = cursor.text, cursor.i
    opener = text[start]
    if opener not in "\"'" or opener == "'":
        cursor.note("odd_quotes", start)
    if text.startswith(opener * 3, start) and (triple := _tripled(cursor, opener)) is not None:
        return triple
    parts: list[str] = []
    ends = _ends(place, bare_keys=cursor.bare_keys)
    cursor.quotes = 0
    cursor.i = start + 1
    while cursor.i < cursor.end:
        if _closed(cursor, parts, opener, place, ends, start):
            break
    else:
        _run_out(cursor, parts, place, start, depth)
    value = "".join(parts)
    if cursor.quotes and any(mark in value for mark in _STRUCTURE):
        cursor.note("quote_guessed", start)
    if _CONTROL.search(text, start, cursor.i):
        cursor.note("control_character", start)
    return value


def _ends(place: Place, *, bare_keys: bool) -> re.Pattern[str]:
    """What may follow a string in this *place*: a quotation mark before it is the string's end."""
    match place:
        case Place.KEY:
            return AFTER_KEY
        case Place.MEMBER:
            return after_value_bare() if bare_keys else AFTER_VALUE
        case Place.ITEM:
            return AFTER_ITEM


def _closed(cursor: Cursor, parts: list[str], opener: str, place: Place, ends: re.Pattern[str], start: int) -> bool:
    """Read on to the next mark that matters; True when the string ends there."""
    text, end = cursor.text, cursor.end
    run = _RUNS[opener].match(text, cursor.i, end)
    stop = run.end() if run else cursor.i
    parts.append(text[cursor.i : stop])
    cursor.steps += stop - cursor.i + 8
    cursor.i = stop
    if stop >= end:
        return False
    if text[stop] == "\\":
        parts.append(read_escape(cursor, opener))
        return False
    if ends.match(text, stop + 1, end):
        cursor.i = stop + 1
        return True
    if _cut_before(cursor, parts, place, start):
        return True
    cursor.quote(stop, start)
    parts.append(text[stop])
    cursor.i = stop + 1
    return False


def _cut_before(cursor: Cursor, parts: list[str], place: Place, start: int) -> bool:
    """Whether the quotation mark at the cursor opens the next key or item, so that this string lost its own end."""
    at, text = cursor.i, cursor.text
    if place is Place.KEY:
        return _cut_key(cursor, parts, start)
    if text[at - 1] not in ", \t\r\n":
        return False
    before = text[max(start + 1, at - LOOK_AHEAD) : at]
    bare = before.rstrip()
    opens = _OPENS_KEY if place is Place.MEMBER else _OPENS_ITEM
    if not (bare.endswith(",") or (place is Place.MEMBER and "\n" in before[len(bare) :])):
        return False
    if not opens.match(text, at, cursor.end):
        return False
    _shorten(parts, len(before) - len(bare.removesuffix(",")))
    cursor.i = at - len(before) + len(bare.removesuffix(","))
    cursor.note("quote_added")
    return True


def _cut_key(cursor: Cursor, parts: list[str], start: int) -> bool:
    """A key that lost its closing quote ends at the colon."""
    content = cursor.text[start + 1 : min(cursor.i, start + 1 + LOOK_AHEAD)]
    name, colon, _ = content.partition(":")
    if not colon:
        return False
    parts[:] = [name.rstrip()]
    cursor.i = start + 1 + len(name)
    cursor.note("quote_added")
    return True


def _run_out(cursor: Cursor, parts: list[str], place: Place, start: int, depth: int) -> None:
    """The text ended inside the string: it was cut off, or lost its closing quote."""
    if (
        place is Place.KEY
        and _UNQUOTED_END.match(cursor.text, start + 1, cursor.end)
        and _cut_key(cursor, parts, start)
    ):
        return
    tail = _TAIL.search(cursor.text, max(start + 1, cursor.end - LOOK_AHEAD), cursor.end)
    if place is not Place.KEY and tail and sum(tail[0].count(mark) for mark in "}]") == depth:
        _shorten(parts, len(tail[0]))
        cursor.i = tail.start()
        cursor.note("quote_added")
        return
    cursor.cut = True


def _shorten(parts: list[str], count: int) -> None:
    """Take *count* characters off the end of what was read; escapes do not occur in what is taken."""
    joined = "".join(parts)
    parts[:] = [joined[: len(joined) - count]]


def _tripled(cursor: Cursor, opener: str) -> str | None:
    """Text between triple quotes, as python and markdown write it; None when they do not close."""
    start = cursor.i + 3
    stop = cursor.text.find(opener * 3, start, cursor.end)
    if stop < 0 or (stop == start and opener == '"'):
        return None
    cursor.steps += stop - start
    if opener == '"':
        cursor.note("odd_quotes")
    cursor.i = stop + 3
    body = cursor.text[start:stop]
    if opener != "`":
        return body
    _, newline, code = body.partition("\n")
    return code.removesuffix("\n") if newline else body


def read_escape(cursor: Cursor, opener: str) -> str:
    """What the backslash at the cursor and the character behind it mean."""
    at = cursor.i
    if at + 1 >= cursor.end:
        cursor.i = cursor.end
        return ""
    mark = cursor.text[at + 1]
    if mark == "u":
        return _unicode(cursor)
    cursor.i = at + 2
    if mark in _ESCAPES:
        return _ESCAPES[mark]
    cursor.note("escape_repaired", at)
    if mark == opener or mark in "'`":
        return mark
    if mark == "\n":
        return ""
    return "\\" + mark


def _unicode(cursor: Cursor) -> str:
    """A ``\\uXXXX`` escape, pairs joined; a cut one at the end of the text is dropped."""
    at = cursor.i
    digits = _HEX.match(cursor.text, at + 2, cursor.end)
    if digits is None:
        if at + 6 > cursor.end and re.fullmatch("[0-9a-fA-F]*", cursor.text[at + 2 : cursor.end]):
            cursor.i = cursor.end
            return ""
        cursor.i = at + 2
        cursor.note("escape_repaired", at)
        return "\\u"
    cursor.i = at + 6
    code = int(digits[0], 16)
    if not 0xD800 <= code <= 0xDFFF:
        return chr(code)
    low = _LOW_HALF.match(cursor.text, cursor.i, cursor.end)
    if code < 0xDC00 and low is not None:
        cursor.i += 6
        return chr(0x10000 + ((code - 0xD800) << 10) + (int(low[1], 16) - 0xDC00))
    if code < 0xDC00 and _HALF_CUT.match(cursor.text, cursor.i, cursor.end):
        cursor.i = cursor.end
        return ""
    cursor.note("surrogate_replaced", at)
    return "\ufffd"
