"""Only so many at once."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeVar

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.context import Context, Op, Policy
from llm_manager.effect.ongoing import Ending, when_over
from llm_manager.effect.op import effect, run

A = TypeVar("A")


def bulkhead(limit: int, key: Hashable | None = None) -> Policy:
    """At most *limit* runs at the same time, in one context, of all operations that have this policy around them.

    The others wait in the order of their arrival, as long as their deadlines let them; a stream keeps its place until
    it has ended. Two policies share their places when they share a *key*. The name is from ship building, by way of
    Nygard's "Release It!": one leak must not sink the ship.
    """
    if limit < 1:
        raise ValueError(f"a bulkhead of {limit} lets nobody through")
    place = object() if key is None else key

    def around(op: Op[A], /) -> Op[A]:
        async def confined(context: Context) -> Outcome[A, LLMError]:
            await context.places.enter(place, limit)
            try:
                outcome = await run(op, context)
            except BaseException:
                context.places.leave(place)
                raise

            async def leave(_: Ending) -> None:
                context.places.leave(place)

            await when_over(outcome, leave)
            return outcome

        return effect(confined)

    return around
