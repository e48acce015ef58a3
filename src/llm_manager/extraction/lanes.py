"""The fast lanes: a whole member or item of ordinary damaged JSON with one regular expression each.

The rule: a lane takes only what it is sure of, because the mark behind it is the one that must follow; everything else
is left to the judgement of :mod:`.tolerant`.
"""

from __future__ import annotations

import re
from typing import Final

from llm_manager.extraction.brackets import Frame
from llm_manager.extraction.cursor import Cursor
from llm_manager.extraction.extracted import JsonValue
from llm_manager.extraction.scalars import word_value
from llm_manager.extraction.strict import Read, failure_steps, is_writable, read_whole

_BLANK: Final = re.compile(r"[ \t\r\n]*+")
_MEMBER: Final = re.compile(
    r"""(?: "([^"\\\x00-\x1f]*+)" | '([^'"\\\x00-\x1f]*+)' | ([A-Za-z_$][\w$]*+) ) [ \t]*+ : [ \t\r\n]*+
    (?: (?: (?: "([^"\\\x00-\x1f]*+)" | '([^'"\\\x00-\x1f]*+)'
              | (-?(?:0|[1-9][0-9]{0,17}+)) (?![0-9.eExX_]) | (-?(?:0|[1-9][0-9]{0,17}+)\.[0-9]{1,40}+) (?![0-9.eExX_])
              | ([A-Za-z_$][\w$.-]{0,60}+) ) [ \t\r\n]*+
            (?: , [ \t\r\n]*+
                (?= "[^"\\\n]{0,60}+"[ \t]*+: | '[^'"\\\n]{0,60}+'[ \t]*+: | [A-Za-z_$][\w$]{0,60}+[ \t]*+: )
              | (,) [ \t\r\n]*+ (?=\}) | (?=\}(?!")) ) )
      | (?=[{\[]) )""",
    re.VERBOSE | re.ASCII,
)
_ITEM: Final = re.compile(
    r"""(?: "([^"\\\x00-\x1f]*+)" | '([^'"\\\x00-\x1f]*+)'
          | (-?(?:0|[1-9][0-9]{0,17}+)) (?![0-9.eExX_]) | (-?(?:0|[1-9][0-9]{0,17}+)\.[0-9]{1,40}+) (?![0-9.eExX_])
          | ([A-Za-z_$][\w$.-]{0,60}+) ) [ \t\r\n]*+
    (?: , [ \t\r\n]*+ (?= ["'\[{] | -?[0-9] | [A-Za-z_$] )
      | (,) [ \t\r\n]*+ (?=\]) | (?=\](?!")) )""",
    re.VERBOSE | re.ASCII,
)
_LONG_RUN: Final = 4_096
_RUN_TRIES: Final = 2
_WORDS: Final[dict[str, JsonValue]] = {"true": True, "false": False, "null": None}


def read_members(cursor: Cursor, frame: Frame, container: dict[str, JsonValue]) -> bool:
    """As many ordinary members as follow. True when the value of the last one is a bracket, still to open."""
    text, end = cursor.text, cursor.end
    blank = _BLANK.match(text, cursor.i, end)
    at = blank.end() if blank else cursor.i
    match, note = _MEMBER.match, cursor.note
    while found := match(text, at, end):
        quoted, single, bare, string, odd_string, digits, decimal, word, comma = found.groups()
        key = quoted or single or bare or ""
        if quoted is None:
            cursor.bare_keys = cursor.bare_keys or single is None
            note("bare_key" if single is None else "odd_quotes", at)
        if key in container:
            note("duplicate_key", at)
        at = found.end()
        frame.is_empty = False
        if string is not None:
            container[key] = string
        elif digits is not None:
            container[key] = int(digits)
        elif decimal is not None:
            container[key] = float(decimal)
        elif odd_string is not None:
            note("odd_quotes", found.start(5) - 1)
            container[key] = odd_string
        elif word is not None:
            container[key] = _word(cursor, word, found.start(8))
        else:
            frame.key = key
            move(cursor, at)
            return True
        if comma:
            note("comma_dropped", found.start(9))
    move(cursor, at)
    return False


def read_run(cursor: Cursor, frame: Frame) -> bool:
    """The longest lane: the objects of a list up to a fault far away, read by the Rust parser in one go."""
    if cursor.run_before == cursor.fault_at or cursor.fault_at - cursor.i < _LONG_RUN or cursor.islands <= 0:
        return False
    if not frame.is_empty or not isinstance(frame.container, list):
        return False
    cursor.run_before = stop = cursor.fault_at
    for _ in range(_RUN_TRIES):
        stop = cursor.text.rfind("},", cursor.i, stop) + 1
        if stop - cursor.i < _LONG_RUN:
            return False
        run = f"[{cursor.text[cursor.i : stop]}]"
        match read_whole(run):
            case Read(value=list() as items) if not (cursor.halves and not is_writable(items)):
                frame.container.extend(items)
                frame.is_empty = False
                move(cursor, stop)
                return True
            case _:
                cursor.islands -= len(run) + failure_steps(len(run))
                cursor.steps += len(run)
    return False


def move(cursor: Cursor, to: int) -> None:
    """Go on *to* a place, and count the way."""
    cursor.steps += to - cursor.i + 1
    cursor.i = to


def _word(cursor: Cursor, word: str, at: int) -> JsonValue:
    return _WORDS[word] if word in _WORDS else word_value(cursor, word, at)


def read_items(cursor: Cursor, frame: Frame, container: list[JsonValue]) -> bool:
    """As many ordinary scalars as follow in a list. True when the next item is a bracket, still to open."""
    text, end, at = cursor.text, cursor.end, cursor.i
    match = _ITEM.match
    while found := match(text, at, end):
        string, odd_string, digits, decimal, word, comma = found.groups()
        if string is not None:
            container.append(string)
        elif digits is not None:
            container.append(int(digits))
        elif decimal is not None:
            container.append(float(decimal))
        elif odd_string is not None:
            cursor.note("odd_quotes", at)
            container.append(odd_string)
        else:
            container.append(_word(cursor, word, at))
        if comma:
            cursor.note("comma_dropped", found.start(6))
        at = found.end()
        frame.is_empty = False
    move(cursor, at)
    opens = text.startswith(("{", "["), at, end)
    frame.is_empty = frame.is_empty and not opens
    return opens
