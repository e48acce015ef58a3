"""Conversations in a database that speaks SQL, through the DB-API of its driver, in worker threads.

Two tables. ``turn`` has a row for each turn, and rows are only ever added; ``conversation`` has a row for each
conversation, whose ``version`` guards it: who adds a turn moves it on from the version that was read, in the same
transaction, and who finds another there was too late. Values are bound parameters, always; ids are kept as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, TypeVar, final

import anyio
from anyio import to_thread
from returns.result import Failure, Success

from llm_manager.adapters.conversations.order import bytes_of, key_of, place_of
from llm_manager.domain.conversation import ConversationSummary, Turn, advanced
from llm_manager.domain.conversation_text import beginning_of, summaries_of, text_of, turns_of
from llm_manager.domain.errors import ConversationConflict, ConversationNotFound, StoreUnavailable
from llm_manager.domain.outcome import Outcome

A = TypeVar("A")

Appended: TypeAlias = Outcome[int, ConversationNotFound | ConversationConflict | StoreUnavailable]

MAX_CONNECTIONS = 8
"""So many calls use one store at a time; the others wait."""


class Session(Protocol):
    """One transaction. Statements have ``?`` for their parameters."""

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        ...

    def change(self, statement: str, *values: object) -> int:
        """How many rows a statement has changed."""
        ...

    def has_table(self, name: str) -> bool:
        """Is there a table of this *name*?"""
        ...

    def lock_schema(self) -> None:
        """Until the end of the transaction no other process makes tables."""
        ...


class Database(Protocol):
    """A database: what opens transactions. It blocks, and is called in worker threads, by several at a time."""

    @property
    def store(self) -> str:
        """What errors call it."""
        ...

    def keep(self, most: int) -> None:
        """Keep up to *most* connections for the next call, or, with 0, close those that are idle."""
        ...

    def transact(self, work: Callable[[Session], A], /, *, writes: bool) -> A:
        """What *work* gives, in one transaction that is committed when this returns; raises :class:`Unusable`."""
        ...


class Unusable(Exception):
    """The database cannot do it, for the reason that is told."""


@final
class SqlConversations:
    """A conversation store in *database*.

    One that was opened, by ``async with``, keeps connections; otherwise each closes after its call, and nothing is left
    behind that nobody closes.
    """

    __slots__ = ("_database", "_places")

    def __init__(self, database: Database) -> None:
        self._database = database
        self._places: anyio.CapacityLimiter | None = None

    def open(self) -> Self:
        """From now on keep connections; whoever says so calls :meth:`aclose` in the same loop."""
        self._places = anyio.CapacityLimiter(MAX_CONNECTIONS)
        self._database.keep(MAX_CONNECTIONS)
        return self

    async def aclose(self) -> None:
        """Close the connections."""
        self._places = None
        await to_thread.run_sync(self._database.keep, 0)

    async def __aenter__(self) -> Self:
        return self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    async def load(self, conversation_id: str, /) -> Outcome[tuple[Turn, ...], ConversationNotFound | StoreUnavailable]:
        """All turns."""
        read = await self._in_thread(partial(_turns, key_of(conversation_id)), writes=False)
        if isinstance(read, Failure):
            return read
        turns = self._readable(read.unwrap())
        return turns if turns != Success(()) else Failure(ConversationNotFound(conversation_id))

    async def append(self, conversation_id: str, expected_version: int, turns: Sequence[Turn], /) -> Appended:
        """Add *turns* if nobody else has added any meanwhile."""
        texts = [text_of(turn) for turn in turns]
        done = await self._in_thread(partial(_append, conversation_id, expected_version, turns, texts), writes=True)
        if isinstance(done, Failure):
            return done
        return done.unwrap()

    async def remove(self, conversation_id: str, /) -> Outcome[None, ConversationNotFound | StoreUnavailable]:
        """Forget it."""
        removed = await self._in_thread(partial(_remove, key_of(conversation_id)), writes=True)
        if isinstance(removed, Failure):
            return removed
        return Success(None) if removed.unwrap() else Failure(ConversationNotFound(conversation_id))

    async def page(
        self, after: ConversationSummary | None, limit: int, /
    ) -> Outcome[tuple[ConversationSummary, ...], StoreUnavailable]:
        """The last updated first."""
        read = await self._in_thread(partial(_page, after, limit), writes=False)
        return read if isinstance(read, Failure) else self._readable(summaries_of(read.unwrap()))

    async def _in_thread(self, work: Callable[[Session], A], *, writes: bool) -> Outcome[A, StoreUnavailable]:
        transact = partial(self._database.transact, work, writes=writes)
        try:
            return Success(await to_thread.run_sync(transact, limiter=self._places))
        except Unusable as bad:
            return Failure(StoreUnavailable(self._database.store, str(bad)))

    def _readable(self, read: Outcome[A, str]) -> Outcome[A, StoreUnavailable]:
        if isinstance(read, Failure):
            return Failure(StoreUnavailable(self._database.store, read.failure()))
        return read


def _turns(key: bytes, session: Session) -> Outcome[tuple[Turn, ...], str]:
    """Read in the thread, too: the loop has no time for twenty pictures."""
    return turns_of(_texts(key, session))


def _texts(key: bytes, session: Session) -> list[str]:
    rows = session.rows("SELECT body FROM llm_manager_turn WHERE conversation = ? ORDER BY version", key)
    return [body for (body,) in rows]


SCHEMA_VERSION = 1
"""Of the tables below; raised whenever an older reader would misread them."""


def tables(blob: str, number: str) -> tuple[str, ...]:
    """The statements that make the tables, with a database's own words for bytes and for a float of 64 bits."""
    return (
        "CREATE TABLE llm_manager_conversation ("
        f"id_digest {blob} PRIMARY KEY, id {blob} NOT NULL, version INTEGER NOT NULL,"
        f" updated_at {number} NOT NULL, summary TEXT NOT NULL)",
        "CREATE INDEX llm_manager_conversation_newest ON llm_manager_conversation (updated_at, id_digest)",
        "CREATE TABLE llm_manager_turn ("
        f"conversation {blob} NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,"
        " PRIMARY KEY (conversation, version))",
    )


