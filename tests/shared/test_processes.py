"""Four processes on one Redis, in real time: what they do together is what one may."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import pytest
from returns.result import Success

from llm_manager import redis_breakers, redis_budget, redis_client
from redis_server import RedisServer
from tests.shared.situations import falls_silent
from tests.shared.worker import BREAKER, LIMIT_USD, LIMITS, ONE_KEY, PATIENT, RETRIES, TOKENS

pytestmark = pytest.mark.anyio

WORKER = Path(__file__).with_name("worker.py")
ENDS_WITHIN_S = 50


def together(part: str, url: str, tasks: int) -> list[list[float]]:
    """What four processes answer that begin at the same moment, two on each loop."""
    workers = [
        subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, str(WORKER), loop, part, url, str(tasks)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for loop in ("asyncio", "trio", "asyncio", "trio")
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        return [cast("list[float]", json.loads(worker.communicate(timeout=ENDS_WITHIN_S)[0])) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def test_four_processes_of_two_hundred_tasks_never_send_more_than_a_burst_and_the_rate(redis: RedisServer) -> None:
    began_s = time.monotonic()
    times = [time_s for each in together("limited", redis.url, 200) for time_s in each]
    span_s = max(times) - began_s
    requests, tokens = LIMITS.requests_per_minute or 0, LIMITS.tokens_per_minute or 0
    assert len(times) <= requests + requests / 60 * span_s
    assert len(times) * TOKENS <= tokens + tokens / 60 * span_s
    assert len(times) * TOKENS > tokens  # some of them waited


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_of_a_thousand_waiters_in_four_processes_one_probes(redis: RedisServer) -> None:
    async with redis_client(redis.url, PATIENT) as client:
        breakers = redis_breakers(client, BREAKER, shared=PATIENT)
        permit = (await breakers.admit("k", "m", 0.0)).unwrap()
        await breakers.record(permit, "failure", 0.0, 0.0)
        assert (await breakers.state("k", 0.0))[0] == "open"
    _let_it_expire(redis)
    assert sum(map(len, together("probing", redis.url, 250))) == 1


def test_four_processes_that_retry_a_thousand_times_are_let_retry_as_often_as_one(redis: RedisServer) -> None:
    assert sum(map(len, together("retrying", redis.url, 250))) == RETRIES.capacity


def test_a_key_has_no_more_calls_in_flight_in_four_processes_than_it_may(redis: RedisServer) -> None:
    seen = [count for each in together("flying", redis.url, 40) for count in each]
    assert len(seen) == 4 * 40
    assert max(seen) == ONE_KEY.max_connections_per_key
    assert redis.ask("HLEN", "{llm_manager:keys:p}:flights") == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_four_processes_settled_is_what_redis_says_and_never_more_than_the_limit(redis: RedisServer) -> None:
    used = [cost_usd for each in together("spending", redis.url, 200) for cost_usd in each]
    spent_nano = sum(round(cost_usd * 1e9) for cost_usd in used)
    budget = redis_budget(redis.url, LIMIT_USD, shared=PATIENT)
    assert round(await budget.spent_usd() * 1e9) == spent_nano
    assert LIMIT_USD / 2 < spent_nano / 1e9 <= LIMIT_USD  # some were refused for what others only held
    assert len(used) < 4 * 200


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_four_processes_held_that_died_is_gone_and_not_forgotten(redis: RedisServer) -> None:
    held = sum(map(len, together("holding", redis.url, 100)))
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
