"""Doing it again: the combinator, and the schedules that know this library's errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from returns.result import Success

from llm_manager.domain.arguments import check_is
from llm_manager.domain.errors import LLMError, RateLimitExceeded
from llm_manager.domain.events import RetryScheduled
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import RetrySettings
from llm_manager.domain.verdicts import LONGEST_WAIT_S, again, is_transient, model_of, retry_after_s
from llm_manager.effect.context import Context, Op, Policy, emit
from llm_manager.effect.op import effect, pipe, run
from llm_manager.effect.schedule import (
    Continue,
    Decision,
    Done,
    Driver,
    Schedule,
    Tick,
    both,
    capped,
    choose,
    each,
    exponential,
    jittered,
    recurs,
    while_input,
)
from llm_manager.ports import Random

A = TypeVar("A")

SHORTEST_ATTEMPT_S = 0.1
"""A retry that would leave less than this until the deadline is not begun."""

RETRY_AFTER_SLACK = 0.1
"""Up to this part of a vendor's Retry-After is added at random, so that those who waited do not all return at once."""


def retry(schedule: Schedule[LLMError], *, budget: str | None = None, model: str = "") -> Policy:
    """Run the operation again after a failure, for as long as *schedule* says.

    The last failure is the answer when the schedule stops, when the wait would not leave time for another try before
    the context's deadline, or when the retry budget filed under *budget* is used up. Waits pass on the context's clock.
    *model* goes into the events; without it the one that the failure is about does, if it is about one.
    """
    check_is(schedule, Schedule, "retry takes a schedule", "retry(recurs(3))")

    def around(op: Op[A], /) -> Op[A]:
        async def retrying(context: Context) -> Outcome[A, LLMError]:
            decide: Driver[LLMError] | None = None  # most operations succeed and ask no schedule
            while True:
                outcome = await run(op, context)
                now_s = context.clock.monotonic()
                if isinstance(outcome, Success):
                    if budget is not None:
                        await context.retry_budgets.earn(budget, now_s)
                    return outcome
                error = outcome.failure()
                decide = schedule.driver() if decide is None else decide
                match decide(now_s, context.random, error):
                    case Done():
                        return outcome
                    case Continue(delay_s=delay_s):
                        if not _in_time(context, now_s, delay_s):
                            return outcome
                        if budget is not None and not await context.retry_budgets.spend(budget, now_s):
                            return outcome
                        asked = model or model_of(error)
                        told = RetryScheduled(at_s=now_s, model=asked, delay_s=delay_s, error=error, run=context.run)
                        emit(context, told)
                        await context.clock.sleep(delay_s)

        return effect(retrying)

    return around


def _in_time(context: Context, now_s: float, delay_s: float) -> bool:
    return context.deadline_s is None or now_s + delay_s + SHORTEST_ATTEMPT_S <= context.deadline_s


transient_only: Schedule[LLMError] = while_input(is_transient)
"""Go on, at once, while the error is one that the same target may answer differently, without any opt-in."""


def _waiting(unsaid_s: float) -> Schedule[LLMError]:
    def wait(tick: Tick[LLMError]) -> Decision:
        asked_s = retry_after_s(tick.input)
        if asked_s is None:
            return Continue(unsaid_s if isinstance(tick.input, RateLimitExceeded) else 0.0)
        if asked_s > LONGEST_WAIT_S:
            return Done()
        return Continue(asked_s * (1.0 + RETRY_AFTER_SLACK * tick.random.random()))

    return each(wait)


retry_after: Schedule[LLMError] = _waiting(0.0)
"""Wait at least as long as the vendor asked, and up to a tenth longer; stop when it asked for more than a minute."""


def permitted(*, ambiguous: bool) -> Schedule[LLMError]:
    """Go on, at once, while the fault matrix lets the same target be asked again with the same key.

    An error that allows it ``once`` does so once a run, an ambiguous failure only if *ambiguous*.
    """

    def start() -> Driver[LLMError]:
        once_left = 1

        def drive(_now_s: float, _random: Random, error: LLMError) -> Decision:
            nonlocal once_left
            answer = again(error)
            if answer == "once":
                once_left -= 1
                return Continue(0.0) if once_left >= 0 else Done()
            return Continue(0.0) if answer == "yes" or (ambiguous and answer == "if_ambiguous_allowed") else Done()

        return drive

    return Schedule(start)


def _wants_other_key(error: LLMError) -> bool:
    return again(error) == "other_key"


@lru_cache(maxsize=256)
def default_schedule(settings: RetrySettings, keys: int = 1, rest_s: float = 0.0) -> Schedule[LLMError]:
    """The library's own: exponential with full jitter and a cap, Retry-After as a floor, and the fault matrix.

    A refused key is replaced at once by another of the *keys*, outside the count of retries. *rest_s* is the floor
    after a rate limit that names no time: a key that rests so long cannot be used before, and a retry would be spent
    on hearing so. Equal settings give the same schedule: it is a description, and each run asks a driver of its own.
    """
    check_is(settings, RetrySettings, "default_schedule takes settings", "default_schedule(RetrySettings())")
    backoff = pipe(exponential(settings.base_s, settings.factor), capped(settings.cap_s), jittered)
    waits = both(both(backoff, recurs(settings.max_retries)), _waiting(rest_s))
    return choose(_wants_other_key, recurs(keys - 1), both(waits, permitted(ambiguous=settings.ambiguous)))


def at_once(holds: Callable[[LLMError], bool], times: int, schedule: Schedule[LLMError]) -> Schedule[LLMError]:
    """As *schedule* says; but without a wait, and outside its count, after the first *times* errors for which *holds*.

    A rate limit is one where another key is free: what one key has to wait for, another need not.
    """

    def start() -> Driver[LLMError]:
        drive, left = schedule.driver(), times

        def decide(now_s: float, random: Random, error: LLMError) -> Decision:
            nonlocal left
            if left > 0 and holds(error):
                left -= 1
                return Continue(0.0)
            return drive(now_s, random, error)

        return decide

    return Schedule(start)
