"""Gates: what a run passes on its way in, and what it tells them when it is over.

A budget, a limiter, a breaker and a place in a bulkhead have one shape: something is taken before a run and settled
after it. The rule of this room: who was let in is told how the run ended, once, whichever way that was: with an
outcome, at the end of a stream, turned away at a later gate, or cancelled. To add one, write a :data:`Gate`; the
shielding and the streams are done here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

import anyio
from returns.result import Success

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.context import Context, Op, Policy
from llm_manager.effect.ongoing import Ending, Tell, tell_all, when_over
from llm_manager.effect.op import effect, run

A = TypeVar("A")

WasSent: TypeAlias = Callable[[], bool]
"""Whether the run that has just ended sent a request: what was taken for one that did not is given back."""


def always_sent() -> bool:
    """The answer of a run that does not know."""
    return True


Gate: TypeAlias = Callable[[Context], Awaitable[Outcome[Tell | None, LLMError]]]
"""Lets a run in, and says whom to tell when it is over, None if nobody; or turns it away with an error."""


def gated(*gates: Gate) -> Policy:
    """Pass *gates*, the first one first, and then run; they are told how it ended, the last one first.

    A run that nobody waits for any more has no outcome: it is told with an ``Ending`` of None, and cancellation waits
    until all have heard of it.
    """

    def around(op: Op[A], /) -> Op[A]:
        async def passing(context: Context) -> Outcome[A, LLMError]:
            passed: list[Tell] = []
            try:
                for gate in gates:
                    answer = await gate(context)
                    if not isinstance(answer, Success):
                        outcome: Outcome[A, LLMError] = answer
                        break
                    tell = answer.unwrap()
                    if tell is not None:
                        passed.append(tell)
                else:
                    outcome = await run(op, context)
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await _settle(passed, Ending(None))
                raise
            await when_over(outcome, partial(_settle, passed))
            return outcome

        return effect(passing)

    return around


async def _settle(passed: Sequence[Tell], ending: Ending) -> None:
    await tell_all(reversed(passed), ending)
