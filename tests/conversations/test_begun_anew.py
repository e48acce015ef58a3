"""Another conversation takes the id of one, of just as many turns, while a turn is being added to that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, final

import pytest
from anyio import from_thread
from returns.result import Failure, Success

from llm_manager import ConversationConflict, Secret, postgres_conversations
from llm_manager.adapters.conversations.postgres import Postgres
from llm_manager.adapters.conversations.sql import Session, SqlConversations
from postgres_server import PostgresServer
from tests.conversations.turns import turn

A = TypeVar("A")

pytestmark = pytest.mark.anyio

AGAIN = replace(turn(9), id="another")


@final
class Interrupted:
    """A database in which *happens* right before the statement number *count* of every transaction that writes."""

    store = "postgres"

    def __init__(self, database: Postgres, count: int, happens: Callable[[], None]) -> None:
        self._database = database
        self._count = count
        self._happens = happens

    def keep(self, most: int) -> None:
        self._database.keep(most)

    def transact(self, work: Callable[[Session], A], /, *, writes: bool) -> A:
        return self._database.transact(
            lambda session: work(_Counting(session, self._count, self._happens)), writes=writes
        )


@final
class _Counting:
    def __init__(self, session: Session, count: int, happens: Callable[[], None]) -> None:
        self._session = session
        self._left = count
        self._happens = happens

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        self._tick()
        return self._session.rows(statement, *values)

    def change(self, statement: str, *values: object) -> int:
        self._tick()
        return self._session.change(statement, *values)

    def has_table(self, name: str) -> bool:
        return self._session.has_table(name)

    def lock_schema(self) -> None:
        self._session.lock_schema()

    def _tick(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._happens()


@pytest.mark.parametrize("count", [1, 2])
async def test_a_conversation_that_is_begun_anew_between_two_statements_gets_nothing_of_the_old_one(
    postgres: PostgresServer, count: int
) -> None:
    """After them the row of the conversation is locked, and whoever wants to delete it waits."""
    other = postgres_conversations(postgres.url)

    async def begin_anew() -> None:
        assert await other.remove("a") == Success(None)
        assert await other.append("a", 0, (AGAIN,)) == Success(1)

    await other.append("a", 0, (turn(1),))
    database = Interrupted(Postgres(Secret(postgres.url), 5.0), count, lambda: from_thread.run(begin_anew))
    async with SqlConversations(database) as store:
        added = await store.append("a", 1, (replace(turn(2), follows=turn(1).id),))
    assert added == Failure(ConversationConflict("a"))
    assert await other.load("a") == Success((AGAIN,))
