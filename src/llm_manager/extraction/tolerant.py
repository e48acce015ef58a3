"""The tolerant parser: one pass over damaged JSON with an explicit stack, and no way to fail but depth.

Four lanes, fastest first: *islands*, children that are JSON as they stand and are read by the C decoder; *bulk*, a long
run of ordinary faults, translated and read at once; *members*, one regular expression for a whole ``key: value,`` with
such faults; and the slow lane, one token of judgement at a time. Every step of the slow lane consumes a character or
closes a bracket, so the pass ends and is linear. Bulk is read in :mod:`.bulk`, strings are judged in :mod:`.strings`,
bare words in :mod:`.scalars`, brackets that do not match in :mod:`.brackets`.
"""

from __future__ import annotations

import re
from typing import Final

from llm_manager.extraction.brackets import KEY_AHEAD, Frame, fit
from llm_manager.extraction.bulk import Bulk
from llm_manager.extraction.cursor import Cursor, TooDeep
from llm_manager.extraction.extracted import JsonValue
from llm_manager.extraction.lanes import move, read_items, read_members, read_run
from llm_manager.extraction.scalars import read_word, word_value
from llm_manager.extraction.strict import DEPTH_CAP
from llm_manager.extraction.strings import CLOSERS, WS, Place, read_string

