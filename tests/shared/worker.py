"""One of several processes that share a Redis; run as a program by the tests, on either loop.

It says ``ready``; for each line of its input, a part and a number of tasks, it does that and prints what came of it.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.lowlevel
from returns.result import Success

from llm_manager import (
    BreakerSettings,
    KeySettings,
    LimiterSettings,
    RedisSettings,
    Secret,
    redis_breakers,
    redis_budget,
    redis_client,
    redis_keys,
    redis_limiter,
    redis_retry_budgets,
)
from llm_manager.adapters.system import SystemClock
from llm_manager.domain.settings import RetryBudgetSettings

PATIENT = RedisSettings(timeout_s=20)
LIMITS = LimiterSettings(requests_per_minute=240, tokens_per_minute=50_000)
BREAKER = BreakerSettings(failure_threshold=1, open_s=1.0, probe_s=60.0)
TOKENS = 250.0
RETRIES = RetryBudgetSettings(capacity=50, per_second=0)
LIMIT_USD = 10.0
TWO_KEYS = KeySettings(
    providers={"p": (Secret("sk-canary-0-0123456789"), Secret("sk-canary-1-0123456789"))}, max_connections_per_key=3
)


async def limited(url: str, tasks: int) -> list[float]:
    """When each of *tasks* that asked at once was let through."""
    times: list[float] = []
    async with redis_client(url, PATIENT) as redis:
        limiter = redis_limiter(redis, LIMITS, shared=PATIENT)

        async def one() -> None:
            if isinstance(await limiter.acquire("k", "m", TOKENS, 1.5, SystemClock()), Success):
                times.append(time.monotonic())

        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(one)
    return times


async def probing(url: str, tasks: int) -> list[float]:
    """When each of *tasks* that asked an expired breaker at once was admitted."""
    times: list[float] = []
    async with redis_client(url, PATIENT) as redis:
        breakers = redis_breakers(redis, BREAKER, shared=PATIENT)

        async def one() -> None:
            if isinstance(await breakers.admit("k", "m", 0.0), Success):
                times.append(time.monotonic())

        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(one)
    return times


async def retrying(url: str, tasks: int) -> list[float]:
    """When each of *tasks* was let try again."""
    times: list[float] = []
    async with redis_client(url, PATIENT) as redis:
        budgets = redis_retry_budgets(redis, RETRIES, shared=PATIENT)

        async def one() -> None:
            if await budgets.spend("k", 0.0):
                times.append(time.monotonic())

        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(one)
    return times


async def spending(url: str, tasks: int) -> list[float]:
    """What each of *tasks* spent, of five to fifteen cents that it reserved, and waited for where others had them.

    Raises ``AssertionError`` when more than the limit is ever seen to be gone.
    """
    used: list[float] = []
    dice = random.Random()  # noqa: S311  # dice, not keys
    async with redis_client(url, PATIENT) as redis:
        budget = redis_budget(redis, LIMIT_USD, shared=PATIENT)

        async def one() -> None:
            worst_usd, part = dice.randint(50, 150) / 1000, dice.random()
            if isinstance(await budget.reserve(worst_usd, 30.0, SystemClock()), Success):
                await anyio.lowlevel.checkpoint()
                cost_usd = round(worst_usd * part, 9)
                used.append(cost_usd)
                await budget.settle(worst_usd, cost_usd)
                assert await budget.spent_usd() <= LIMIT_USD

        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(one)
    return used


async def flying(url: str, tasks: int) -> list[float]:
    """How many calls used a key each time that one of *tasks* had begun to, as Redis itself counted them."""
    seen: list[float] = []
    async with redis_client(url, PATIENT) as redis:
        keys = redis_keys(redis, TWO_KEYS, shared=PATIENT)

        async def one() -> None:
            lease = (await keys.lease("p", "m", 0.0, SystemClock())).unwrap()
            count = (await redis.call("INCR", f"in flight {lease.key_id}")).unwrap()
            assert isinstance(count, int)
            seen.append(count)
            await anyio.sleep(0.005)
            await redis.call("DECR", f"in flight {lease.key_id}")
            await keys.give_back(lease, None, SystemClock().monotonic())

        async with anyio.create_task_group() as group:
            for _ in range(tasks):
                group.start_soon(one)
    return seen


async def holding(url: str, tasks: int) -> list[float]:
    """Hold a cent for each of *tasks*, and die with it."""
    async with redis_client(url, PATIENT) as redis:
        budget = redis_budget(redis, LIMIT_USD, shared=PATIENT)
        for _ in range(tasks):
            await budget.reserve(0.01, 0.0, SystemClock())
    return [0.01] * tasks


PARTS: dict[str, Callable[[str, int], Awaitable[list[float]]]] = {
    "limited": limited,
    "probing": probing,
    "retrying": retrying,
    "spending": spending,
    "flying": flying,
    "holding": holding,
}


def main(loop: str, url: str) -> None:
    print("ready", flush=True)  # noqa: T201  # how it talks to the test
    for line in sys.stdin:
        part, tasks = line.split()
        print(json.dumps(anyio.run(partial(PARTS[part], url, int(tasks)), backend=loop)), flush=True)  # noqa: T201  # so


if __name__ == "__main__":
    main(*sys.argv[1:])
