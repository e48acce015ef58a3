"""What the combinators and the whole stack cost where the provider costs nothing."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import final

import anyio
from returns.future import FutureResult
from returns.result import Success

from benchmarks.row import ROUNDS, Row, row, us_a_call
from llm_manager import (
    Context,
    LLMError,
    LLMRequest,
    LLMResponse,
    Op,
    Outcome,
    Secret,
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
from llm_manager.adapters.incoming import Whole
from llm_manager.adapters.system import SystemClock
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch, Incoming
from llm_manager.testing import scripted

ASK = LLMRequest(prompt="Why is the sky blue?")
STACK_US, HIT_US, PLAN_US = 30.0, 60.0, 50.0
CROWD, CROWD_MS = 1_000, 1.0
"""So many hits at once, and the longest that 99 of 100 may take from their beginning to their end."""
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


@final
class _NoOp:
    """A provider that has its answer at once and keeps nothing."""

    answer = LLMResponse(content="x", model="gpt", finish_reason="stop")

    async def complete(self, _dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        return Success(self.answer)

    async def stream(self, _dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        return Success(Whole(self.answer))

    async def models(self, _target: Target, _keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        return Success(("gpt",))


async def _bare(depth: int, context: Context) -> Outcome[int, LLMError]:
    return await _bare(depth - 1, context) if depth else await _nothing(context)


def _same(value: int) -> FutureResult[int, LLMError]:
    return FutureResult.from_value(value)


async def _bound() -> object:
    future = _same(1)
    for _ in range(DEPTH):
        future = future.bind(_same)  # pyright: ignore[reportUnknownMemberType]  # it takes the plugin to know it
    return await future


def _layer(op: Op[int]) -> Op[int]:
    """An effect that does nothing but run another: what a combinator costs before it does its work."""

    async def passing(context: Context) -> Outcome[int, LLMError]:
        return await run(op, context)

    return effect(passing)


def _layers() -> Op[int]:
    op = NOTHING
    for _ in range(DEPTH):
        op = _layer(op)
    return op


async def _crowd_ms(op: Op[LLMResponse], context: Context) -> float:
    """The 99th percentile of :data:`CROWD` runs at once, on the wall's clock, for a pause hurts as well."""
    took_ms: list[float] = []

    async def one() -> None:
        started = time.perf_counter()
        await run(op, context)
        took_ms.append((time.perf_counter() - started) * 1000)

    await asyncio.gather(*(one() for _ in range(CROWD)))
    return statistics.quantiles(took_ms, n=100)[98]


async def _measured() -> list[Row]:
    nested = _layers()
    async with scripted({"gpt": []}) as virtual:
        context = replace(virtual, clock=SystemClock(), providers={"custom": _NoOp()})
        took = await us_a_call(
            {
                "eight": lambda: run(EIGHT, context),
                "layers": lambda: run(nested, context),
                "bare": lambda: _bare(DEPTH, context),
                "bound": _bound,
                "miss": lambda: run(route_request(ASK), context),
                "hit": lambda: run(generate(ASK), context),
                "plan": lambda: run(plan(ASK), context),
            },
            1000,
        )
        crowd_ms = [await _crowd_ms(generate(ASK), context) for _ in range(ROUNDS)]
    bare = row("  peer: eight nested coroutines", "us", took["bare"])
    bound = row("  peer: eight `bind` of returns", "us", took["bound"])
    return [
        row("eight combinators on a no-op", "us", took["eight"], STACK_US, bound),
        row("eight effects that only pass on", "us", took["layers"], peer=bare),
        bare,
        bound,
        row("generate on a no-op provider, no cache", "us", took["miss"], STACK_US),
        row("generate, answered by the cache", "us", took["hit"], HIT_US),
        row(f"  99 of 100, {CROWD:,} at once", "ms", crowd_ms, CROWD_MS),
        row("plan", "us", took["plan"], PLAN_US),
    ]


def rows() -> list[Row]:
    """All of them, on asyncio."""
    return anyio.run(_measured)
