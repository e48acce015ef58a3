"""Enough is enough: a limit on one operation, and an absolute one that everything inside is told about."""

from __future__ import annotations

from math import inf
from typing import TypeVar

from returns.result import Failure

from llm_manager.domain.arguments import check_number
from llm_manager.domain.changed import changed
from llm_manager.domain.errors import LLMError, RequestTimedOut
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.context import Context, Op, Policy
from llm_manager.effect.op import effect, run

A = TypeVar("A")


def timeout(seconds: float, *, model: str = "") -> Policy:
    """Fail with ``RequestTimedOut`` unless the operation ends within *seconds*, or what is left until the deadline.

    Nested timeouts are their minimum. The error's phase is ``attempt`` for *seconds*, after which another operation may
    be tried (``fallback``), and ``total`` for the deadline. The operation is cancelled and its cleanup awaited; *model*
    goes into the error. With 0 seconds nothing is begun: of a time that may be used up, give ``max(0.0, left_s)``.
    """
    check_number(seconds, "timeout takes a number of seconds, 0 or more", "timeout(20)")

    def around(op: Op[A], /) -> Op[A]:
        async def limited(context: Context) -> Outcome[A, LLMError]:
            now_s = context.clock.monotonic()
            left_s = inf if context.deadline_s is None else context.deadline_s - now_s
            limit_s = min(seconds, left_s)
            if limit_s <= 0:
                return Failure(RequestTimedOut(model, seconds, message="the deadline had passed before it began"))
            with context.clock.move_on_after(limit_s):
                return await run(op, context)
            return Failure(RequestTimedOut(model, limit_s, "attempt" if seconds < left_s else "total"))

        return effect(limited)

    return around


def deadline(seconds: float, *, grace_s: float = 0.0) -> Policy:
    """Fail with ``RequestTimedOut`` unless everything is over within *seconds*: queues, pauses, retries and fallbacks.

    The moment is told to the context, so that inside nothing is begun that could not end in time. What heeds it ends
    by itself and says who did not answer; the rest is cut off *grace_s* later. With 0
    seconds nothing is begun.
    """
    check_number(seconds, "deadline takes a number of seconds, 0 or more", "deadline(30)")
    check_number(grace_s, "deadline takes a grace of 0 seconds or more", "deadline(30, grace_s=0.5)")

    def around(op: Op[A], /) -> Op[A]:
        async def bounded(context: Context) -> Outcome[A, LLMError]:
            ends_s = context.clock.monotonic() + seconds
            if context.deadline_s is not None and context.deadline_s <= ends_s:
                return await run(op, context)  # an outer deadline comes first, and whoever set it enforces it
            if seconds <= 0:
                return Failure(RequestTimedOut("", seconds, message="the deadline had passed before it began"))
            with context.clock.move_on_after(seconds + grace_s):
                return await run(op, changed(context, deadline_s=ends_s))
            return Failure(RequestTimedOut("", seconds))

        return effect(bounded)

    return around
