"""The order in which waits end when a recording is played back.

Nothing is waited for. As soon as every task waits, the wait that ended first in the recording ends, alone, and
everybody goes on as far as they can: so things end in their recorded order, whatever the order in which they began.

What ended then is not cancelled now: two answers that came at the same moment both came, though the first of them had
the rest cancelled.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import inf
from typing import final

import anyio

from llm_manager.testing.clock import everyone_waits


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """When something ended: on the recorded clock, and by its line among what ended at the same time.

    What is not recorded has its turn after all that is. What was there *at_once* is so again, if all that ended before
    it has.
    """

    at_s: float
    line: float = inf
    at_once: bool = field(default=False, compare=False)


@final
class _Waiter:
    """Somebody who waits: *stir* wakes them, for good once they are *rung*."""

    __slots__ = ("rung", "stir")

    def __init__(self) -> None:
        self.rung = False
        self.stir = anyio.Event()

    def ring(self) -> None:
        self.rung = True
        self.stir.set()

    async def stirred(self) -> None:
        await self.stir.wait()
        if not self.rung:
            self.stir = anyio.Event()


@final
class Timeline:
    """What is due, and who is waiting. One of the waiters drives: it watches whether everybody else waits.

    *endings* are the lines of all that ended in the recording, in order.
    """

    __slots__ = ("_ahead", "_count", "_driver", "_due", "_over", "_patience_s", "_rings", "_waiting", "now_s")

    def __init__(self, now_s: float, endings: Iterable[int], patience_s: float) -> None:
        self.now_s = now_s
        self._ahead: deque[float] = deque(endings)
        self._over: set[float] = set()
        self._patience_s = patience_s
        self._due: list[tuple[Moment, int]] = []
        self._rings: dict[int, Callable[[], object]] = {}
        self._count = 0
        self._waiting: dict[_Waiter, None] = {}
        self._driver: _Waiter | None = None

    def reached(self, now_s: float) -> float:
        """It is *now_s*, or later if it was so already."""
        self.now_s = max(self.now_s, now_s)
        return self.now_s

    def ring_at(self, moment: Moment, ring: Callable[[], object]) -> int:
        """Call *ring* when it is *moment*'s turn; the number is for :meth:`call_off`."""
        self._count += 1
        self._rings[self._count] = ring
        heapq.heappush(self._due, (moment, self._count))
        if self._driver is not None:
            self._driver.stir.set()
        return self._count

    def call_off(self, number: int) -> None:
        """Forget it, if it has not been its turn."""
        self._rings.pop(number, None)

    def at_most_s(self, seconds: float) -> float:
        """How long to wait, in real seconds, for what took *seconds* then and does not come from the recording."""
        return max(seconds, 0.0) + self._patience_s

    async def wait(self, moment: Moment) -> None:
        """Return when it is *moment*'s turn."""
        if moment.at_once and self._is_next(moment):
            self._end(moment)
            return
        with anyio.CancelScope(shield=moment.line < inf):
            await self._wait(moment)

    async def wait_in_vain(self, seconds: float) -> None:
        """Wait to be cancelled, as somebody was after *seconds*; return if nobody does it."""
        with anyio.move_on_after(self.at_most_s(seconds)):
            await self._wait(None)

    async def _wait(self, moment: Moment | None) -> None:
        waiter = _Waiter()
        number = 0 if moment is None else self.ring_at(moment, waiter.ring)
        self._waiting[waiter] = None
        try:
            while not waiter.rung:
                await (self._drive(waiter) if self._driver is None else waiter.stirred())
        finally:
            del self._waiting[waiter]
            self.call_off(number)
            if self._driver is None and self._waiting:  # somebody else has to
                next(iter(self._waiting)).stir.set()

    async def _drive(self, waiter: _Waiter) -> None:
        self._driver = waiter
        try:
            while not waiter.rung:
                await everyone_waits()
                if not self._ring_next():
                    await waiter.stirred()  # until there is something
        finally:
            self._driver = None

    def _ring_next(self) -> bool:
        while self._due:
            moment, number = heapq.heappop(self._due)
            ring = self._rings.pop(number, None)
            if ring is not None:
                self._end(moment)
                ring()
                return True
        return False

    def _end(self, moment: Moment) -> None:
        self.reached(moment.at_s)
        self._over.add(moment.line)

    def _is_next(self, moment: Moment) -> bool:
        """Has everything ended that ended before *moment* did?"""
        while self._ahead and self._ahead[0] in self._over:
            self._over.remove(self._ahead.popleft())
        return not self._ahead or self._ahead[0] >= moment.line
