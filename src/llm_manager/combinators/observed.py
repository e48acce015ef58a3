"""Giving a piece of a pipeline a name that logs, metrics and traces show."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from returns.result import Failure

from llm_manager.domain.arguments import check_is
from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import Reason, SpanFinished, SpanStarted
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request_id import with_request_id
from llm_manager.domain.run import Run
from llm_manager.effect.context import Context, Op, Policy, emit, trace_id_of
from llm_manager.effect.ongoing import Ending, when_over
from llm_manager.effect.op import Effect, effect, run

A = TypeVar("A")


def observed(name: str) -> Policy:
    """Tell the observer when the operation begins, how many milliseconds it took when it is over, and its error.

    A stream is over when it has ended or was left. What happens inside is told as part of a run of this *name*. The
    operation is a strand of its own: several of one pipeline that go on at once are told apart by their names.
    """
    check_is(name, str, "observed takes a name", 'observed("summary")')

    def around(op: Op[A], /) -> Op[A]:
        async def observing(context: Context) -> Outcome[A, LLMError]:
            return await named(name, op, context.strand(name))

        return effect(observing)

    return around


async def named(name: str, op: Effect[A, LLMError, Context], context: Context) -> Outcome[A, LLMError]:
    """Run *op* as :func:`observed` does, in a strand that is its own already."""
    trace_id = trace_id_of(context)
    within = replace(context, trace_id=trace_id, run=Run(name=name, trace_id=trace_id, parent=context.run))
    started_s = context.clock.monotonic()
    emit(context, SpanStarted(at_s=started_s, name=name, run=within.run))
    try:
        outcome = await run(op, within)
    except BaseException as raised:
        _tell(within, name, started_s, None, "raised" if isinstance(raised, Exception) else "cancelled")
        raise
    if isinstance(outcome, Failure):
        outcome = Failure(with_request_id(outcome.failure(), trace_id))

    async def tell(ending: Ending) -> None:
        _tell(within, name, started_s, ending.error, "left" if ending.outcome is None else None)

    await when_over(outcome, tell)
    return outcome


def _tell(context: Context, name: str, started_s: float, error: LLMError | None, reason: Reason | None) -> None:
    now_s = context.clock.monotonic()
    latency_ms = (now_s - started_s) * 1000
    emit(
        context,
        SpanFinished(at_s=now_s, name=name, latency_ms=latency_ms, error=error, reason=reason, run=context.run),
    )
