"""Reading a value while it is still being written.

The rule: only what can no longer change is committed. A key, number or literal appears when the mark behind it has
arrived; a string grows from its first character; where the text stops being JSON the view stands still until ``close``,
which reads the whole text as ``extract_json`` does. So every view is a structural prefix of the value at the end, for a
text that holds one value; of several values the first is followed.

Work is linear in the document: consumed text is let go of, and an open string is put together only when somebody looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias, cast

from llm_manager.domain.errors import ExtractionFailed
from llm_manager.domain.outcome import Outcome
from llm_manager.extraction.cursor import Cursor
from llm_manager.extraction.extract import extract_json
from llm_manager.extraction.extracted import Extracted, JsonValue
from llm_manager.extraction.roots import Root, root_at
from llm_manager.extraction.strict import DEPTH_CAP
from llm_manager.extraction.strings import read_escape
from llm_manager.extraction.tokens import (
    BLANK,
    END_BEGINS,
    END_IN_LIST,
    END_IN_OBJECT,
    KEY,
    KEY_BEGINS,
    RUN,
    WORD_BEGINS,
    WORD_IN_LIST,
    WORD_IN_OBJECT,
    read_word,
    spelled_out,
)

Path: TypeAlias = tuple[str | int, ...]
"""The way from the root to a value: keys and indexes."""

_LONGEST_TOKEN: Final = 4_096
_MARK: Final = re.compile(r"[{\[<]")
_THINK_OPENS: Final = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_THINK_BEGINS: Final = re.compile(r"<[a-zA-Z]{0,9}\Z")


class PartialJson:
    """The value in a text that arrives in pieces.

    >>> partial = PartialJson()
    >>> for chunk in ('Here: {"name": "A', 'da", "age": 3', '6}'):
    ...     partial.feed(chunk)
    ...     print(partial.value)
    {'name': 'A'}
    {'name': 'Ada'}
    {'name': 'Ada', 'age': 36}
    """

    __slots__ = ("_at", "_chunks", "_keys", "_next", "_parts", "_seen", "_stack", "_stands", "_tail", "_value")

    def __init__(self) -> None:
        self._chunks: list[str] = []
        self._tail = ""
        self._at = 0
        self._seen = ""
        self._stands = False
        self._value: JsonValue = None
        self._stack: list[dict[str, JsonValue] | list[JsonValue]] = []
        self._keys: list[str | int] = []
        self._parts: list[str] | None = None
        self._next: Callable[[], bool] = self._seek

    def feed(self, chunk: str) -> None:
        """Take the next piece of the text, of any length."""
        self._chunks.append(chunk)
        if self._stands:
            return
        self._tail = self._tail[self._at :] + chunk
        self._at = 0
        while self._next():
            pass
        if len(self._tail) - self._at > _LONGEST_TOKEN:
            self._stand_still()

    @property
    def started(self) -> bool:
        """Whether a value has been found yet; until then ``value`` is None."""
        return self._value is not None

    @property
    def complete(self) -> bool:
        """Whether the last bracket of the value has arrived."""
        return self.started and not self._stack

    @property
    def value(self) -> JsonValue:
        """The value so far: a view that goes on growing, to be read and not to be changed."""
        if self._parts is not None:
            self._parts = ["".join(self._parts)]
            self._set(self._parts[0])
        return self._value

    def snapshot(self) -> JsonValue:
        """The value so far, to be kept. What is closed is shared with later ones; only what is still open is copied."""
        value = self.value
        if not self._stack:
            return value
        copies = [container.copy() for container in self._stack]
        for parent, key, child in zip(copies, self._keys, copies[1:], strict=False):
            cast("dict[str | int, JsonValue]", parent)[key] = child
        return copies[0]

    @property
    def open_path(self) -> Path | None:
        """The way to the innermost value that may still grow; None when there is none."""
        if not self._stack:
            return None
        return tuple(self._keys) if self._parts is not None else tuple(self._keys[:-1])

    def is_final(self, *path: str | int) -> bool:
        """Whether the value at *path* is there and nothing that may still arrive can change it.

        Of a text that is JSON; where quotation marks are left unescaped a string may still turn out longer.

        >>> partial = PartialJson()
        >>> partial.feed('{"title": "Ada", "tags": ["x", "y')
        >>> partial.is_final("title"), partial.is_final("tags"), partial.is_final("tags", 0)
        (True, False, True)
        """
        open_path = self.open_path
        if not self.started or (open_path is not None and open_path[: len(path)] == path):
            return False
        found = self.value
        for step in path:
            match found, step:
                case dict(), str() if step in found:
                    found = found[step]
                case list(), int() if 0 <= step < len(found):
                    found = found[step]
                case _:
                    return False
        return True

    def close(self) -> Outcome[Extracted, ExtractionFailed]:
        """The value of the whole text, repaired where it must be: exactly what ``extract_json`` says of it."""
        self._stands = True
        return extract_json("".join(self._chunks))

    def _stand_still(self) -> bool:
        self._stands = True
        return False

    def _set(self, value: JsonValue) -> None:
        container, key = self._stack[-1], self._keys[-1]
        if isinstance(container, dict) and isinstance(key, str):
            container[key] = value
        elif isinstance(container, list) and isinstance(key, int):
            if key == len(container):
                container.append(value)
            else:
                container[key] = value

    def _push(self, container: dict[str, JsonValue] | list[JsonValue]) -> bool:
        if self._stack:
            self._set(container)
        else:
            self._value = container
        if len(self._stack) >= DEPTH_CAP:
            return self._stand_still()
        self._stack.append(container)
        self._keys.append(0 if isinstance(container, list) else "")
        self._at += 1
        self._next = self._list_item if isinstance(container, list) else self._key
        return True

    def _pop(self) -> bool:
        self._stack.pop()
        self._keys.pop()
        self._at += 1
        if not self._stack:
            return self._stand_still()
        self._next = self._after
        return True

    def _advance(self) -> None:
        """On to the next member or item; the comma has been read."""
        key = self._keys[-1]
        if isinstance(key, int):
            self._keys[-1] = key + 1
            self._next = self._list_item
        else:
            self._next = self._key

    def _skip_blank(self) -> bool:
        if self._tail[self._at : self._at + 1] <= " ":  # a blank, or nothing
            blank = BLANK.match(self._tail, self._at)
            self._at = blank.end() if blank else self._at
        return self._at < len(self._tail)

    def _seek(self) -> bool:
        """Look for the bracket that opens the value."""
        mark = _MARK.search(self._tail, self._at)
        stop = mark.start() if mark else len(self._tail)
        self._seen = (self._seen + self._tail[max(self._at, stop - 60) : stop])[-60:]
        self._at = stop
        if mark is None:
            return False
        if mark[0] == "<":
            return self._maybe_thinking()
        match root_at(self._tail, stop, self._seen):
            case Root.OBJECT:
                return self._push({})
            case Root.LIST:
                return self._push([])
            case Root.ODD:
                return self._stand_still()
            case Root.PROSE:
                return self._pass_by()
            case Root.UNDECIDED:
                return False

    def _pass_by(self) -> bool:
        self._seen = (self._seen + self._tail[self._at])[-60:]
        self._at += 1
        return True

    def _maybe_thinking(self) -> bool:
        if opens := _THINK_OPENS.match(self._tail, self._at):
            self._seen = f"</{opens[1]}>"
            self._at = opens.end()
            self._next = self._thinking
            return True
        return False if _THINK_BEGINS.match(self._tail, self._at) else self._pass_by()

    def _thinking(self) -> bool:
        stop = self._tail.find(self._seen, self._at)
        if stop < 0:
            self._at = max(self._at, len(self._tail) - len(self._seen))
            return False
        self._at = stop + len(self._seen)
        self._seen = ""
        self._next = self._seek
        return True

    def _key(self) -> bool:
        if not self._skip_blank():
            return False
        if self._tail[self._at] == "}":
            return self._pop()
        found = KEY.match(self._tail, self._at)
        if found is None:
            return False if KEY_BEGINS.match(self._tail, self._at) else self._stand_still()
        key = found[1] if "\\" not in found[1] else spelled_out(found[1])
        container = self._stack[-1]
        if key is None or key in container:
            return self._stand_still()
        self._keys[-1] = key
        self._at = found.end()
        self._next = self._member
        return True

    def _member(self) -> bool:
        return self._skip_blank() and self._begin(WORD_IN_OBJECT)

    def _list_item(self) -> bool:
        if not self._skip_blank():
            return False
        return self._pop() if self._tail[self._at] == "]" else self._begin(WORD_IN_LIST)

    def _begin(self, word: re.Pattern[str]) -> bool:
        """The first character of a value decides what it is."""
        match self._tail[self._at]:
            case '"':
                self._at += 1
                self._parts = []
                self._next = self._string
                return True
            case "{":
                return self._push({})
            case "[":
                return self._push([])
            case _:
                return self._word(word)

    def _word(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self._tail, self._at)
        if found is None:
            return False if WORD_BEGINS.match(self._tail, self._at) else self._stand_still()
        self._set(read_word(found[1]))
        self._at = found.end()
        self._go_on(found[0])
        return True

    def _go_on(self, token: str) -> None:
        """Behind a value: its token ends in a comma, or a closing bracket comes next."""
        if "," in token:
            self._advance()
        else:
            self._next = self._after

    def _string(self) -> bool:
        run = RUN.match(self._tail, self._at)
        stop = run.end() if run else self._at
        if self._parts is None:  # pragma: no cover  # a string is open in this state
            return False
        if stop > self._at or not self._parts:
            self._parts.append(self._tail[self._at : stop])
        self._at = stop
        if stop == len(self._tail):
            return False
        return self._string_ends(self._parts) if self._tail[stop] == '"' else self._escape(self._parts)

    def _string_ends(self, parts: list[str]) -> bool:
        in_list = isinstance(self._stack[-1], list)
        found = (END_IN_LIST if in_list else END_IN_OBJECT).match(self._tail, self._at)
        if found is None:
            return False if END_BEGINS.match(self._tail, self._at) else self._stand_still()
        self._set("".join(parts))
        self._parts = None
        self._at = found.end()
        self._go_on(found[0])
        return True

    def _escape(self, parts: list[str]) -> bool:
        """An escape, once all of it is there; half a surrogate pair waits for the other half."""
        seen = self._tail[self._at : self._at + 12]
        if len(seen) < 2 or (seen[1] == "u" and (len(seen) < 6 or (seen[2] in "dD" and len(seen) < 12))):
            return False
        cursor = Cursor(self._tail, self._at, len(self._tail), islands=0, limit=0)
        parts.append(read_escape(cursor, '"'))
        self._at = cursor.i
        return True

    def _after(self) -> bool:
        """Behind a child: a comma, or the bracket that closes its parent."""
        if not self._skip_blank():
            return False
        closer = "}" if isinstance(self._stack[-1], dict) else "]"
        if self._tail[self._at] == closer:
            return self._pop()
        if self._tail[self._at] != ",":
            return self._stand_still()
        self._at += 1
        self._advance()
        return True
