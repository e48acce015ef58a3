"""Work that is under way inside this process, by key, for all who want it at the same time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast, final

import anyio

from llm_manager.ports import Flown

T = TypeVar("T")


@final
class _Flight:
    """Somebody's work: what came of it, once it is over, if that is for others too."""

    __slots__ = ("came", "landed")

    def __init__(self) -> None:
        self.landed: anyio.Event | None = None  # made by the first who waits: most fly alone
        self.came: tuple[object, ...] = ()


@final
class MemoryFlights:
    """The first who asks does the work; when that one is cancelled, or keeps the outcome, the next of them does it.

    Nobody's work outlives its caller, so nothing is left running in the background; the price is that a cancelled
    leader's request may be sent a second time, by one of the followers and not by all.
    """

    __slots__ = ("_flights",)

    def __init__(self) -> None:
        self._flights: dict[str, _Flight] = {}

    async def join(self, key: str, work: Callable[[], Awaitable[T]], is_for_all: Callable[[T], bool], /) -> Flown[T]:
        """What *work* gives: from who is at it already, or by doing it."""
        while (flight := self._flights.get(key)) is not None:
            if flight.landed is None:
                flight.landed = anyio.Event()
            await flight.landed.wait()
            if flight.came:
                return Flown(cast("T", flight.came[0]), led=False)
        return Flown(await self._lead(key, work, is_for_all), led=True)

    async def _lead(self, key: str, work: Callable[[], Awaitable[T]], is_for_all: Callable[[T], bool]) -> T:
        flight = self._flights[key] = _Flight()
        try:
            outcome = await work()
            if is_for_all(outcome):
                flight.came = (outcome,)
            return outcome
        finally:
            del self._flights[key]
            if flight.landed is not None:
                flight.landed.set()
