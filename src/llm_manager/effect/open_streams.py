"""The streams of a context that are under way: ended from outside when nobody else does it.

A stream holds a key, a place at a limiter and a connection. One that is held and not read gives them back at its
deadline, one that was forgotten when it is collected, and all when the context is closed or the program ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import Final, Protocol, final

import anyio

from llm_manager.effect.background import start_in_background
from llm_manager.ports import Clock

TICK_S: Final = 0.25
"""How long after its deadline, or after it was collected, a stream is ended at the latest."""

CLOSING_S: Final = 2.0
"""How long all that are left may take to close when the context or the program ends."""

Leave = Callable[[], Awaitable[None]]


class Closable(Protocol):
    """What a stream reads from."""

    async def aclose(self) -> None:
        """Let go of it."""
        ...


@dataclass(slots=True, eq=False)
class Held:
    """One stream: what it reads from, its deadline, and how to leave it once it was forgotten."""

    source: Closable
    ends_s: float
    leave: Leave | None = None


@final
class OpenStreams:
    """Those that are under way on one event loop; a task watches them while there are any."""

    __slots__ = ("_clock", "_held", "_scope")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: set[Held] = set()
        self._scope: anyio.CancelScope | None = None

    def hold(self, source: Closable, ends_s: float | None) -> Held:
        """Watch the stream that reads from *source* until :meth:`release`; *ends_s* is its deadline on the clock."""
        held = Held(source, inf if ends_s is None else ends_s)
        self._held.add(held)
        if self._scope is None:
            self._scope = anyio.CancelScope()
            start_in_background(self._watch)
        return held

    def release(self, held: Held) -> None:
        """It has ended."""
        self._held.discard(held)

    def forget(self, held: Held, leave: Leave) -> None:
        """Nobody has it any more; it is left at the next look. Waits for nothing: collectors call it, on any thread."""
        held.leave = leave

    async def close(self) -> None:
        """End all that are left."""
        if self._scope is not None:
            self._scope.cancel()
        await self._close_all()

    async def _watch(self) -> None:
        scope = self._scope or anyio.CancelScope()
        try:
            with scope:
                while self._held:
                    await anyio.sleep(TICK_S)
                    await self._end_what_is_over()
        finally:
            self._scope = None
            await self._close_all()

    async def _end_what_is_over(self) -> None:
        now_s = self._clock.monotonic()
        for held in [each for each in self._held if each.leave is not None or now_s > each.ends_s + TICK_S]:
            self._held.discard(held)
            await _end(held)

    async def _close_all(self) -> None:
        with anyio.move_on_after(CLOSING_S, shield=True):
            while self._held:
                await _end(self._held.pop())


async def _end(held: Held) -> None:
    with suppress(Exception):  # it was told to those who settle on it, and there is nobody to raise it for
        await (held.source.aclose() if held.leave is None else held.leave())
