"""Who answers a client, and how it is told from a Redis: strangers, passwords, addresses, resets."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream
from returns.result import Failure, Success

from llm_manager import RedisSettings, Secret, redis_client
from llm_manager.adapters.redis.wire import MAX_REPLY_BYTES
from redis_server import RedisServer, redis_server
from tests.shared.clients import PATIENT, QUICK, failed, pretender

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("speaks", "said"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it does not speak as a Redis does"),
        (b"$999999999\r\n" + b"x" * (MAX_REPLY_BYTES + 65536), "it does not speak as a Redis does"),
        (b"", "the connection broke"),
        (b"$5\r\nab", "the connection broke"),
    ],
    ids=["http", "endless", "nothing", "half"],
)
async def test_who_is_no_redis_is_told_apart(speaks: bytes, said: str) -> None:
    async def speak(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            with suppress(anyio.BrokenResourceError):  # the client may have had enough
                await stream.send(speaks)

    async with pretender(speak) as url:
        client = redis_client(url, PATIENT)
        assert failed(await client.call("PING")).message.partition(": ")[2] == said


async def test_a_reply_to_nothing_is_not_taken_for_an_answer() -> None:
    async def talks_too_much(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"+PONG\r\n+SURPRISE\r\n")
            await stream.send(b"+AND MORE\r\n")
            await anyio.sleep_forever()

    async with pretender(talks_too_much) as url, redis_client(url, PATIENT) as client:
        for _ in range(3):
            assert await client.call("PING") == Success(b"PONG")


async def test_a_tls_client_of_a_plain_redis_fails_and_does_not_hang(redis: RedisServer) -> None:
    client = redis_client(redis.url.replace("redis://", "rediss://"), QUICK)
    assert isinstance(await client.call("PING"), Failure)


async def test_a_password_is_sent_and_never_shown(tmp_path: Path) -> None:
    with redis_server(tmp_path, password="canary-0123456789") as redis:  # noqa: S106  # of a Redis that lives a second
        async with redis_client(redis.url, PATIENT) as client:
            assert await client.call("PING") == Success(b"PONG")
            assert "canary" not in repr(client)
        wrong = redis_client(redis.url.replace("canary", "wrong-canary"), PATIENT)
        said = failed(await wrong.call("PING"))
        assert said.message == f"127.0.0.1:{redis.port}: it refuses to serve us: WRONGPASS"
        unnamed = redis_client(f"redis://127.0.0.1:{redis.port}/3", PATIENT)
        assert failed(await unnamed.call("PING")).message.endswith("refuses to serve us: NOAUTH")
        named = redis_client(redis.url.replace("redis://:", "redis://default:").replace("/0", "/3"), PATIENT)
        assert await named.call("PING") == Success(b"PONG")


async def test_a_server_that_repeats_the_password_is_not_quoted() -> None:
    async def echoes(stream: SocketStream) -> None:
        async with stream:
            said = await stream.receive()
            await stream.send(b"-ERR unknown command, with args: " + said.replace(b"\r\n", b" ") + b"\r\n")
            await anyio.sleep_forever()

    async with pretender(echoes) as url:
        client = redis_client(url.replace("redis://", "redis://:canary-0123456789@"), PATIENT)
        assert failed(await client.call("PING")).message.partition(": ")[2] == "it refuses to serve us: ERR"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://canary@host", "is no Redis URL"),
        ("redis://", "names no host"),
        ("redis://:canary@host:port", "is no URL"),
        ("redis://host/canary", "names a database that is no number"),
        (f"redis://host/{'9' * 5_000}", "names a database that is no number"),
        ("redis://host?password=canary", "has a query or fragment"),
        ("unix://canary", "names no socket"),
        ("redis://ho st", "is no Redis URL"),
    ],
)
def test_a_url_that_is_none_is_told_and_not_shown(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        redis_client(url)
    assert "canary" not in str(raised.value)


async def test_a_unix_socket_is_an_address_too(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def pong(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"+PONG\r\n")

    async with await anyio.create_unix_listener(path) as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, pong)
        assert await redis_client(f"unix://{path}", PATIENT).call("PING") == Success(b"PONG")
        group.cancel_scope.cancel()


def test_a_client_does_not_show_the_password_in_its_settings() -> None:
    settings = RedisSettings(url=Secret("redis://:canary-0123456789@host"))
    assert "canary" not in repr(settings)
