"""The client: whatever Redis does, a call is answered soon, and nothing is left behind."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream
from returns.result import Failure, Success

from llm_manager import RedisSettings, Secret, StoreUnavailable, redis_client
from llm_manager.adapters.redis.client import RedisClient
from llm_manager.adapters.redis.services import client_for
from llm_manager.adapters.redis.wire import Refusal
from redis_server import RedisServer, redis_server
from tests.shared.clients import PATIENT, QUICK, failed, pretender, said

pytestmark = pytest.mark.anyio


def clients(redis: RedisServer) -> int:
    """How many connections Redis has, this one left out."""
    return cast("bytes", redis.ask("CLIENT", "LIST")).count(b"\n") - 1


async def test_a_client_passes_commands_on_and_an_error_of_redis_is_a_reply(redis: RedisServer) -> None:
    async with redis_client(redis.url, PATIENT) as client:
        assert await client.call("SET", "k", b"\xff\x00") == Success(b"OK")
        assert await client.call("GET", "k") == Success(b"\xff\x00")
        assert await client.call("INCRBY", "n", 3) == Success(3)
        assert await client.call("MGET", "k", "none") == Success([b"\xff\x00", None])
        refusal = (await client.call("HGET", "k", "field")).unwrap()
        assert isinstance(refusal, Refusal)
        assert refusal.code == "WRONGTYPE"


async def test_an_open_client_keeps_its_connection_and_a_closed_one_none(redis: RedisServer) -> None:
    async with redis_client(redis.url, PATIENT) as client:
        for _ in range(5):
            await client.call("PING")
        assert clients(redis) == 1
    unopened = redis_client(redis.url, PATIENT)
    assert await unopened.call("PING") == Success(b"PONG")
    await vanishes(redis)


async def vanishes(redis: RedisServer) -> None:
    """Redis notices a closed connection in its own time."""
    with anyio.fail_after(5):
        while clients(redis):
            await anyio.lowlevel.checkpoint()


async def test_a_hundred_calls_at_once_use_no_more_connections_than_allowed(redis: RedisServer) -> None:
    async with redis_client(redis.url, RedisSettings(timeout_s=10, max_connections=3)) as client:
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(client.call, "INCR", "n")
        assert await client.call("GET", "n") == Success(b"100")
        assert clients(redis) <= 3


async def test_a_cancelled_call_leaves_no_reply_to_the_next(redis: RedisServer) -> None:
    async with redis_client(redis.url, PATIENT) as client:
        await client.call("SET", "a", "first")
        with redis.frozen(), anyio.move_on_after(0.05):
            await client.call("GET", "a")
        assert await client.call("PING") == Success(b"PONG")


async def test_a_frozen_redis_costs_one_time_out_and_then_nothing_until_it_is_back(redis: RedisServer) -> None:
    async with redis_client(redis.url, QUICK) as client:
        await client.call("PING")
        with redis.frozen():
            began_s = anyio.current_time()
            slow = failed(await client.call("PING"))
            assert slow == StoreUnavailable("redis", f"127.0.0.1:{redis.port}: no answer in time")
            waited_s = anyio.current_time()
            assert 0.09 <= waited_s - began_s < 1
            for _ in range(100):
                assert failed(await client.call("PING")) == slow
            assert anyio.current_time() - waited_s < 0.09
        await comes_back(client)


async def test_while_a_frozen_redis_is_looked_for_only_one_caller_waits(redis: RedisServer) -> None:
    async with redis_client(redis.url, RedisSettings(timeout_s=0.1, rest_s=0.05)) as client:
        with redis.frozen():
            await client.call("PING")
            await anyio.sleep(0.06)  # the rest is over
            waits: list[float] = []

            async def one() -> None:
                began_s = anyio.current_time()
                await client.call("PING")
                waits.append(anyio.current_time() - began_s)

            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(one)
            assert sum(wait_s > 0.05 for wait_s in waits) == 1


async def comes_back(client: RedisClient) -> None:
    with anyio.fail_after(5):
        while isinstance(await client.call("PING"), Failure):  # noqa: ASYNC110  # there is no event to wait for
            await anyio.sleep(0.01)


async def test_a_redis_that_is_not_there_is_a_failure_at_once() -> None:
    client = redis_client("redis://127.0.0.1:9", QUICK)
    assert failed(await client.call("PING")) == StoreUnavailable("redis", "127.0.0.1:9: cannot be reached")
    nowhere = redis_client("unix:///nowhere/redis.sock", QUICK)
    assert failed(await nowhere.call("PING")).message == "/nowhere/redis.sock: No such file or directory"


async def test_a_restart_between_two_calls_fails_neither(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        async with redis_client(redis.url, PATIENT) as client:
            assert await client.call("PING") == Success(b"PONG")
            redis.stop()
            redis.start()
            assert await client.call("PING") == Success(b"PONG")


async def test_who_waits_in_line_hears_that_redis_went_away_and_nobody_waits_forever(redis: RedisServer) -> None:
    async with redis_client(redis.url, RedisSettings(timeout_s=0.1, rest_s=5, max_connections=1)) as client:
        with redis.frozen():
            said: list[str] = []

            async def one() -> None:
                said.append(failed(await client.call("PING")).message)

            began_s = anyio.current_time()
            async with anyio.create_task_group() as group:
                for _ in range(50):
                    group.start_soon(one)
            assert len(said) == 50
            assert anyio.current_time() - began_s < 1


@asynccontextmanager
async def slow_redis(waits: Callable[[], float]) -> AsyncGenerator[str]:
    """One that answers each question after what *waits* says then, in seconds."""

    async def answer(stream: SocketStream) -> None:
        async with stream:
            while True:
                try:
                    await stream.receive()
                    await anyio.sleep(waits())
                    await stream.send(b"+PONG\r\n")
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return

    async with pretender(answer) as url:
        yield url


async def test_a_line_that_is_too_long_is_left() -> None:
    async with slow_redis(lambda: 0.02) as url:
        answers: list[str] = []
        async with redis_client(url, RedisSettings(timeout_s=0.4, max_connections=1)) as client:

            async def one() -> None:
                answers.append(said(await client.call("PING")))

            async with anyio.create_task_group() as group:
                for _ in range(60):
                    group.start_soon(one)
    assert "pong" in answers
    assert "too many calls wait for it" in answers


@pytest.mark.parametrize("at_once", [1, 30])
async def test_a_redis_that_answers_slowly_costs_one_time_out_in_all(at_once: int) -> None:
    """Each answer is in time; a call that asks eight times would pay four time-outs for them, and its deadline too."""
    async with slow_redis(lambda: 0.2) as url:
        settings = RedisSettings(url=Secret(url), timeout_s=0.4, rest_s=30, max_connections=2)
        told: list[StoreUnavailable | None] = []
        spent_s: list[float] = []
        answers: list[str] = []
        async with client_for(settings, told.append).unwrap() as client:

            async def call_that_asks_eight_times() -> None:
                began_s = anyio.current_time()
                for _ in range(8):
                    answers.append(said(await client.call("PING")))
                spent_s.append(anyio.current_time() - began_s)

            async with anyio.create_task_group() as group:
                for _ in range(at_once):
                    group.start_soon(call_that_asks_eight_times)
        assert answers.count("pong") in range(1, 5)
        assert max(spent_s) < 2 * 0.4  # and not 8 x 0.2, or in a line of thirty far more
        assert len(told) == 1
        assert {"no answer in time", "it answers too slowly", "pong"} >= set(answers)


async def test_one_slow_answer_among_prompt_ones_is_not_held_against_redis() -> None:
    waits = iter([0.0, 0.2, 0.0, 0.2, 0.0, 0.2, 0.0, 0.2, 0.0])
    async with (
        slow_redis(lambda: next(waits)) as url,
        redis_client(url, RedisSettings(timeout_s=0.5, rest_s=30)) as client,
    ):
        assert [said(await client.call("PING")) for _ in range(9)] == ["pong"] * 9


async def test_a_redis_that_was_slow_is_back_with_its_first_prompt_answer() -> None:
    wait_s = 0.3
    async with slow_redis(lambda: wait_s) as url:
        told: list[StoreUnavailable | None] = []
        settings = RedisSettings(url=Secret(url), timeout_s=0.4, rest_s=0.01)
        async with client_for(settings, told.append).unwrap() as client:
            for _ in range(4):
                await client.call("PING")
                await anyio.sleep(0.02)
            assert [each is None for each in told] == [False]
            wait_s = 0.0
            await comes_back(client)
            await client.call("PING")
            assert [each is None for each in told] == [False, True]


async def test_a_connection_that_was_reset_while_idle_is_not_used() -> None:
    async def resets(stream: SocketStream) -> None:
        await stream.receive()
        await stream.send(b"+PONG\r\n")
        raw = stream.extra(SocketAttribute.raw_socket)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await anyio.aclose_forcefully(stream)

    async with pretender(resets) as url, redis_client(url, PATIENT) as client:
        for _ in range(3):
            assert await client.call("PING") == Success(b"PONG")
            await anyio.wait_all_tasks_blocked()


async def test_a_redis_that_serves_nobody_just_now_is_as_good_as_away() -> None:
    async def loads(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"-LOADING Redis is loading the dataset in memory\r\n")

    async with pretender(loads) as url:
        client = redis_client(url, QUICK)
        assert failed(await client.call("PING")).message.endswith(": it refuses to serve us: LOADING")


async def test_that_redis_went_away_and_came_back_is_told_once_each(tmp_path: Path) -> None:
    told: list[StoreUnavailable | None] = []
    with redis_server(tmp_path) as redis:
        settings = RedisSettings(url=Secret(redis.url), rest_s=0.01)
        client = client_for(settings, told.append).unwrap()
        await client.call("PING")
        redis.stop()
        for _ in range(3):
            await client.call("PING")
            await anyio.sleep(0.02)
        redis.start()
        await comes_back(client)
        await client.call("PING")
        assert told == [StoreUnavailable("redis", f"127.0.0.1:{redis.port}: cannot be reached"), None]
