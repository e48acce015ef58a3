"""Doing it again: the combinator, and the schedules that know this library's errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import inf
from typing import TypeVar

from returns.result import Success

from llm_manager.domain.arguments import check_is
from llm_manager.domain.errors import CircuitOpen, LLMError, RateLimitExceeded
from llm_manager.domain.events import RetryScheduled
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import RetrySettings
from llm_manager.domain.verdicts import LONGEST_WAIT_S, again, is_transient, model_of, retry_after_s
from llm_manager.effect.context import Context, Op, Policy, emit
from llm_manager.effect.ongoing import let_go
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
from llm_manager.policies.patience import TURNS, Patience, alone
from llm_manager.policies.retryable import again_for, is_excluded
from llm_manager.ports import Random

A = TypeVar("A")

SHORTEST_ATTEMPT_S = 0.1
"""A retry that would leave less than this until the deadline is not begun."""

RETRY_AFTER_SLACK = 0.1
"""Up to this part of a vendor's Retry-After is added at random, so that those who waited do not all return at once."""


def retry(schedule: Schedule[LLMError], *, budget: str | None = None, model: str = "") -> Policy:
    """Run the operation again after a failure, for as long as *schedule* says.

    The last failure is the answer when the schedule stops, when the wait would not leave time for another attempt
    before the context's deadline, or when the retry budget filed under *budget* is used up. A rate limit and an open
    circuit cost nothing of that budget: who waits for them adds nothing to an outage. Waits pass on the context's
    clock. *model* goes into the events; without it the one that the failure is about does, if it is about one.
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
                        await _earned(context, budget, outcome.unwrap(), now_s)
                    return outcome
                error = outcome.failure()
                decide = schedule.driver() if decide is None else decide
                match decide(now_s, context.random, error):
                    case Done():
                        return outcome
                    case Continue(delay_s=delay_s):
                        if not in_time(context, delay_s) or not await _is_paid(context, budget, error, now_s):
                            return outcome
                        if not isinstance(error, CircuitOpen):  # nothing was sent that could be sent again
                            name = model or model_of(error)
                            event = RetryScheduled(
                                at_s=now_s, model=name, delay_s=delay_s, error=error, run=context.run
                            )
                            emit(context, event)
                        await context.clock.sleep(delay_s)

        return effect(retrying)

    return around


async def _earned(context: Context, budget: str, value: object, now_s: float) -> None:
    """A success is worth part of a retry. A stream that has begun is not lost where that cannot be written down."""
    try:
        await context.retry_budgets.earn(budget, now_s)
    except BaseException:
        await let_go((value,))
        raise


async def _is_paid(context: Context, budget: str | None, error: LLMError, now_s: float) -> bool:
    if budget is None or isinstance(error, RateLimitExceeded | CircuitOpen):
        return True
    return await context.retry_budgets.spend(budget, now_s)


def in_time(context: Context, delay_s: float) -> bool:
    """Is there time for an attempt after *delay_s*, before the deadline?"""
    ends_s = context.deadline_s
    return ends_s is None or context.clock.monotonic() + delay_s + SHORTEST_ATTEMPT_S <= ends_s


transient_only: Schedule[LLMError] = while_input(is_transient)
"""Go on, at once, while the error is one that the same target may answer differently, without any opt-in."""


def _wait(tick: Tick[LLMError]) -> Decision:
    asked_s = retry_after_s(tick.input)
    if asked_s is None:
        return Continue(0.0)
    if asked_s > LONGEST_WAIT_S:
        return Done()
    return Continue(asked_s * (1.0 + RETRY_AFTER_SLACK * tick.random.random()))


retry_after: Schedule[LLMError] = each(_wait)
"""Wait at least as long as the vendor asked, and up to a tenth longer; stop when it asked for more than a minute."""


_BY_MATRIX = RetrySettings()


def permitted(*, ambiguous: bool, settings: RetrySettings = _BY_MATRIX) -> Schedule[LLMError]:
    """Go on, at once, while the fault matrix lets the same target be asked again with the same key, or the *settings*
    by their ``retryable``.

    An error that allows it ``once`` does so once a run; so does an ambiguous failure, and only if *ambiguous*.
    """

    def start() -> Driver[LLMError]:
        once_left = 1

        def drive(_now_s: float, _random: Random, error: LLMError) -> Decision:
            nonlocal once_left
            answer = again_for(settings, error)
            if answer == "once" or (ambiguous and answer == "if_ambiguous_allowed"):
                once_left -= 1
                return Continue(0.0) if once_left >= 0 else Done()
            return Continue(0.0) if answer == "yes" else Done()

        return drive

    return Schedule(start)


def _wants_other_key(error: LLMError) -> bool:
    return again(error) == "other_key"


@lru_cache(maxsize=256)
def default_schedule(settings: RetrySettings, keys: int = 1) -> Schedule[LLMError]:
    """The library's own: exponential with full jitter and a cap, Retry-After as a floor, and the fault matrix.

    A refused key is replaced at once by another of the *keys*, outside the count of retries. Equal settings give the
    same schedule: it is a description, and each run asks a driver of its own.
    """
    check_is(settings, RetrySettings, "default_schedule takes settings", "default_schedule(RetrySettings())")
    return _by_matrix(settings, keys, alone(settings))


@lru_cache(maxsize=256)
def attempt_schedule(settings: RetrySettings, patience: Patience, keys: int = 1) -> Schedule[LLMError]:
    """As :func:`default_schedule`, for as long as *patience* allows: what one model of a chain is asked by.

    A rate limit with a time is a queue, in which the pool of keys lets its callers stand: it costs no retry. So does
    another key that is free, and the wait for a circuit. A refusal of our own limits is final here.
    """
    ordinary = _by_matrix(settings, keys, patience)

    def start() -> Driver[LLMError]:
        drive, turns, circuit_from_s = ordinary.driver(), TURNS + keys - 1, inf

        def decide(now_s: float, random: Random, error: LLMError) -> Decision:
            nonlocal turns, circuit_from_s
            match error:
                case CircuitOpen(retry_after_s=wait_s, probing=probing):
                    circuit_from_s = min(circuit_from_s, now_s)
                    return _until_closed(None if probing else wait_s, circuit_from_s + patience.circuit_s - now_s)
                case RateLimitExceeded(retry_after_s=wait_s) if error.local or (wait_s or 0.0) > patience.queue_s:
                    return Done()
                case RateLimitExceeded() if is_excluded(settings, error):
                    return Done()
                case RateLimitExceeded(retry_after_s=wait_s) if wait_s:
                    turns -= 1
                    return Continue(0.0) if turns >= 0 else Done()
                case _:
                    decision = drive(now_s, random, error)
                    is_too_long = isinstance(decision, Continue) and decision.delay_s > patience.wait_s
                    return Done() if is_too_long else decision

        return decide

    return Schedule(start)


def unless(
    first: Callable[[LLMError], Decision | None], schedule: Callable[[], Schedule[LLMError]]
) -> Schedule[LLMError]:
    """As *first* decides, and where it has no decision as *schedule* does, which does not hear of the others. It is
    made when the first failure comes, for most operations succeed."""

    def start() -> Driver[LLMError]:
        drive = schedule().driver()

        def decide(now_s: float, random: Random, error: LLMError) -> Decision:
            decision = first(error)
            return drive(now_s, random, error) if decision is None else decision

        return decide

    return Schedule(start)


CIRCUIT_POLL_S = 0.1
"""How often the circuit is looked at while its probe is under way, whose end has no known moment."""


def _until_closed(wait_s: float | None, left_s: float) -> Decision:
    """Look again when the circuit lets a probe through, or soon, while another call is that probe."""
    delay_s = CIRCUIT_POLL_S if wait_s is None else wait_s
    return Continue(delay_s) if delay_s <= left_s else Done()


def _by_matrix(settings: RetrySettings, keys: int, patience: Patience) -> Schedule[LLMError]:
    longest_s = min(settings.cap_s, patience.wait_s)
    backoff = pipe(exponential(settings.base_s, settings.factor), capped(longest_s), jittered)
    waits = both(both(backoff, recurs(patience.retries)), retry_after)
    return choose(
        _wants_other_key, recurs(keys - 1), both(waits, permitted(ambiguous=patience.repeats, settings=settings))
    )
