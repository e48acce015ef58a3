"""One of several processes that share a Redis; run as a program by the tests, on either loop.

It says ``ready``, waits for a line on its input, does its part and prints what came of it as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial

import anyio
from returns.result import Success

from llm_manager import BreakerSettings, LimiterSettings, RedisSettings, redis_breakers, redis_client, redis_limiter
from llm_manager.adapters.system import SystemClock

PATIENT = RedisSettings(timeout_s=20)
LIMITS = LimiterSettings(requests_per_minute=240, tokens_per_minute=50_000)
BREAKER = BreakerSettings(failure_threshold=1, open_s=1.0, probe_s=60.0)
TOKENS = 250.0


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


def main(loop: str, part: str, url: str, tasks: str) -> None:
    print("ready", flush=True)  # noqa: T201  # how it talks to the test
    sys.stdin.readline()
    job = {"limited": limited, "probing": probing}[part]
    print(json.dumps(anyio.run(partial(job, url, int(tasks)), backend=loop)), flush=True)  # noqa: T201  # as above


if __name__ == "__main__":
    main(*sys.argv[1:])
