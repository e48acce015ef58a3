"""The tokens of JSON in a text that is still arriving: what one is, and what may yet become one.

The rule: a token is whole when the mark that must follow it has arrived, so a number never turns out longer and a word
never another; ``*_BEGINS`` says of what does not match whether more text may still help.
"""

from __future__ import annotations

import re
from typing import Final

from llm_manager.extraction.cursor import Cursor
from llm_manager.extraction.extracted import JsonValue
from llm_manager.extraction.scalars import word_value
from llm_manager.extraction.strict import Read, is_writable, read_at

BLANK: Final = re.compile(r"[ \t\r\n]*+")
KEY: Final = re.compile(r"\"((?:[^\"\\\x00-\x1f]++|\\[\"\\/bfnrtu])*)\"[ \t\r\n]*+:[ \t\r\n]*+")
KEY_BEGINS: Final = re.compile(r"\"(?:[^\"\\]++|\\.)*(?:\\|\"[ \t\r\n]*+)?\Z", re.DOTALL)
WORD: Final = r"(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null)"
WORD_IN_OBJECT: Final = re.compile(rf"{WORD}[ \t\r\n]*+(?:,[ \t\r\n]*+(?=[\"}}])|(?=\}}))")
WORD_IN_LIST: Final = re.compile(rf"{WORD}[ \t\r\n]*+(?:,[ \t\r\n]*+(?=[\"\[{{\]0-9tfn-])|(?=\]))")
WORD_BEGINS: Final = re.compile(r"[-+.0-9a-zA-Z]*+[ \t\r\n]*+,?[ \t\r\n]*+\Z")
RUN: Final = re.compile(r"[^\"\\]*+")
END_IN_OBJECT: Final = re.compile(r"\"[ \t\r\n]*+(?:,[ \t\r\n]*+(?=[\"}])|(?=\}))")
END_IN_LIST: Final = re.compile(r"\"[ \t\r\n]*+(?:,[ \t\r\n]*+(?=[\"\[{\]0-9tfn-])|(?=\]))")
END_BEGINS: Final = re.compile(r"\"[ \t\r\n]*+,?[ \t\r\n]*+\Z")
_SHORT_NUMBER: Final = 100
_LITERALS: Final[dict[str, JsonValue]] = {"true": True, "false": False, "null": None}


def read_word(word: str) -> JsonValue:
    """What a number or literal of JSON says; one that may be too large for a float is judged as anywhere else."""
    if word in _LITERALS:
        return _LITERALS[word]
    if len(word) <= _SHORT_NUMBER and "e" not in word and "E" not in word:
        return float(word) if "." in word else int(word)
    return word_value(Cursor("", 0, 0, islands=0, limit=0), word, 0)


def spelled_out(body: str) -> str | None:
    """What a key with escapes says; None when it is not JSON."""
    match read_at(f'"{body}"', 0):
        case Read(value=str() as key) if is_writable(key):
            return key
        case _:
            return None
