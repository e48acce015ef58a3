"""Time that stands still until a test moves it: timeouts, retries and schedules take no real time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import final

import anyio
import anyio.lowlevel

_SETTLE_ROUNDS = 16
"""Turns of the event loop given to tasks that can run, before asking whether all are blocked: that question polls."""


@final
class VirtualClock:
    """A :class:`~llm_manager.ports.Clock` whose time moves only by :meth:`advance`, or by itself with *autojump*.

    Code under test runs unchanged: it sleeps and times out on this clock as it would on the real one. With *autojump*
    time moves on to whatever is due next as soon as every task waits and one of them sleeps on this clock.
    """

    def __init__(self, start_s: float = 0.0, *, autojump: bool = False) -> None:
        self._now_s = start_s
        self._autojump = autojump
        self._due: list[tuple[float, int]] = []
        self._timers: dict[int, Callable[[], object]] = {}
        self._count = 0
        self._jumps = 0

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._now_s

    async def sleep(self, seconds: float, /) -> None:
        """Wait until :meth:`advance` has moved time on by *seconds*."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        rung = anyio.Event()
        timer = self._set_timer(seconds, rung.set)
        try:
            while self._autojump and not rung.is_set():
                jumps = self._jumps
                await self._everyone_waits()
                if jumps == self._jumps:  # nobody else moved time meanwhile, and woke somebody by it
                    self._jump()
            await rung.wait()
        finally:
            self._timers.pop(timer, None)

    @contextmanager
    def move_on_after(self, seconds: float, /) -> Generator[anyio.CancelScope, None, None]:
        """As ``anyio.move_on_after``, on this clock."""
        with anyio.CancelScope() as scope:
            timer = self._set_timer(seconds, scope.cancel)
            try:
                yield scope
            finally:
                self._timers.pop(timer, None)

    async def advance(self, seconds: float) -> None:
        """Move time on by *seconds*, stopping at each timer on the way until every task waits again."""
        end_s = self._now_s + seconds
        await self._everyone_waits()
        while self._due and self._due[0][0] <= end_s:
            due_s, timer = heapq.heappop(self._due)
            ring = self._timers.pop(timer, None)
            if ring is not None:
                self._now_s = max(self._now_s, due_s)
                ring()
                await self._everyone_waits()
        self._now_s = end_s

    def _jump(self) -> None:
        """Move time on to the next timer that somebody still waits for, and ring it."""
        self._jumps += 1
        while self._due:
            due_s, timer = heapq.heappop(self._due)
            ring = self._timers.pop(timer, None)
            if ring is not None:
                self._now_s = max(self._now_s, due_s)
                ring()
                return

    def _set_timer(self, seconds: float, ring: Callable[[], object]) -> int:
        self._count += 1
        self._timers[self._count] = ring
        heapq.heappush(self._due, (self._now_s + max(seconds, 0.0), self._count))
        return self._count

    async def _everyone_waits(self) -> None:
        for _ in range(_SETTLE_ROUNDS):
            await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
