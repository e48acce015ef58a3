"""Leaving alone what is broken."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from returns.result import Success

from llm_manager.domain.arguments import check_is
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.verdicts import counts_against_breaker
from llm_manager.effect.context import Context, Policy
from llm_manager.effect.gate import Gate, gated
from llm_manager.effect.ongoing import Ending, Tell
from llm_manager.ports import Permit, Verdict

A = TypeVar("A")


def circuit_breaker(key: str, *, model: str | None = None) -> Policy:
    """Fail with ``CircuitOpen``, sending nothing, while the breaker filed under *key* is open.

    What comes back is recorded, of a stream when it has ended: an error that speaks against the target's health as a
    failure, any other error, a cancelled call and a stream that was left as neither. *model* goes into the error,
    *key* if it is None.
    """
    check_is(key, str, "circuit_breaker takes the key of its breaker", 'circuit_breaker("gpt")')
    return gated(breaker_gate(key, model=model))


def breaker_gate(
    key: str, *, model: str | None = None, counts: Callable[[LLMError], bool] = counts_against_breaker
) -> Gate:
    """The gate of :func:`circuit_breaker`, to be passed together with others; *counts* tells which errors are the
    target's."""

    async def admit(context: Context) -> Outcome[Tell, LLMError]:
        name = key if model is None else model
        admitted = await context.breakers.admit(key, name, context.clock.monotonic())
        if not isinstance(admitted, Success):
            return admitted
        return Success(partial(_record, context, admitted.unwrap(), counts))

    return admit


async def _record(context: Context, permit: Permit, counts: Callable[[LLMError], bool], ending: Ending) -> None:
    verdict: Verdict = "neither"
    if isinstance(ending.outcome, Success):
        verdict = "success"
    elif ending.error is not None and counts(ending.error):
        verdict = "failure"
    await context.breakers.record(permit, verdict, context.clock.monotonic(), context.random.random())
