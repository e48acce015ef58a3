"""One pass over a text that finds every value in it.

The rule: the end of a block is never believed before what is inside has been read, because a string may hold three
backticks; only where all up to it is JSON it must be the end. What is JSON is read by a C or Rust parser;
the rest by the tolerant one, and all draw on one work budget, so that hostile text costs linear work. Thinking blocks
are skipped, and what they held comes back only if nothing else is found.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from llm_manager.extraction.brackets import MORE_MEMBERS
from llm_manager.extraction.candidates import Candidate, Fence, aside_ends, fence_of, is_answer, may_start
from llm_manager.extraction.cursor import Cursor, Hopeless, TooDeep, island_work, work_limit
from llm_manager.extraction.escaped import Unescaped, looks_escaped, read_escaped
from llm_manager.extraction.extracted import JsonValue, Repair, RepairKind
from llm_manager.extraction.regions import Regions
from llm_manager.extraction.strict import Faulty, Read, failure_steps, is_writable, read_at, read_whole
from llm_manager.extraction.strings import QUOTED_KEY
from llm_manager.extraction.tolerant import read_body, read_document

_BRACKETS: Final = re.compile(r"[{}\[\]]")
_MARKS: Final = re.compile(r"\{(?!\{)|\[|```|~~~|<(?=/?[trsTRS])")
_FENCE: Final = re.compile(r"(?:```+|~~~+)[ \t]*+([A-Za-z0-9_+#.-]*+)")
_THINKING: Final = re.compile(r"<(/?)(think|thinking|thought|thoughts|reasoning|reflection|scratchpad)>", re.IGNORECASE)
_HALVES: Final = re.compile("[\ud800-\udfff]+")
_BODY: Final = re.compile(rf"\s*+({QUOTED_KEY})")
_WINDOW: Final = 128
"""How much of a text is unescaped at first; eight times as much each time the value goes on."""
_NO_BLOCK: Final = frozenset({"", "`", "~"})
_REJECTED: Final = 250
"""What it costs, in steps, to read something and then find that it cannot be the answer."""
_FOUND: Final = 100
"""What a value adds to the steps that may be done: many small ones are worth their cost."""
_TRIES: Final = 4
_TRIES_AT_LEAST: Final = 20_000


class Scan:
    """The values of one text, in order. A scan is made, run once and read.

    *fault* is where the text stops being JSON, when it begins as JSON and that is known already. *gave_up* says that
    all the work a text of this length may cost was done before its end.
    """

    __slots__ = (
        "_fault",
        "_halves",
        "_has_budget",
        "_i",
        "_islands",
        "_limit",
        "_may_be_escaped",
        "_none_after",
        "_regions",
        "_root",
        "_said",
        "_thought_end",
        "_tries",
        "candidates",
        "drafts",
        "fence",
        "gave_up",
        "steps",
        "text",
        "too_deep",
    )

    def __init__(self, text: str, fault: int = 0) -> None:
        self.text = _whole_characters(text)
        self._said = text
        self.candidates: list[Candidate] = []
        self.drafts: list[Candidate] = []
        self.fence: Fence = "none"
        self.too_deep = self.gave_up = False
        self.steps = len(text)
        self._i = 0
        self._limit = work_limit(text)
        self._root = len(text) - len(text.lstrip()) if fault else -1
        self._fault = fault
        self._thought_end = 0
        self._islands = self._tries = 0
        self._has_budget = False
        escapes = "\\" in text
        self._halves = escapes and ("\\ud" in text or "\\uD" in text)
        self._none_after: set[str] = set()
        self._regions = Regions(self.text)
        self._may_be_escaped = "&" in text or (escapes and '\\"' in text)

    @property
    def found(self) -> list[Candidate]:
        """The candidates; what was thought aloud only when nothing else was said."""
        return self.candidates or self.drafts

    def replaced(self, start: int, end: int) -> tuple[Repair, ...]:
        """The repairs that came before all others between *start* and *end*: halves of characters were replaced."""
        if self._said is self.text:
            return ()
        return tuple(Repair("surrogate_replaced", half.start()) for half in _HALVES.finditer(self._said, start, end))

    def run(self) -> Scan:
        """Look at every mark that may begin something."""
        self._prefilled()
        while mark := _MARKS.search(self.text, self._i):
            self.gave_up = self.gave_up or self.steps >= self._limit  # from here on only what is JSON is read
            at = mark.start()
            self._i = at + 1
            match self.text[at]:
                case "{" | "[":
                    self._bracket(at)
                case "<":
                    self._tag(at)
                case _:
                    self._toggle_fence(at)
        return self

    def _prefilled(self) -> None:
        """The members of an object whose opening bracket was put into the model's mouth."""
        if not _BODY.match(self.text):
            return
        cursor = self._cursor(len(self.text) - len(self.text.lstrip()), len(self.text))
        closed = self._read(cursor, body=True)
        if closed is not None and closed.complete and self.text[closed.end - 1] == "}":
            self.candidates.append(closed)
            self._i = closed.end

    def _bracket(self, at: int) -> None:
        if self._may_be_escaped and looks_escaped(self.text, at):
            self._escaped(at)
            return
        if not may_start(self.text, at, self.fence):
            return
        if end := aside_ends(self.text, at):
            self._i = end
            return
        self._budget()
        if self._tries <= 0:
            self._repair(at, at)
            return
        if at == self._root:
            self._repair(at, self._fault)
            return
        match read_at(self.text, at):
            case Read(value=value, end=end) if self._is_final(value, end):
                self.steps += end - at
                self._keep(self._candidate(value, at, end))
                self._i = end
            case Faulty(at=fault) | Read(end=fault):
                cost = fault - at + failure_steps(len(self.text))
                self._tries -= cost
                self.steps += cost
                self._repair(at, fault)

    def _is_final(self, value: JsonValue, end: int) -> bool:
        """Whether what the C decoder read can be kept: writable, and not an object that was closed too early."""
        if self._halves and not is_writable(value):
            return False
        return not (isinstance(value, dict) and MORE_MEMBERS.match(self.text, end))

    def _repair(self, at: int, fault: int) -> None:
        """Read damaged text: up to the end of its block, and past it when that cuts the value off."""
        if self.gave_up:
            return
        end = self._region_end(at)
        found = self._tolerantly(at, end, fault)
        cut_by_fence = found is not None and not found.complete and end < len(self.text) and at >= self._thought_end
        if cut_by_fence and self.fence != "none" and "past" not in self._none_after:
            longer = self._tolerantly(at, len(self.text), fault)
            if longer is not None and longer.complete:
                found = longer
            else:
                self._none_after.add("past")
        if found is not None and self._keep(found):
            self._i = found.end

    def _tolerantly(self, at: int, end: int, fault: int) -> Candidate | None:
        cursor = self._cursor(at, end)
        cursor.fault_at = fault
        cursor.faulty_root = at
        return self._read(cursor)

    def _budget(self) -> None:
        """How much may be tried at all, found out when there is something to try: many texts are read without."""
        if not self._has_budget:
            self._has_budget = True
            self._islands = island_work(self.text)
            self._tries = _TRIES * len(self.text) + _TRIES_AT_LEAST if self._islands else 0

    def _cursor(self, at: int, end: int) -> Cursor:
        self._budget()
        left = self._limit - self.steps
        return Cursor(self.text, at, end, islands=self._islands, limit=left, halves=self._halves)

    def _read(self, cursor: Cursor, *, body: bool = False) -> Candidate | None:
        start = cursor.i
        try:
            value = read_body(cursor) if body else read_document(cursor)
        except TooDeep:
            self.too_deep = True
            self._i = self._balanced(start)
            return None
        except Hopeless as hopeless:
            self.steps += _REJECTED
            self._i = max(self._i, hopeless.at)
            return None
        finally:
            self.steps += cursor.steps
            self._islands = cursor.islands
        if cursor.cut:
            cursor.note("truncated", cursor.i)
        elif cursor.has_odd_brackets and MORE_MEMBERS.match(self.text, cursor.i):
            cursor.note("text_dropped", cursor.i)  # it ended too early
        return self._candidate(value, start, cursor.i, cursor.repairs, cursor.kinds, complete=not cursor.cut)

    def _balanced(self, at: int) -> int:
        """Where as many brackets have closed as have opened since *at*: what is too deep is passed over whole."""
        depth, end = 0, self._region_end(at)
        for bracket in _BRACKETS.finditer(self.text, at, end):
            depth += 1 if bracket[0] in "{[" else -1
            if depth == 0:
                return bracket.end()
        return end

    def _candidate(
        self,
        value: JsonValue,
        start: int,
        end: int,
        repairs: tuple[Repair, ...] = (),
        kinds: Sequence[RepairKind] = (),
        *,
        complete: bool = True,
    ) -> Candidate:
        return Candidate(
            value=value,
            start=start,
            end=end,
            repairs=repairs if self._said is self.text else self.replaced(start, end) + repairs,
            kinds=kinds,
            complete=complete,
            fence=self.fence,
        )

    def _keep(self, found: Candidate) -> bool:
        kept = is_answer(self.text, found)
        if kept:
            self.candidates.append(found)
            self._limit += _FOUND
        else:
            self.steps += _REJECTED
        return kept

    def _escaped(self, at: int) -> None:
        """A document with one layer of escaping too many. It is unescaped no further than it takes."""
        if self.gave_up:
            return
        window = _WINDOW
        inner, scan = self._unescaped(at, window)
        while inner.end < len(self.text) and not (scan.too_deep or any(found.complete for found in scan.candidates)):
            window *= 8
            inner, scan = self._unescaped(at, window)
        for found in scan.candidates:
            end = inner.offset(found.end)
            repairs = (
                Repair("document_unescaped", at),
                *(Repair(r.kind, inner.offset(r.offset)) for r in found.repairs),
            )
            self._keep(self._candidate(found.value, at, end, repairs, found.kinds, complete=found.complete))
            self._i = end

    def _unescaped(self, at: int, window: int) -> tuple[Unescaped, Scan]:
        inner = read_escaped(self.text, at, window)
        scan = Scan(inner.text)
        scan._bracket(0)  # the same class
        self.steps += _REJECTED + 6 * (inner.end - at) + scan.steps
        self.too_deep = self.too_deep or scan.too_deep
        return inner, scan

    def _region_end(self, at: int) -> int:
        """Where a damaged value that begins at *at* must have ended."""
        return self._thought_end if at < self._thought_end else self._regions.end(at, in_block=self.fence != "none")

    def _toggle_fence(self, at: int) -> None:
        fence = _FENCE.match(self.text, at)
        if fence is None:
            return
        opens = self.fence == "none" or bool(fence[1])
        self.fence = fence_of(fence[1]) if opens else "none"
        self._i = fence.end()
        if opens and self.fence == "json":
            self._whole_block(fence.end(), fence[0][:3], is_named=bool(fence[1]))

    def _whole_block(self, start: int, mark: str, *, is_named: bool) -> None:
        """A block with nothing in it but JSON, read in one go; a single number, word or string if it is named so."""
        head = self.text[start : start + 20].lstrip()[:1]
        if mark in self._none_after or head in _NO_BLOCK or not (is_named or head in "{["):
            return
        stop = self.text.find(mark, start)
        if stop < 0:
            self._none_after.add(mark)
        body = self.text[start : stop if stop >= 0 else len(self.text)]
        begin = start + len(body) - len(body.lstrip())
        self.steps += len(body)
        match read_whole(body):
            case Read(value=value):
                self.candidates.append(self._candidate(value, begin, start + len(body.rstrip())))
                self._i = start + len(body)
            case Faulty(at=fault) if fault:
                self._root, self._fault = begin, start + fault
            case _:
                pass

    def _tag(self, at: int) -> None:
        """Skip what the model thought before it answered."""
        tag = _THINKING.match(self.text, at)
        if tag is None:
            return
        self._i = tag.end()
        if tag[1]:
            self.drafts, self.candidates = self.candidates, []
            self.fence = "none"
        else:
            self._thought_end = max(self._regions.closing(tag[2], tag.end()), 0)


def _whole_characters(text: str) -> str:
    """The text without halves of surrogate pairs, which UTF-8 cannot say; offsets stay as they are."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _HALVES.sub(lambda run: "\ufffd" * len(run[0]), text)
    return text
