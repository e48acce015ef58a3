"""Not asking twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar, cast

from returns.result import Failure, Success

from llm_manager.domain.arguments import check_finite, check_function, check_is
from llm_manager.domain.errors import BudgetExceeded, LLMError, RequestTimedOut
from llm_manager.domain.events import CacheRead
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import ComputedCost, LLMResponse
from llm_manager.effect.context import Context, Op, Policy, emit
from llm_manager.effect.ongoing import Ongoing
from llm_manager.effect.op import effect, run
from llm_manager.ports import Cached

A = TypeVar("A")


def cached(key: str, ttl_s: float, *, keep: Callable[[object], bool] = lambda _: True) -> Policy:
    """Answer from the cache what was stored under *key* less than *ttl_s* seconds ago; else run, and store a success.

    Several that run at the same time in one context with one key run once, for all of them (single flight): the first
    does it, and the next if that one is cancelled or its own time or money runs out. Failures are never stored, nor is
    a stream or a value for which *keep* is false. An ``LLMResponse`` that was not got for its asker says so in its
    metadata and costs nothing. A cache that cannot be used is a miss: it never fails an operation. The
    key must name everything that shapes the value; the cache cannot know what the operation would have answered.
    """
    check_is(key, str, "cached takes a key", 'cached("sky", ttl_s=300)')
    check_finite(ttl_s, "cached takes the seconds for which a value is kept, 0 or more", 'cached("sky", ttl_s=300)')
    check_function(keep, "cached takes a function that says what to keep", "cached(key, 300, keep=is_good)")

    def around(op: Op[A], /) -> Op[A]:
        async def caching(context: Context) -> Outcome[A, LLMError]:
            hit = await look_up(context, key)
            if hit is not None:
                return Success(cast("A", hit.value))

            async def fill() -> Outcome[A, LLMError]:
                outcome = await run(op, context)
                value = outcome.unwrap() if isinstance(outcome, Success) else None
                if isinstance(outcome, Success) and not isinstance(value, Ongoing) and keep(value):
                    await context.cache.put(key, value, context.clock.monotonic(), ttl_s)
                return outcome

            flown = await context.flights.join(key, fill, _is_for_all)
            if flown.led or isinstance(flown.came, Failure):
                return flown.came
            return Success(cast("A", _marked(flown.came.unwrap())))

        return effect(caching)

    return around


def _is_for_all(outcome: Outcome[object, LLMError]) -> bool:
    """Not what has one reader, and not what failed for want of its asker's own time or money."""
    match outcome:
        case Success(Ongoing()) | Failure(RequestTimedOut(phase="total") | BudgetExceeded()):
            return False
        case _:
            return True


async def look_up(context: Context, key: str) -> Cached | None:
    """What the cache knows under *key*, None if nothing or if it cannot be used; a response is marked as cached."""
    now_s = context.clock.monotonic()
    found = await context.cache.get(key, now_s)
    hit = found.unwrap() if isinstance(found, Success) else None
    emit(context, CacheRead(at_s=now_s, key=key, hit=hit is not None, run=context.run))
    return None if hit is None else Cached(_marked(hit.value))


def _marked(value: object) -> object:
    """A response as the second asker sees it: it took no time, no attempt and no money of theirs."""
    if not isinstance(value, LLMResponse):
        return value
    metadata = replace(value.metadata, cached=True, latency_ms=0.0, retry_count=0, attempts=())
    return replace(value, metadata=metadata, usage=replace(value.usage, cost=ComputedCost(0.0)))
