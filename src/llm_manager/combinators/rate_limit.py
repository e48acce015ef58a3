"""Staying within what a provider allows in a minute."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from returns.result import Failure, Success

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.verdicts import nothing_was_sent
from llm_manager.effect.context import Context, Op, Policy
from llm_manager.effect.op import effect, run

A = TypeVar("A")


def rate_limit(
    key: str,
    cost: float = 0.0,
    *,
    model: str | None = None,
    never_left: Callable[[LLMError], bool] = nothing_was_sent,
) -> Policy:
    """Wait for room for one request of *cost* tokens in the buckets filed under *key*, then run.

    Fails at once with ``RateLimitExceeded`` when the wait would pass ``rate_limit.max_wait_s`` or the deadline. *cost*
    is an estimate: an answer with usage settles it, an unknown usage keeps it, and a failure for which *never_left*
    holds gives it back.
    """

    def around(op: Op[A], /) -> Op[A]:
        async def limited(context: Context) -> Outcome[A, LLMError]:
            limiter, clock = context.limiter, context.clock
            max_wait_s = context.config.rate_limit.max_wait_s
            if context.deadline_s is not None:
                max_wait_s = min(max_wait_s, context.deadline_s - clock.monotonic())
            name = key if model is None else model
            acquired = await limiter.acquire(key, name, cost, max_wait_s, clock)
            if isinstance(acquired, Failure):
                return acquired
            outcome = await run(op, context)
            now_s = clock.monotonic()
            if isinstance(outcome, Success):
                await limiter.settle(acquired.unwrap(), _used_tokens(outcome.unwrap()), now_s)
            elif never_left(outcome.failure()):
                await limiter.release(acquired.unwrap(), now_s)
            return outcome

        return effect(limited)

    return around


def _used_tokens(value: object) -> float | None:
    return value.usage.total_tokens if isinstance(value, LLMResponse) else None