def _append(
    conversation_id: str, expected: int, turns: Sequence[Turn], texts: Sequence[str], session: Session
) -> Appended:
    key = key_of(conversation_id)
    found = session.rows("SELECT summary FROM llm_manager_conversation WHERE id_digest = ?", key)
    read = summaries_of([summary for (summary,) in found])
    if isinstance(read, Failure):
        raise Unusable(read.failure())
    before = next(iter(read.unwrap()), None)
    held = 0 if before is None else before.version
    if held != expected or not _moved_on(conversation_id, expected, before, turns, session):
        return _too_late(conversation_id, expected, texts, session)
    for version, text in enumerate(texts, expected + 1):
        session.change(
            "INSERT INTO llm_manager_turn (conversation, version, body) VALUES (?, ?, ?)", key, version, text
        )
    return Success(expected + len(turns))


_BEGIN = (
    "INSERT INTO llm_manager_conversation (id_digest, id, version, updated_at, summary)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (id_digest) DO NOTHING"
)
_MOVE_ON = (
    "UPDATE llm_manager_conversation SET version = ?, updated_at = ?, summary = ?"
    " WHERE id_digest = ? AND version = ? AND EXISTS (SELECT 1 FROM llm_manager_turn"
    " WHERE conversation = ? AND version = ? AND substr(body, 1, ?) = ?)"
)


def _moved_on(
    conversation_id: str, expected: int, before: ConversationSummary | None, turns: Sequence[Turn], session: Session
) -> bool:
    """Move the conversation on from the version *expected*; False if somebody else has, a moment ago.

    That its last turn is the one that *turns* were said after is looked at in the same statement: between two of them
    another conversation can be begun under its id.
    """
    now = advanced(before, conversation_id, turns)
    updated_at, key = place_of(now)
    if before is None:
        values = (key, bytes_of(conversation_id), now.version, updated_at, text_of(now))
        return session.change(_BEGIN, *values) == 1
    follows = beginning_of(next((turn.follows for turn in turns), None))
    last = (key, expected, len(follows), follows)
    return session.change(_MOVE_ON, now.version, updated_at, text_of(now), key, expected, *last) == 1


def _too_late(conversation_id: str, expected: int, texts: Sequence[str], session: Session) -> Appended:
    """Somebody else came first, unless it was us: what we send may have been stored, and only the answer lost."""
    held = _texts(key_of(conversation_id), session)
    if texts and list(texts) == held[expected : expected + len(texts)]:
        return Success(expected + len(texts))
    return Failure(ConversationConflict(conversation_id) if held else ConversationNotFound(conversation_id))


def _remove(key: bytes, session: Session) -> bool:
    """Its own row first: whoever adds a turn now is waited for, or finds it gone."""
    removed = session.change("DELETE FROM llm_manager_conversation WHERE id_digest = ?", key)
    session.change("DELETE FROM llm_manager_turn WHERE conversation = ?", key)
    return removed == 1


_FIRST_PAGE = "SELECT summary FROM llm_manager_conversation ORDER BY updated_at DESC, id_digest DESC LIMIT ?"
_NEXT_PAGE = (
    "SELECT summary FROM llm_manager_conversation WHERE updated_at < ? OR (updated_at = ? AND id_digest < ?)"
    " ORDER BY updated_at DESC, id_digest DESC LIMIT ?"
)


def _page(after: ConversationSummary | None, limit: int, session: Session) -> list[str]:
    if after is None:
        rows = session.rows(_FIRST_PAGE, limit)
    else:
        updated_at, key = place_of(after)
        rows = session.rows(_NEXT_PAGE, updated_at, updated_at, key, limit)
    return [summary for (summary,) in rows]
