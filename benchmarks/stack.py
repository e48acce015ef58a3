"""What the combinators and the whole stack cost where the provider costs nothing."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import anyio
from returns.future import FutureResult
from returns.result import Success

from benchmarks.row import Row, row, us_a_call
from llm_manager import (
    Context,
    LLMError,
    LLMRequest,
    LLMResponse,
    Op,
    Outcome,
    both,
    cached,
    circuit_breaker,
    deadline,
    effect,
    exponential,
    fallback,
    generate,
    observed,
    plan,
    rate_limit,
    recurs,
    retry,
    route_request,
    run,
    through,
    timeout,
)
from llm_manager.adapters.system import SystemClock
from llm_manager.testing import scripted

ASK = LLMRequest(prompt="Why is the sky blue?")
STACK_US, HIT_US, PLAN_US = 30.0, 60.0, 50.0
DEPTH = 8


async def _nothing(_: Context) -> Outcome[int, LLMError]:
    return Success(1)


NOTHING: Op[int] = effect(_nothing)

EIGHT: Op[int] = through(
    fallback(NOTHING)(NOTHING),
    timeout(5),
    circuit_breaker("bench"),
    rate_limit("bench"),
    retry(both(exponential(1), recurs(2))),
    cached("bench", 0.0),  # nothing lives that long: each run goes all the way down
    observed("bench"),
    deadline(60),
)


def _answer(_: LLMRequest) -> LLMResponse:
    return LLMResponse(content="x", model="gpt", finish_reason="stop")


async def _bare(depth: int, context: Context) -> Outcome[int, LLMError]:
    return await _bare(depth - 1, context) if depth else await _nothing(context)


def _same(value: int) -> FutureResult[int, LLMError]:
    return FutureResult.from_value(value)


async def _bound() -> object:
    future = _same(1)
    for _ in range(DEPTH):
        future = future.bind(_same)  # pyright: ignore[reportUnknownMemberType]  # it takes the plugin to know it
    return await future


async def _measured() -> list[Row]:
    lines = {"gpt": [_answer] * 1_000_000}
    async with scripted(lines) as virtual:
        context = replace(virtual, clock=SystemClock())

        def running(op: Op[Any]) -> Coroutine[Any, Any, list[float]]:
            return us_a_call(lambda: run(op, context), 2000)

        return [
            row("eight combinators on a no-op", "us", await running(EIGHT), STACK_US),
            row("  peer: eight nested coroutines", "us", await us_a_call(lambda: _bare(DEPTH, context), 2000)),
            row("  peer: eight `bind` of returns", "us", await us_a_call(_bound, 2000)),
            row("generate on a no-op provider, no cache", "us", await running(route_request(ASK)), STACK_US),
            row("generate, answered by the cache", "us", await running(generate(ASK)), HIT_US),
            row("plan", "us", await running(plan(ASK)), PLAN_US),
        ]


def rows() -> list[Row]:
    """All of them, on asyncio."""
    return anyio.run(_measured)
