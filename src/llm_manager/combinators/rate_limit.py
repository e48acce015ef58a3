"""Staying within what a provider allows in a minute."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from returns.result import Success

from llm_manager.domain.arguments import check_finite, check_is
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.verdicts import nothing_was_sent
from llm_manager.effect.context import Context, Policy
from llm_manager.effect.gate import Gate, gated
from llm_manager.effect.ongoing import Ending, Tell
from llm_manager.ports import Reservation

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
    is an estimate: an answer with usage settles it, of a stream when it has ended, an unknown usage keeps it, and a
    failure for which *never_left* holds gives it back.
    """
    check_is(key, str, "rate_limit takes the key of its buckets", 'rate_limit("gpt", cost=500)')
    check_finite(cost, "rate_limit takes a cost of 0 tokens or more", 'rate_limit("gpt", cost=500)')

    return gated(limiter_gate(key, cost, model=model, never_left=never_left))


def limiter_gate(
    key: str,
    cost: float = 0.0,
    *,
    model: str | None = None,
    never_left: Callable[[LLMError], bool] = nothing_was_sent,
) -> Gate:
    """The gate of :func:`rate_limit`, to be passed together with others."""

    async def take(context: Context) -> Outcome[Tell, LLMError]:
        max_wait_s = context.config.rate_limit.max_wait_s
        if context.deadline_s is not None:
            max_wait_s = min(max_wait_s, context.deadline_s - context.clock.monotonic())
        name = key if model is None else model
        acquired = await context.limiter.acquire(key, name, cost, max_wait_s, context.clock)
        if not isinstance(acquired, Success):
            return acquired
        return Success(partial(_settle, context, acquired.unwrap(), never_left))

    return take


async def _settle(
    context: Context, reserved: Reservation, never_left: Callable[[LLMError], bool], ending: Ending
) -> None:
    limiter, now_s = context.limiter, context.clock.monotonic()
    if isinstance(ending.outcome, Success):
        used = None if ending.usage is None else ending.usage.total_tokens
        await limiter.settle(reserved, used, now_s)
    elif ending.error is not None and never_left(ending.error):
        await limiter.release(reserved, now_s)
