"""Stores behind a server, which may go away, come back, or hold what is not ours."""

from __future__ import annotations

from typing import cast

import anyio
import psycopg
import pytest
from returns.result import Failure, Success

from llm_manager import ConversationConflict, Outcome, StoreUnavailable, postgres_conversations, redis_conversations
from postgres_server import PostgresServer
from redis_server import RedisServer
from tests.conversations.turns import turn

pytestmark = pytest.mark.anyio


def why(outcome: Outcome[object, object]) -> StoreUnavailable:
    assert isinstance(outcome, Failure)
    error: object = outcome.failure()
    assert isinstance(error, StoreUnavailable)
    return error


async def test_postgres_restarts_and_the_next_turn_is_stored(postgres: PostgresServer) -> None:
    async with postgres_conversations(postgres.url) as store:
        await store.append("a", 0, (turn(1),))
        postgres.stop()
        postgres.start()
        assert await store.append("a", 1, (turn(2),)) == Success(2)
        postgres.stop(at_once=True)
        postgres.start()
        assert await store.load("a") == Success((turn(1), turn(2)))


async def test_a_postgres_that_is_away_is_told_without_its_password(postgres: PostgresServer) -> None:
    async with postgres_conversations(postgres.url) as store:
        await store.append("a", 0, (turn(1),))
        postgres.stop()
        try:
            error = why(await store.append("a", 1, (turn(2),)))
        finally:
            postgres.start()
    assert error.store == "postgres"
    assert "canary-pass" not in repr(error)
    assert "refused" in error.message


async def test_a_wrong_password_is_told_and_not_shown(postgres: PostgresServer) -> None:
    wrong = postgres.url.replace("canary-pass-2917", "canary%2Dwrong")
    error = why(await postgres_conversations(wrong).load("a"))
    assert "password authentication failed" in error.message
    assert "canary" not in repr(error)


async def test_tables_of_a_newer_version_are_left_alone(postgres: PostgresServer) -> None:
    await postgres_conversations(postgres.url).append("a", 0, (turn(1),))
    postgres.ask("UPDATE llm_manager_schema SET version = 7")
    error = why(await postgres_conversations(postgres.url).load("a"))
    assert error.message == "a newer version of this library made its tables (schema 7, not 1): upgrade"


async def test_a_table_that_is_not_ours_is_told(postgres: PostgresServer) -> None:
    postgres.ask("CREATE TABLE llm_manager_schema (version INTEGER)")
    error = why(await postgres_conversations(postgres.url).append("a", 0, (turn(1),)))
    assert error.message == "its table llm_manager_schema is not ours"


async def test_tables_that_were_dropped_are_made_again(postgres: PostgresServer) -> None:
    async with postgres_conversations(postgres.url) as store:
        await store.append("a", 0, (turn(1),))
        postgres.empty()
        why(await store.load("a"))
        assert await store.append("a", 0, (turn(1),)) == Success(1)


async def test_a_statement_that_waits_too_long_is_called_off(postgres: PostgresServer) -> None:
    async with postgres_conversations(postgres.url, timeout_s=0.2) as store:
        await store.append("a", 0, (turn(1),))
        with psycopg.connect(postgres.url) as other:
            other.execute("LOCK TABLE llm_manager_conversation")
            assert "timeout" in why(await store.append("a", 1, (turn(2),))).message
        assert await store.append("a", 1, (turn(2),)) == Success(2)


async def test_postgres_keeps_a_turn_once_whose_acknowledgement_was_lost(postgres: PostgresServer) -> None:
    async with postgres_conversations(postgres.url) as store:
        await store.append("a", 0, (turn(1),))
        await store.append("a", 1, (turn(2),))
        postgres.stop(at_once=True)
        postgres.start()
        assert await store.append("a", 1, (turn(2),)) == Success(2)
        assert await store.append("a", 1, (turn(3),)) == Failure(ConversationConflict("a"))


async def test_a_redis_that_is_away_is_told(redis: RedisServer) -> None:
    store = redis_conversations("redis://127.0.0.1:9")
    for outcome in (
        await store.load("a"),
        await store.append("a", 0, (turn(1),)),
        await store.remove("a"),
        await store.page(None, 9),
    ):
        assert why(outcome).store == "redis"


FOREIGN = [("SET", "x"), ("RPUSH", "x"), ("RPUSH", "["), ("HSET", "x", "1"), ("SADD", "x")]


@pytest.mark.parametrize("foreign", FOREIGN)
async def test_what_is_not_ours_in_redis_is_told_and_left_as_it_is(
    redis: RedisServer, foreign: tuple[str, ...]
) -> None:
    store = redis_conversations(redis.url)
    await store.append("a", 0, (turn(1),))
    [key] = cast("list[bytes]", redis.ask("KEYS", "*:turns"))
    command, *values = foreign
    redis.ask("DEL", key)
    redis.ask(command, key, *values)
    dump = redis.ask("DUMP", key)
    why(await store.load("a"))
    assert isinstance(await store.append("a", 0, (turn(2),)), Failure)
    assert redis.ask("DUMP", key) == dump


async def test_a_redis_that_is_full_keeps_what_it_has(redis: RedisServer) -> None:
    store = redis_conversations(redis.url)
    await store.append("a", 0, (turn(1),))
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        why(await store.append("a", 1, (turn(2),)))
    finally:
        redis.ask("CONFIG", "SET", "maxmemory", "0")
    assert await store.load("a") == Success((turn(1),))


async def test_many_at_once_share_few_connections(postgres: PostgresServer) -> None:
    async with postgres_conversations(postgres.url) as store:
        outcomes: list[object] = []

        async def begin(number: int) -> None:
            outcomes.append(await store.append(f"c{number}", 0, (turn(number),)))

        async with anyio.create_task_group() as group:
            for number in range(60):
                group.start_soon(begin, number)
        [(connections,)] = postgres.ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
    assert outcomes == [Success(1)] * 60
    assert isinstance(connections, int)
    assert connections <= 9
