"""Giving a piece of a pipeline a name that logs, metrics and traces show."""

from __future__ import annotations

from typing import TypeVar

from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import SpanFinished
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.context import Context, Op, Policy, emit
from llm_manager.effect.ongoing import Ending, when_over
from llm_manager.effect.op import effect, run

A = TypeVar("A")


def observed(name: str) -> Policy:
    """Tell the observer, once the operation is over, how long it took in milliseconds and what error it ended with.

    A stream is over when it has ended or was left. The operation is a strand of its own: several of one pipeline that
    go on at once are told apart by their names.
    """

    def around(op: Op[A], /) -> Op[A]:
        async def observing(context: Context) -> Outcome[A, LLMError]:
            context = context.strand(name)
            started_s = context.clock.monotonic()
            outcome = await run(op, context)

            async def tell(ending: Ending) -> None:
                now_s = context.clock.monotonic()
                latency_ms = (now_s - started_s) * 1000
                emit(context, SpanFinished(at_s=now_s, name=name, latency_ms=latency_ms, error=ending.error))

            await when_over(outcome, tell)
            return outcome

        return effect(observing)

    return around
