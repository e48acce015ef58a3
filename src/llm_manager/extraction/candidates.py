"""What may be the answer in a text, and whether a bracket in prose is one.

A candidate is a value with the place it stood in. ``[1]`` and ``{placeholder}`` in prose are never the answer: what is
read from prose has to look like data by the way it begins, by what it holds, or by standing on a line of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

from llm_manager.extraction.extracted import JsonValue, Repair, RepairKind
from llm_manager.extraction.strings import WS

Fence: TypeAlias = Literal["json", "none", "code"]
"""The block a value stood in: one that may hold data, none, or code of some other language."""

_JSON_TAGS: Final = frozenset({"", "json", "json5", "jsonc", "jsonl", "ndjson", "jsonlines", "geojson", "text", "txt"})
_OBJECT_STARTS: Final = re.compile(
    rf"\{{{WS}{{0,100}}+(?:[\"“‘„«'`,}}]|//|/\*|\#|\.\.\."
    r"|(?:[^\W\d]|\$)[\w$ .-]{0,60}?\s{0,20}+(?:[:=：](?![:=/])|\"\s{0,9}+:)|[0-9]{1,18}+\s{0,20}+:\s{0,20}+[\"'{\[])"
)
_LIST_STARTS: Final = re.compile(
    rf"\[{WS}{{0,100}}+(?:[\"“‘„«'\[{{\]0-9,.+(-]|(?:true|false|null|True|False|None|undefined|NaN)\b|//|/\*|\#)"
)
_WORD: Final = re.compile(r"[^,}\n]{0,80}+")
_OPERATOR: Final = re.compile(r";|\s(?:[<>=|&+*/]{1,3}|return|in)\s")
_ASIDE: Final = re.compile(r"\{\}|\[[0-9]{1,4}+\](?![(:])")
_SUBSCRIPTED: Final = re.compile(r"[\w)\]]\[")
_DATA_BEFORE: Final = re.compile(r"(?:\A|[:=(>`\n])[ \t]*+\Z")
_LINE_AFTER: Final = re.compile(r"[ \t]*+(?:[.;,)`\"']{0,2}[ \t\r]*+(?:\n|\Z)|<)")


class Candidate(NamedTuple):
    """A value read from ``text[start:end]``; *kinds* are those of its repairs, in any order, as far as it
    matters to what is asked here."""

    value: JsonValue
    start: int
    end: int
    repairs: tuple[Repair, ...] = ()
    kinds: Sequence[RepairKind] = ()
    complete: bool = True
    fence: Fence = "none"

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """By the block it stood in, by shape, by what is quoted in it, by completeness; equal ranks go to the later
        one."""
        block = {"json": 2, "none": 1, "code": 0}[self.fence]
        return (block, int(holds_objects(self.value)), int(not is_all_bare(self)), int(self.complete))


def fence_of(tag: str) -> Fence:
    """What a code block with this language tag may hold.

    >>> fence_of("JSON"), fence_of("python")
    ('json', 'code')
    """
    return "json" if tag.lower() in _JSON_TAGS else "code"


def holds_objects(value: JsonValue) -> bool:
    """Whether it is an object with members, or a list of objects."""
    if isinstance(value, list):
        return any(isinstance(item, dict) and item for item in value[:8])
    return isinstance(value, dict) and bool(value)


def is_all_bare(found: Candidate) -> bool:
    """Whether it is an object in which nothing is quoted and all is words, as in a type or a format: ``{x: int}``."""
    if len(found.repairs) < 2 or not isinstance(found.value, dict):
        return False
    members = len(found.value)
    return 0 < members <= min(found.kinds.count("bare_key"), found.kinds.count("bare_string"))


def may_start(text: str, at: int, fence: Fence) -> bool:
    """Whether the bracket at *at* looks like the beginning of data."""
    if text[at] == "{":
        return _OBJECT_STARTS.match(text, at) is not None or (fence == "json" and not text.startswith("{{", at))
    return _LIST_STARTS.match(text, at) is not None


def aside_ends(text: str, at: int) -> int:
    """Where the empty object or the citation at *at* ends that is no answer, because it stands inside a line; else 0.

    >>> aside_ends("as in [12] and", 6), aside_ends("[12, 13]", 0)
    (10, 0)
    """
    aside = _ASIDE.match(text, at)
    return 0 if aside is None or _stands_alone(text, at, aside.end()) else aside.end()


def is_answer(text: str, found: Candidate) -> bool:
    """Whether what was read can be what the model meant to say."""
    if found.fence == "json":
        return bool(found.value) or found.complete
    if isinstance(found.value, dict):
        return _is_object_answer(text, found)
    return isinstance(found.value, list) and _is_list_answer(text, found, found.value)


def _is_object_answer(text: str, found: Candidate) -> bool:
    if not found.value:
        return _stands_alone(text, found.start, found.end)
    if "bare_key" in found.kinds and (
        _is_place_to_fill(text, found) or _is_unfinished_prose(text, found) or _reads_like_code(text, found)
    ):
        return False
    dropped = found.kinds.count("text_dropped") + found.kinds.count("key_dropped")
    return dropped <= len(found.value if isinstance(found.value, dict) else ())


def _is_place_to_fill(text: str, found: Candidate) -> bool:
    """A name and a format, as in ``${x:-1}`` and ``f"{x:.2f}"``."""
    return is_all_bare(found) and text[max(0, found.start - 1) : found.start] in {"$", '"', "'"}


def _is_unfinished_prose(text: str, found: Candidate) -> bool:
    """A brace in prose that never closes, with nothing quoted behind it."""
    members = len(found.value) if isinstance(found.value, dict) else 0
    return not found.complete and found.kinds.count("bare_key") >= members and not _begins_data(text, found.start)


def _reads_like_code(text: str, found: Candidate) -> bool:
    """Statements and formulas have braces too."""
    semicolons = text.find(";", found.start, found.end) >= 0
    if not semicolons and "bare_string" not in found.kinds:
        return False
    for kind, offset in found.repairs:
        if kind == "comma_dropped" and text[offset] == ";":
            return True
        if kind == "bare_string" and _OPERATOR.search(_word(text, offset)):
            return True
    return False


def _word(text: str, at: int) -> str:
    """What was read as a string without quotes at *at*, or the beginning of it."""
    word = _WORD.match(text, at)
    return word[0] if word else ""


def _is_list_answer(text: str, found: Candidate, items: list[JsonValue]) -> bool:
    if text[found.end : found.end + 1] in {"(", ":"} or text[found.start] == "{":
        return text[found.start] == "{" and _stands_alone(text, found.start, found.end)
    if holds_objects(items):
        return True
    if _SUBSCRIPTED.match(text, max(0, found.start - 1)):
        return False
    strict = not found.repairs
    if any(isinstance(item, str | list) for item in items):
        alone = "bare_string" not in found.kinds or _stands_alone(text, found.start, found.end)
        return strict or (_begins_data(text, found.start) and alone)
    if len(items) == 1 and isinstance(items[0], int):
        return (
            _stands_alone(text, found.start, found.end)
            and re.search(r"[:=(]\s*\Z", text[max(0, found.start - 20) : found.start]) is not None
        )
    return _stands_alone(text, found.start, found.end)


def _begins_data(text: str, start: int) -> bool:
    return _DATA_BEFORE.search(text, max(0, start - 40), start) is not None


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether it has its line, or the rest of it behind a colon, to itself."""
    before = text[max(0, start - 40) : start].rstrip(" \t\"'")
    return (before[-1] in ":=(>`\n" if before else start < 40) and _LINE_AFTER.match(text, end) is not None
