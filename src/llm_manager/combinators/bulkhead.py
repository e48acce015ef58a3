"""Only so many at once."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial
from typing import TypeVar

from returns.result import Success

from llm_manager.domain.arguments import check_count
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.context import Context, Policy
from llm_manager.effect.gate import Gate, gated
from llm_manager.effect.ongoing import Ending, Tell
from llm_manager.ports import Places

A = TypeVar("A")


def bulkhead(limit: int, key: Hashable | None = None) -> Policy:
    """At most *limit* runs at the same time, in one context, of all operations that have this policy around them.

    The others wait in the order of their arrival, as long as their deadlines let them; a stream keeps its place until
    it has ended. Two policies share their places when they share a *key*. The name is from ship building, by way of
    Nygard's "Release It!": one leak must not sink the ship.
    """
    check_count(limit, "bulkhead takes how many run at the same time, 1 or more", "bulkhead(5)")
    place = object() if key is None else key

    return gated(bulkhead_gate(limit, place))


def bulkhead_gate(limit: int | None, key: Hashable) -> Gate:
    """The gate of :func:`bulkhead`, to be passed together with others; without a *limit* it is always open."""

    async def enter(context: Context) -> Outcome[Tell | None, LLMError]:
        if limit is None:
            return _OPEN
        await context.places.enter(key, limit)
        return Success(partial(_leave, context.places, key))

    return enter


_OPEN: Outcome[None, LLMError] = Success(None)


async def _leave(places: Places, place: Hashable, _ending: Ending) -> None:
    places.leave(place)
