"""Counts that outlive the process: what an observer hears is added, now and then, to the sums of a database.

The rule: who tells an event never waits for the database, and never hears of it. Events are folded in memory; a thread
of its own adds what has come since, every few seconds and at the end, so that a process that is killed loses no more
than that. While the database is away nothing is lost: what could not be added is added later, once. The tables hold
numbers by name (:mod:`llm_manager.adapters.observers.tally`), which add up over processes.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from secrets import token_hex
from threading import Event as Signal
from threading import Lock, Thread
from typing import Final, TypeAlias, TypeVar, final

from anyio import to_thread
from returns.result import Failure, Success

from llm_manager.adapters.conversations.sql import Database, Session, Unusable
from llm_manager.adapters.observers.metrics import MOST_MODELS, MemoryMetrics, at_most
from llm_manager.adapters.observers.tally import Figures, is_maximum
from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.events import Event
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.status import MetricsSnapshot

A = TypeVar("A")

News: TypeAlias = StoreUnavailable | None
"""Why the store went away, or None: it is back."""

_TABLE: Final = "llm_manager_metric"
_TABLES: Final = (
    "CREATE TABLE llm_manager_metric (subject TEXT NOT NULL, name TEXT NOT NULL, value DOUBLE PRECISION NOT NULL,"
    " PRIMARY KEY (subject, name))",
    "CREATE TABLE llm_manager_metric_writer (writer TEXT PRIMARY KEY, batch INTEGER NOT NULL)",
)

_READ_BATCH: Final = "SELECT batch FROM llm_manager_metric_writer WHERE writer = ?"
_WRITE_BATCH: Final = (
    "INSERT INTO llm_manager_metric_writer (writer, batch) VALUES (?, ?)"
    " ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch"
)
_FORGET_WRITER: Final = "DELETE FROM llm_manager_metric_writer WHERE writer = ?"

_ROWS: Final = 100
"""So many numbers go into one statement; the last ones go one by one."""

_PUT: Final = "INSERT INTO llm_manager_metric (subject, name, value) VALUES (?, ?, ?)"
_PUT_MANY: Final = _PUT + ", (?, ?, ?)" * (_ROWS - 1)
_ADD: Final = " ON CONFLICT (subject, name) DO UPDATE SET value = llm_manager_metric.value + excluded.value"
_RAISE: Final = (
    " ON CONFLICT (subject, name) DO UPDATE SET value = excluded.value WHERE excluded.value > llm_manager_metric.value"
)


@final
class KeptMetrics:
    """An observer whose counts are in *database*, with those of all other processes, at most *interval_s* later.

    *tell* is called where events are told, and never in the thread: once when the store goes away, once when it is
    back. :meth:`open` begins, and whoever calls it calls :meth:`aclose`.
    """

    __slots__ = (
        "_adding",
        "_batch",
        "_database",
        "_interval_s",
        "_is_away",
        "_is_ready",
        "_lock",
        "_news",
        "_number",
        "_pending",
        "_stopping",
        "_tell",
        "_thread",
        "_writer",
    )

    def __init__(self, database: Database, interval_s: float, tell: Callable[[News], None]) -> None:
        self._database = database
        self._interval_s = interval_s
        self._tell = tell
        self._pending = MemoryMetrics()
        self._batch: Mapping[str, Figures] = {}
        self._number = 0
        self._writer = token_hex(16)
        self._lock = Lock()  # of what has been counted: held for no longer than it takes to count an event
        self._adding = Lock()  # of the database: one batch at a time
        self._news: deque[News] = deque()
        self._is_away = self._is_ready = False
        self._stopping = Signal()
        self._thread = Thread(target=self._keep_adding, name="llm-manager-metrics", daemon=True)

    def open(self) -> KeptMetrics:
        """From now on add what is counted."""
        self._database.keep(1)
        self._thread.start()
        return self

    async def aclose(self) -> None:
        """Have the rest added and the connection closed; who does not want to wait for that cancels this."""
        self._stopping.set()
        try:
            await to_thread.run_sync(self._thread.join, abandon_on_cancel=True)
        finally:
            self._deliver()

    def notify(self, event: Event, /) -> None:
        """Count it."""
        with self._lock:
            self._pending.notify(event)
        if self._news:
            self._deliver()

    async def total(self) -> Outcome[MetricsSnapshot, StoreUnavailable]:
        """What all processes have counted; this one up to now, the others up to their last interval."""
        read = await self._in_thread(self._added_and_read)
        if isinstance(read, Failure):
            return read
        sums = MemoryMetrics()
        sums.add_figures(read.unwrap())
        return Success(sums.snapshot())

    async def clear(self) -> Outcome[None, StoreUnavailable]:
        """Start again from zero; what others count until their next interval is added after that."""
        return await self._in_thread(self._cleared)

    async def _in_thread(self, work: Callable[[], A]) -> Outcome[A, StoreUnavailable]:
        try:
            return Success(await to_thread.run_sync(work))
        except Unusable as bad:
            return Failure(StoreUnavailable(self._database.store, str(bad)))

    def _deliver(self) -> None:
        while self._news:
            self._tell(self._news.popleft())

    def _keep_adding(self) -> None:
        while not self._stopping.wait(self._interval_s):
            self._try_to_add()
        self._try_to_add()
        self._forget()
        self._database.keep(0)

    def _try_to_add(self) -> None:
        try:
            self._add()
        except Unusable as bad:
            if not self._is_away:
                self._news.append(StoreUnavailable(self._database.store, str(bad)))
            self._is_away = True
        else:
            if self._is_away:
                self._news.append(None)
            self._is_away = False

    def _forget(self) -> None:
        """Remove what tells our batches apart; where that fails, it stays as one short row."""
        with self._adding, suppress(Unusable):
            if self._number and not self._batch:
                self._transact(partial(_forget_writer, self._writer))

    def _add(self) -> None:
        """Add what has been counted. A batch that may have been stored, although nobody heard so, is sent again as
        itself; what came later waits for it."""
        with self._adding:
            while self._batch or self._taken():
                self._transact(partial(_add_batch, self._writer, self._number, self._batch))
                self._batch = {}

    def _taken(self) -> bool:
        with self._lock:
            taken, self._pending = self._pending, MemoryMetrics()
        self._batch = taken.figures()
        self._number += bool(self._batch)
        return bool(self._batch)

    def _transact(self, work: Callable[[Session], A]) -> A:
        def prepared(session: Session) -> A:
            if not self._is_ready:
                _make_tables(session)
            return work(session)

        try:
            done = self._database.transact(prepared, writes=True)
        except Unusable:
            self._is_ready = False  # it may be another database than before
            raise
        self._is_ready = True
        return done

    def _added_and_read(self) -> dict[str, Figures]:
        self._add()
        return self._transact(_read)

    def _cleared(self) -> None:
        self._add()
        self._transact(_clear)


def _make_tables(session: Session) -> None:
    if not session.has_table(_TABLE):
        session.lock_schema()
    if not session.has_table(_TABLE):  # somebody else may have made them while we waited
        for statement in _TABLES:
            session.change(statement)


def _add_batch(writer: str, number: int, batch: Mapping[str, Figures], session: Session) -> None:
    """Add *batch* unless it is in the sums already. Rows are touched in one order by all, so that no two processes wait
    for each other."""
    stored = session.rows(_READ_BATCH, writer)
    if stored and stored[0][0] >= number:
        return
    session.change(_WRITE_BATCH, writer, number)
    known = {_subject(text) for (text,) in session.rows("SELECT DISTINCT subject FROM llm_manager_metric")}
    numbers = sorted(
        (_text(subject), name, value)
        for subject, figures in at_most(MOST_MODELS, known, batch).items()
        for name, value in figures.items()
    )
    _put(session, [each for each in numbers if not is_maximum(each[1])], _PUT_MANY + _ADD, _PUT + _ADD)
    _put(session, [each for each in numbers if is_maximum(each[1])], _PUT_MANY + _RAISE, _PUT + _RAISE)


def _put(session: Session, numbers: Sequence[tuple[str, str, float]], many: str, one: str) -> None:
    """Merge *numbers* with those that are there, by the statement *many* for :data:`_ROWS` of them, *one* for one."""
    whole = len(numbers) // _ROWS * _ROWS
    for start in range(0, whole, _ROWS):
        session.change(many, *chain.from_iterable(numbers[start : start + _ROWS]))
    for number in numbers[whole:]:
        session.change(one, *number)


def _read(session: Session) -> dict[str, Figures]:
    found: dict[str, dict[str, float]] = {}
    for text, name, value in session.rows("SELECT subject, name, value FROM llm_manager_metric"):
        found.setdefault(_subject(text), {})[name] = value
    return dict(found)


def _text(subject: str) -> str:
    """*subject* in ASCII: the name of a model may hold what no database takes, a NUL or half of a character."""
    return json.dumps(subject)


def _subject(text: str) -> str:
    subject: str = json.loads(text)
    return subject


def _clear(session: Session) -> None:
    session.change("DELETE FROM llm_manager_metric")


def _forget_writer(writer: str, session: Session) -> None:
    session.change(_FORGET_WRITER, writer)
