"""Time that stands still until a test moves it: timeouts, retries and schedules take no real time."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import final

import anyio
import anyio.lowlevel

EPOCH_S = 1_767_225_600.0
"""What a calendar says at virtual second 0: midnight, 1 January 2026, UTC, as Unix seconds."""

_SETTLE_ROUNDS = 16
"""Turns of the event loop given to tasks that can run, before asking whether all are blocked: that question polls."""


@final
class _Sleeper:
    """Somebody who waits for a timer, and may be nudged to see to it that time moves."""

    __slots__ = ("_event", "is_rung")

    def __init__(self) -> None:
        self._event = anyio.Event()
        self.is_rung = False

    def ring(self) -> None:
        self.is_rung = True
        self._event.set()

    def nudge(self) -> None:
        self._event.set()

    async def awake(self) -> None:
        await self._event.wait()
        self._event = anyio.Event()


@final
class VirtualClock:
    """A :class:`~llm_manager.ports.Clock` whose time moves only by :meth:`advance`, or by itself with *autojump*.

    Code under test runs unchanged: it sleeps and times out on this clock as it would on the real one. With *autojump*
    time moves on to whatever is due next as soon as every task waits and one of them sleeps on this clock.
    """

    def __init__(self, start_s: float = 0.0, *, autojump: bool = False) -> None:
        self._now_s = start_s
        self._autojump = autojump
        self._due: list[tuple[float, tuple[int, ...], int]] = []
        self._timers: dict[int, Callable[[], object]] = {}
        self._count = 0
        self._sleepers: dict[_Sleeper, None] = {}
        self._is_driven = False
        self._is_let_go = False

    @property
    def moves_by_itself(self) -> bool:
        """Was it made with *autojump*?"""
        return self._autojump

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._now_s

    def unix_s(self) -> float:
        """The first moment of 2026 and the virtual seconds since."""
        return EPOCH_S + self._now_s

    async def sleep(self, seconds: float, /) -> None:
        """Wait until :meth:`advance` has moved time on by *seconds*."""
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        sleeper = _Sleeper()
        call_off = self.set_timer(seconds, sleeper.ring)
        self._sleepers[sleeper] = None
        try:
            while not sleeper.is_rung:
                if self._autojump and not self._is_driven:
                    await self._drive(sleeper)
                else:
                    await sleeper.awake()
        finally:
            call_off()
            del self._sleepers[sleeper]
            if not self._is_driven:
                self._nudge_one()

    async def _drive(self, sleeper: _Sleeper) -> None:
        """Move time on whenever all wait, until *sleeper* is rung; then it is the turn of another one.

        One does it for all: to ask whether all wait takes a while, in which the one who asks seems to wait too.
        """
        self._is_driven = True
        try:
            while not sleeper.is_rung:
                await self.settle()
                if not sleeper.is_rung:
                    self._jump()
        finally:
            self._is_driven = False

    def _nudge_one(self) -> None:
        for sleeper in self._sleepers:
            sleeper.nudge()
            break

    @contextmanager
    def move_on_after(self, seconds: float, /) -> Generator[anyio.CancelScope, None, None]:
        """As ``anyio.move_on_after``, on this clock."""
        with anyio.CancelScope() as scope:
            call_off = self.set_timer(seconds, scope.cancel)
            try:
                yield scope
            finally:
                call_off()

    async def advance(self, seconds: float) -> None:
        """Move time on by *seconds*, stopping at each timer on the way until every task waits again."""
        end_s = self._now_s + seconds
        await self.settle()
        while self._due and self._due[0][0] <= end_s:
            due_s, _, timer = heapq.heappop(self._due)
            ring = self._timers.pop(timer, None)
            if ring is not None:
                self._now_s = max(self._now_s, due_s)
                ring()
                await self.settle()
        self._now_s = end_s

    async def advance_to_next(self) -> bool:
        """Move time on to what is due next, once every task waits; False, and no move, when nothing is due."""
        await self.settle()
        return self._jump()

    async def settle(self) -> None:
        """Return once every other task waits for something; time does not move."""
        await everyone_waits()

    def _jump(self) -> bool:
        """Move time on to the next timer that somebody still waits for, and ring it; False if there is none."""
        while self._due:
            due_s, _, timer = heapq.heappop(self._due)
            ring = self._timers.pop(timer, None)
            if ring is not None:
                self._now_s = max(self._now_s, due_s)
                ring()
                return True
        return False

    def set_timer(
        self, seconds: float, ring: Callable[[], object], *, order: tuple[int, ...] = ()
    ) -> Callable[[], None]:
        """Have *ring* called once *seconds* have passed; gives what calls it off.

        Of those due at one moment the lowest *order* rings first, then who came first; everybody waits again between
        one and the next.
        """
        if self._is_let_go:
            ring()
            return lambda: None
        self._count += 1
        timer = self._count
        self._timers[timer] = ring
        heapq.heappush(self._due, (self._now_s + max(seconds, 0.0), order, timer))
        return lambda: self._call_off(timer)

    def let_go(self) -> None:
        """Ring every timer, now and from now on: whoever has moved this clock does so no more, and nobody shall wait
        for it."""
        self._is_let_go = True
        rings = list(self._timers.values())
        self._timers.clear()
        for ring in rings:
            ring()

    def _call_off(self, timer: int) -> None:
        self._timers.pop(timer, None)


async def everyone_waits() -> None:
    """Return once no other task can go on by itself."""
    for _ in range(_SETTLE_ROUNDS):
        await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()
