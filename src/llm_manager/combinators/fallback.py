"""Somebody else's turn: other operations for when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from returns.result import Failure, Success

from llm_manager.domain.arguments import check_function, check_ops
from llm_manager.domain.errors import AllModelsFailed, LLMError
from llm_manager.domain.events import FellBack
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.verdicts import may_ask_next, model_of
from llm_manager.effect.context import Context, Op, emit
from llm_manager.effect.op import effect, run

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Alternative(Generic[A]):
    """An operation that may take over; *accepts* says after which errors."""

    op: Op[A]
    accepts: Callable[[LLMError, Context], bool]
    model: str = ""


def first_success(alternatives: Sequence[Alternative[A]]) -> Op[A]:
    """The first success, in order; after a failure the next alternative that accepts it is tried.

    One failure comes back as it is; several come back as ``AllModelsFailed`` with every (model, error) in order, and
    failures of nested fallbacks are spliced in. That makes it associative, with no alternatives as the identity.
    """

    async def trying(context: Context) -> Outcome[A, LLMError]:
        failures: list[tuple[str, LLMError]] = []
        for alternative in alternatives:
            if failures:
                model, last = failures[-1]
                if not alternative.accepts(last, context):
                    continue
                now_s = context.clock.monotonic()
                told = FellBack(at_s=now_s, model=model, next_model=alternative.model, error=last, run=context.run)
                emit(context, told)
            outcome = await run(alternative.op, context)
            if isinstance(outcome, Success):
                return outcome
            failures.extend(failures_of(outcome.failure(), alternative.model))
        return Failure(failures[0][1] if len(failures) == 1 else AllModelsFailed(tuple(failures)))

    return effect(trying)


def failures_of(error: LLMError, model: str = "") -> tuple[tuple[str, LLMError], ...]:
    """*error* as lines of an ``AllModelsFailed``: one, or those it holds itself."""
    if isinstance(error, AllModelsFailed):
        return error.failures
    return ((model or model_of(error), error),)


def _may_fall_back(error: LLMError, context: Context) -> bool:
    config = context.config
    return may_ask_next(error, ambiguous=config.retry.ambiguous, after_filter=config.routing.after_filter)


def fallback(*others: Op[A]) -> Callable[[Op[A]], Op[A]]:
    """After a failure that another model may answer differently, run the *others* in order until one succeeds.

    Which failures those are is the fault matrix with the context's ``retry.ambiguous`` and ``routing.after_filter``, as
    for ``generate``: not an invalid request, for one. See :func:`fallback_on` to choose.
    """
    return _in_order(_may_fall_back, others)


def fallback_on(predicate: Callable[[LLMError], bool], *others: Op[A]) -> Callable[[Op[A]], Op[A]]:
    """After a failure for which *predicate* holds, run the *others* in order until one succeeds."""
    check_function(
        predicate, "fallback_on takes a function of an error", "fallback_on(is_transient, generate(request))"
    )
    return _in_order(lambda error, _: predicate(error), others)


def _in_order(accepts: Callable[[LLMError, Context], bool], others: Sequence[Op[A]]) -> Callable[[Op[A]], Op[A]]:
    check_ops(others, "fallback takes operations", "fallback(generate(request))")

    def around(op: Op[A], /) -> Op[A]:
        return first_success(tuple(Alternative(each, accepts) for each in (op, *others)))

    return around
