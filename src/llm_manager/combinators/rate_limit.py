"""Staying within what a provider allows in a minute."""

from __future__ import annotations

from functools import partial
from math import inf
from typing import TypeVar

from returns.result import Success

from llm_manager.domain.arguments import check_finite, check_is
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import LimiterSettings
from llm_manager.domain.verdicts import nothing_was_sent
from llm_manager.effect.context import Context, Policy
from llm_manager.effect.gate import Gate, WasSent, always_sent, gated
from llm_manager.effect.ongoing import Ending, Tell
from llm_manager.ports import Reservation

A = TypeVar("A")


def rate_limit(
    key: str,
    cost: float = 0.0,
    *,
    model: str | None = None,
) -> Policy:
    """Wait for room for one request of *cost* tokens in the buckets filed under *key*, then run.

    Fails at once with ``RateLimitExceeded`` (``local``) when the wait would pass ``rate_limit.max_wait_s`` or the
    deadline. *cost* is an estimate: an answer with usage settles it, of a stream when it has ended, also one that is
    called a failure; an unknown usage keeps it, and a failure that sent nothing gives it back.
    """
    check_is(key, str, "rate_limit takes the key of its buckets", 'rate_limit("gpt", cost=500)')
    check_finite(cost, "rate_limit takes a cost of 0 tokens or more", 'rate_limit("gpt", cost=500)')

    return gated(limiter_gate(key, cost, model=model))


def limiter_gate(
    key: str,
    cost: float = 0.0,
    *,
    model: str | None = None,
    limits: LimiterSettings | None = None,
    longest_wait_s: float = inf,
    was_sent: WasSent = always_sent,
) -> Gate:
    """The gate of :func:`rate_limit`, to be passed together with others; it waits *longest_wait_s* at most, and no
    longer than *limits* allow, which are the global ones if None."""

    async def take(context: Context) -> Outcome[Tell, LLMError]:
        max_wait_s = min((limits or context.config.rate_limit).max_wait_s, longest_wait_s)
        if context.deadline_s is not None:
            max_wait_s = min(max_wait_s, context.deadline_s - context.clock.monotonic())
        name = key if model is None else model
        acquired = await context.limiter.acquire(key, name, cost, max_wait_s, context.clock)
        if not isinstance(acquired, Success):
            return acquired
        return Success(partial(_settle, context, acquired.unwrap(), was_sent))

    return take


async def _settle(context: Context, reserved: Reservation, was_sent: WasSent, ending: Ending) -> None:
    limiter, now_s = context.limiter, context.clock.monotonic()
    was_told = ending.usage is not None and not ending.usage.estimated  # with a failure, too
    if not was_sent() or (ending.error is not None and nothing_was_sent(ending.error)):
        await limiter.release(reserved, now_s)
    elif was_told or isinstance(ending.outcome, Success):
        used = None if ending.usage is None else ending.usage.total_tokens
        await limiter.settle(reserved, used, now_s)