_COMMA: Final = re.compile(r"[ \t\r\n]*+,[ \t\r\n]*+(?=[\"'A-Za-z0-9{\[_-])")
_START: Final = re.compile(r"[ \t\r\n]*+(?=[\"'A-Za-z0-9{\[_-])")
_AFTER_CHILD: Final = re.compile(r"[ \t\r\n]*+(,?)[ \t\r\n]*+(?=[\"'A-Za-z0-9{\[_-]|([}\]]))")
_JUDGEMENT: Final = 80
"""What a step of judgement costs, in steps of the fast lane."""
_CLOSING: Final = ("}", "]")
_CLOSER: Final = {"{": "}", "[": "]", "(": ")"}
_BLANK: Final = re.compile(r"[ \t\r\n]++")
_ODD_BLANK: Final = re.compile(rf"{WS}++")
_SKIPPED: Final = frozenset(
    "/#\x00\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u200b\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What a comment or white space of another alphabet begins with."""
_COMMENT: Final = re.compile(r"//[^\n]*+|\#[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*(?:\*/|\Z)")
_ELLIPSIS: Final = re.compile(r"\.{2,}+|…|\[\.\.\.\]")
_COLON: Final = re.compile(r"=>|:=|=|：|:(?:[ \t]*+:)?")
_PLAIN_KEY: Final = re.compile(r"(?:[^\W\d]|\$)[\w$.-]*+(?=\s{0,20}+[:：=])")
_WORD_KEY: Final = re.compile(r"[^:：={}\[\],\"'\n]{1,80}+")
_CALL: Final = re.compile(r"(?:new\s{1,5}+)?(?:[A-Za-z_$][\w$.]{0,60}+[ \t]{0,5}+)?\(")
_SET: Final = re.compile(
    r"\{\s{0,60}+(?:\"[^\"\n{}]{0,80}+\"|'[^'\n{}]{0,80}+'|-?[0-9][0-9.]{0,20}+)\s{0,60}+[,}](?!\s{0,60}+[\"'][^\"'\n]{0,80}+[\"']\s{0,20}+:)"
)


def read_document(cursor: Cursor) -> JsonValue:
    """The container that opens at the cursor; leaves the cursor behind it. Raises TooDeep or Hopeless, nothing else."""
    root = Frame("[", [], "", None)
    stack = [root]
    _open(cursor, stack)
    _run(cursor, stack)
    return root.container[0] if isinstance(root.container, list) and root.container else None


def read_body(cursor: Cursor) -> JsonValue:
    """An object whose opening bracket the text lacks; the cursor stands at its first key."""
    root = Frame("[", [], "", None)
    frame = Frame("{", {}, "}", root)
    cursor.note("bracket_added")
    _run(cursor, [root, frame])
    return frame.container


def _run(cursor: Cursor, stack: list[Frame]) -> None:
    bulk: Bulk | None = None
    while len(stack) > 1:
        cursor.check()
        _separate(cursor, stack[-1])
        while (judge := _ordinary(cursor, stack)) and cursor.i >= cursor.bulk_at:
            bulk = bulk or Bulk()
            bulk.read(cursor, stack[-1])
        if judge:
            if stack[-1].is_empty:  # opened since: commas may come before its first value, too
                _separate(cursor, stack[-1])
            _one(cursor, stack, stack[-1])


def _ordinary(cursor: Cursor, stack: list[Frame]) -> bool:
    """The fast lane, from where a value may begin: members, items, and brackets that match.

    Whether it ends where one may begin again, on something that takes judgement or may be read in bulk; else it stands
    behind one.
    """
    while cursor.i < cursor.bulk_at:
        frame = stack[-1]
        if cursor.i < cursor.fault_at and read_run(cursor, frame):
            return False
        container = frame.container
        read = (
            read_members(cursor, frame, container)
            if isinstance(container, dict)
            else read_items(cursor, frame, container)
        )
        if read:
            _open(cursor, stack)
            if stack[-1] is not frame:
                continue
        elif len(stack) > 2 and cursor.text.startswith(frame.closer, cursor.i, cursor.end) and frame.closer in _CLOSING:
            cursor.i += 1
            stack.pop()
        else:
            return True
        after = _AFTER_CHILD.match(cursor.text, cursor.i, cursor.end)
        if after is None or after[2] not in {None, stack[-1].closer} or (not after[1] and not after[2]):
            return False
        if after[1] and after[2]:
            cursor.note("comma_dropped", after.start(1))
        move(cursor, after.end())
    return True


def _open(cursor: Cursor, stack: list[Frame]) -> None:
    """Open the bracket at the cursor as a child of the innermost container."""
    parent, mark = stack[-1], cursor.text[cursor.i]
    if len(stack) > DEPTH_CAP:
        raise TooDeep(cursor.i)
    if mark in "{[" and (island := cursor.island()) is not None:
        parent.put(cursor, island.value)
        cursor.i = island.end
        return
    kind = mark
    if mark == "{" and _SET.match(cursor.text, cursor.i, cursor.end):
        cursor.note("set_to_list")
        kind = "["
    container: dict[str, JsonValue] | list[JsonValue] = {} if kind == "{" else []
    parent.put(cursor, container)
    stack.append(Frame(kind, container, _CLOSER[mark], parent))
    cursor.i += 1


def _open_call(cursor: Cursor, stack: list[Frame], end: int) -> None:
    """``ObjectId("x")`` or a tuple: opened as a list, and taken for its only item when a name stands before it."""
    named = end - cursor.i > 1
    cursor.note("call_unwrapped" if named else "set_to_list")
    cursor.i = end - 1
    _open(cursor, stack)
    stack[-1].unwrap = named


def _skip(cursor: Cursor) -> None:
    """Past white space, comments and white space of other alphabets."""
    text, end, start = cursor.text, cursor.end, cursor.i
    while cursor.i < end and (text[cursor.i] in " \t\r\n" or text[cursor.i] in _SKIPPED):
        at = cursor.i
        if blank := _BLANK.match(text, at, end):
            cursor.i = blank.end()
        elif odd := _ODD_BLANK.match(text, at, end):
            cursor.note("odd_space")
            cursor.i = odd.end()
        elif comment := _COMMENT.match(text, at, end):
            cursor.note("comment_dropped")
            cursor.i = comment.end()
        else:
            break
    cursor.steps += cursor.i - start + 1


def _separate(cursor: Cursor, frame: Frame) -> None:
    """Past the comma between two values, with a note when it is missing or there are too many."""
    ordinary = (_START if frame.is_empty else _COMMA).match(cursor.text, cursor.i, cursor.end)
    if ordinary:
        move(cursor, ordinary.end())
        return
    if cursor.i < cursor.end and cursor.text[cursor.i] in "}])":
        return
    commas = last = 0
    _skip(cursor)
    while cursor.i < cursor.end:
        if cursor.text[cursor.i] in ",;，":
            commas += 1
            last = cursor.i
            if commas > 1 or frame.is_empty or cursor.text[cursor.i] != ",":
                cursor.note("comma_dropped")
            cursor.i += 1
        elif ellipsis := _ELLIPSIS.match(cursor.text, cursor.i, cursor.end):
            cursor.note("ellipsis_dropped")
            cursor.i = ellipsis.end()
            commas = 0
        else:
            break
        _skip(cursor)
    closes = cursor.i < cursor.end and cursor.text[cursor.i] in "}])"
    if closes and commas == 1 and not frame.is_empty:
        cursor.note("comma_dropped", last)
    if not closes and not commas and not frame.is_empty and cursor.i < cursor.end:
        cursor.note("comma_added")


def _one(cursor: Cursor, stack: list[Frame], frame: Frame) -> None:
    """One step of judgement, from where a value may begin."""
    if not cursor.text.startswith(_CLOSING, cursor.i, cursor.end):
        _skip(cursor)
    if cursor.i >= cursor.end:
        _cut_off(cursor, stack)
        return
    mark = cursor.text[cursor.i]
    if mark in "}])":
        fit(cursor, stack, mark)
        return
    cursor.steps += _JUDGEMENT
    if isinstance(frame.container, dict):
        if mark == "{" and isinstance(stack[-2].container, list) and len(stack) > 2:
            cursor.note("bracket_added")
            stack.pop()
        else:
            _key_and_value(cursor, stack, frame)
    elif mark in "\"'“" and frame.kind == "[" and KEY_AHEAD.match(cursor.text, cursor.i, cursor.end):
        _keyed_item(cursor, stack, frame)
    else:
        frame.is_empty = False
        _value(cursor, stack, frame)


def _key_and_value(cursor: Cursor, stack: list[Frame], frame: Frame) -> None:
    at = cursor.i
    key = _key(cursor)
    _skip(cursor)
    if key is None:
        cursor.note("text_dropped", at)
        cursor.i += cursor.i == at
        return
    if cursor.i >= cursor.end:
        cursor.note("key_dropped", at)
        _cut_off(cursor, stack)
        return
    frame.is_empty = False
    colon = _COLON.match(cursor.text, cursor.i, cursor.end)
    if colon is None and cursor.text[cursor.i] in ",}]":
        cursor.note("key_dropped", at)
        return
    if colon is None or colon[0] != ":":
        cursor.note("colon_added")
    cursor.i = colon.end() if colon else cursor.i
    frame.key = key
    _skip(cursor)
    _value(cursor, stack, frame)


def _key(cursor: Cursor) -> str | None:
    at = cursor.i
    if cursor.text[at] in CLOSERS:
        return read_string(cursor, Place.KEY)
    plain = _PLAIN_KEY.match(cursor.text, at, cursor.end) or _WORD_KEY.match(cursor.text, at, cursor.end)
    if plain is None or not plain[0].strip():
        return None
    cursor.note("bare_key")
    cursor.bare_keys = True
    cursor.i = plain.end()
    cursor.steps += plain.end() - at
    if cursor.text[cursor.i : cursor.i + 1] in {'"', "'"}:
        cursor.note("quote_added")
        cursor.i += 1
    return plain[0].strip()


def _keyed_item(cursor: Cursor, stack: list[Frame], frame: Frame) -> None:
    """A key inside a list: the list was not closed, or its brackets are the wrong ones."""
    if isinstance(stack[-2].container, dict) and not frame.is_empty:
        cursor.note("bracket_added")
        stack.pop()
        return
    items: dict[str, JsonValue] = {}
    cursor.note("bracket_swapped")
    if frame.is_empty and frame.parent is not None:
        frame.parent.replace_last(items)
        stack[-1] = Frame("{", items, frame.closer, frame.parent)
        return
    frame.put(cursor, items)
    stack.append(Frame("{", items, "", frame))


def _value(cursor: Cursor, stack: list[Frame], frame: Frame) -> None:
    """The value at the cursor, into the innermost container."""
    if cursor.i >= cursor.end:
        _cut_off(cursor, stack)
        return
    at, mark = cursor.i, cursor.text[cursor.i]
    if mark in "{[":
        _open(cursor, stack)
    elif mark in CLOSERS:
        place = Place.MEMBER if frame.kind == "{" else Place.ITEM
        frame.put(cursor, _joined(cursor, place, len(stack) - 1))
    elif mark in ",}])":
        if frame.kind == "{":
            cursor.note("null_added")
            frame.put(cursor, None)
    elif call := _CALL.match(cursor.text, at, cursor.end):
        _open_call(cursor, stack, call.end())
    elif ellipsis := _ELLIPSIS.match(cursor.text, at, cursor.end):
        cursor.note("ellipsis_dropped")
        cursor.i = ellipsis.end()
    else:
        value, there = read_word(cursor, in_object=frame.kind == "{")
        if there:
            frame.put(cursor, value)
        if cursor.i == at:
            cursor.note("text_dropped")
            cursor.i += 1


def _joined(cursor: Cursor, place: Place, depth: int) -> str:
    """A string, and those added to it with a plus sign."""
    value = read_string(cursor, place, depth)
    parts = [value]
    while cursor.i < cursor.end:
        at = cursor.i
        _skip(cursor)
        if not cursor.text.startswith("+", cursor.i):
            cursor.i = at
            break
        cursor.i += 1
        _skip(cursor)
        if cursor.i >= cursor.end or cursor.text[cursor.i] not in CLOSERS:
            break
        cursor.note("concatenated", at)
        parts.append(read_string(cursor, place, depth))
    return "".join(parts)


def _cut_off(cursor: Cursor, stack: list[Frame]) -> None:
    """The text ended before its brackets closed."""
    cursor.cut = True
    for frame in reversed(stack[1:]):
        frame.finish(cursor)
    del stack[1:]


def read_scalar(cursor: Cursor) -> JsonValue:
    """The scalar that the text from the cursor to its end is, as far as a damaged one can be read."""
    if cursor.text[cursor.i] in CLOSERS:
        return read_string(cursor, Place.ITEM)
    word = cursor.text[cursor.i : cursor.end].strip()
    cursor.steps += len(word)
    cursor.i = cursor.end
    return word_value(cursor, word, cursor.i)
