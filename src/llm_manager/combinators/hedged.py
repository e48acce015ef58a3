"""A second try beside a slow first one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar, final

from returns.result import Success

from llm_manager.domain.arguments import check_finite
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.concurrent import children
from llm_manager.effect.context import Context, Op, Policy
from llm_manager.effect.ongoing import let_go
from llm_manager.effect.op import effect, run
from llm_manager.effect.strands import beside
from llm_manager.ports import Flown

A = TypeVar("A")
T = TypeVar("T")


def hedged(after_s: float) -> Policy:
    """Run, and once more beside it when *after_s* seconds have brought nothing; the first success wins.

    The other is cancelled and awaited. A failure that comes before *after_s* comes back as it is, for hedging is no
    retry; when both fail, that of the first does. What was sent twice may be billed twice. Source: Dean and Barroso,
    "The Tail at Scale" (2013), who wait for the 95th percentile of the latency, which costs 5 % more requests.
    The second try joins no flight of :func:`cached`: it would wait for the first.
    """
    check_finite(after_s, "hedged takes the seconds until the second try, 0 or more", "hedged(0.5)")

    def around(op: Op[A], /) -> Op[A]:
        async def hedging(context: Context) -> Outcome[A, LLMError]:
            outcomes: dict[int, Outcome[A, LLMError]] = {}
            started = {0}

            async def second(own: Context) -> Outcome[A, LLMError]:
                await own.clock.sleep(after_s)
                started.add(1)
                return await run(op, replace(own, flights=_Alone()))

            async def child(index: int) -> bool:
                outcome = outcomes[index] = await beside(context, index, second if index else partial(run, op))
                return isinstance(outcome, Success) or started == {0}

            await children(2, child)
            won = [outcome for outcome in outcomes.values() if isinstance(outcome, Success)]
            await let_go(late.unwrap() for late in won[1:])  # a dead heat
            return won[0] if won else outcomes[0]

        return effect(hedging)

    return around


@final
class _Alone:
    """Flights that nobody shares."""

    async def join(self, key: str, work: Callable[[], Awaitable[T]], is_for_all: Callable[[T], bool], /) -> Flown[T]:
        return Flown(await work(), led=True)
