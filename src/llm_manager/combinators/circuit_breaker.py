"""Leaving alone what is broken."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
from returns.result import Success

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.verdicts import counts_against_breaker
from llm_manager.effect.context import Context, Op, Policy
from llm_manager.effect.ongoing import Ending, when_over
from llm_manager.effect.op import effect, run
from llm_manager.ports import Permit, Verdict

A = TypeVar("A")


def _always() -> bool:
    return True


def circuit_breaker(key: str, *, model: str | None = None, was_asked: Callable[[], bool] = _always) -> Policy:
    """Fail with ``CircuitOpen``, sending nothing, while the breaker filed under *key* is open.

    What comes back is recorded, of a stream when it has ended: an error that speaks against the target's health as a
    failure, any other error, a cancelled call and a stream that was left as neither. *model* goes into the error,
    *key* if it is None. *was_asked* says afterwards whether the target had any part in a failure: one that waited for
    something of our own until its time was over speaks against nobody.
    """

    def around(op: Op[A], /) -> Op[A]:
        async def guarded(context: Context) -> Outcome[A, LLMError]:
            breakers, clock = context.breakers, context.clock
            admitted = await breakers.admit(key, key if model is None else model, clock.monotonic())
            if not isinstance(admitted, Success):
                return admitted
            permit = admitted.unwrap()
            try:
                outcome = await run(op, context)
            except BaseException:
                with anyio.CancelScope(shield=True):  # a probe's lease must come back
                    await breakers.record(permit, "neither", clock.monotonic(), 0.0)
                raise
            await when_over(outcome, partial(_record, context, permit, was_asked))
            return outcome

        return effect(guarded)

    return around


async def _record(context: Context, permit: Permit, was_asked: Callable[[], bool], ending: Ending) -> None:
    verdict = _verdict(ending) if was_asked() else "neither"
    await context.breakers.record(permit, verdict, context.clock.monotonic(), context.random.random())


def _verdict(ending: Ending) -> Verdict:
    if isinstance(ending.outcome, Success):
        return "success"
    return "failure" if ending.error is not None and counts_against_breaker(ending.error) else "neither"
