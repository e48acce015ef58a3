"""Four processes on one Redis, in real time: what they do together is what one may."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self, cast

import pytest
from returns.result import Success

from llm_manager import redis_breakers, redis_budget, redis_client
from programs import started
from redis_server import RedisServer
from tests.shared.situations import falls_silent
from tests.shared.worker import BREAKER, LIMIT_USD, LIMITS, PATIENT, RETRIES, TOKENS, TWO_KEYS

pytestmark = pytest.mark.anyio

WORKER = Path(__file__).with_name("worker.py")
ENDS_WITHIN_S = 50


class Together:
    """Four processes, two on each loop, that do each part at the same moment."""

    def __init__(self, url: str) -> None:
        self._workers = [
            started([sys.executable, str(WORKER), loop, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for loop in ("asyncio", "trio", "asyncio", "trio")
        ]

    def __enter__(self) -> Self:
        try:
            assert [_line(worker) for worker in self._workers] == ["ready\n"] * 4
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def do(self, part: str, tasks: int) -> list[list[float]]:
        """What each answers."""
        for worker in self._workers:
            assert worker.stdin is not None
            worker.stdin.write(f"{part} {tasks}\n")
            worker.stdin.flush()
        return [cast("list[float]", json.loads(_line(worker))) for worker in self._workers]

    def _end(self) -> None:
        for worker in self._workers:
            worker.kill()
            worker.communicate()


def _line(worker: subprocess.Popen[str]) -> str:
    """The next that it says, unless it takes too long."""
    assert worker.stdout is not None
    assert select.select([worker.stdout], [], [], ENDS_WITHIN_S)[0]
    return worker.stdout.readline()


@pytest.fixture(scope="module")
def four(started_redis: RedisServer) -> Iterator[Together]:
    with Together(started_redis.url) as processes:
        yield processes


def test_four_processes_of_two_hundred_tasks_never_send_more_than_a_burst_and_the_rate(
    four: Together, redis: RedisServer
) -> None:
    began_s = time.monotonic()
    times = [time_s for each in four.do("limited", 200) for time_s in each]
    span_s = max(times) - began_s
    requests, tokens = LIMITS.requests_per_minute or 0, LIMITS.tokens_per_minute or 0
    assert len(times) <= requests + requests / 60 * span_s
    assert len(times) * TOKENS <= tokens + tokens / 60 * span_s
    assert len(times) * TOKENS > tokens  # some of them waited


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_of_a_thousand_waiters_in_four_processes_one_probes(four: Together, redis: RedisServer) -> None:
    async with redis_client(redis.url, PATIENT) as client:
        breakers = redis_breakers(client, BREAKER, shared=PATIENT)
        permit = (await breakers.admit("k", "m", 0.0)).unwrap()
        await breakers.record(permit, "failure", 0.0, 0.0)
        assert (await breakers.state("k", 0.0))[0] == "open"
    _let_it_expire(redis)
    assert sum(map(len, four.do("probing", 250))) == 1


def test_four_processes_that_retry_a_thousand_times_are_let_retry_as_often_as_one(
    four: Together, redis: RedisServer
) -> None:
    assert sum(map(len, four.do("retrying", 250))) == RETRIES.capacity


def test_a_key_of_several_has_no_more_calls_in_flight_in_four_processes_than_it_may(
    four: Together, redis: RedisServer
) -> None:
    seen = [count for each in four.do("flying", 40) for count in each]
    assert len(seen) == 4 * 40
    assert max(seen) == TWO_KEYS.max_connections_per_key
    assert redis.ask("HLEN", "{llm_manager:keys:p}:flights") == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_four_processes_settled_is_what_redis_says_and_never_more_than_the_limit(
    four: Together, redis: RedisServer
) -> None:
    used = [cost_usd for each in four.do("spending", 200) for cost_usd in each]
    spent_nano = sum(round(cost_usd * 1e9) for cost_usd in used)
    budget = redis_budget(redis.url, LIMIT_USD, shared=PATIENT)
    assert round(await budget.spent_usd() * 1e9) == spent_nano
    assert LIMIT_USD - 0.15 < spent_nano / 1e9 <= LIMIT_USD  # what others only held was waited for
    assert len(used) < 4 * 200


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_four_processes_held_that_died_is_gone_and_not_forgotten(four: Together, redis: RedisServer) -> None:
    held = sum(map(len, four.do("holding", 100)))
    assert held == 400
    budget = redis_budget(redis.url, LIMIT_USD, shared=PATIENT)
    assert await budget.spent_usd() == 0.0
    falls_silent(redis)
    assert await budget.spent_usd() == 4.0
    assert await budget.put_back(1.0) == Success(3.0)


def _let_it_expire(redis: RedisServer) -> None:
    """What is left of the time that the breaker is open passes at once: its key says it is over."""
    (key,) = cast("list[bytes]", redis.ask("KEYS", "*"))
    kind, generation, _, open_s = json.loads(cast("bytes", redis.ask("GET", key)))
    redis.ask("SET", key, json.dumps([kind, generation, 0.0, open_s]))
