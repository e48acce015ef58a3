"""One call at a time: what makes a playing the same on every event loop.

A call that its own timer wakes is alone, for the clock rings one timer and waits until everybody waits again. But one
call can wake many others: a key comes back, a limiter has room, a shared answer is there. In which order an event loop
then runs them is its own affair, and trio throws dice. So a call that something else has woken first stands in line: it
sets a timer that is due at once, and the clock rings those in the order of the calls' numbers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, TypeVar, final

import anyio

from llm_manager.testing.clock import VirtualClock

A = TypeVar("A")


@final
class CallClock:
    """The shared *clock* as the call *number* sees it. It knows whether the call was woken by a timer of its own."""

    __slots__ = ("_clock", "_number", "_rung")

    def __init__(self, clock: VirtualClock, number: int) -> None:
        self._clock = clock
        self._number = number
        self._rung = False

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float, /) -> None:
        """Wait; no time at all is still a turn for those before us."""
        rung = anyio.Event()
        call_off = self._set_timer(seconds, rung.set)
        try:
            await rung.wait()
        finally:
            call_off()

    @contextmanager
    def move_on_after(self, seconds: float, /) -> Generator[anyio.CancelScope, None, None]:
        """As ``anyio.move_on_after``."""
        with anyio.CancelScope() as scope:
            call_off = self._set_timer(seconds, scope.cancel)
            try:
                yield scope
            finally:
                call_off()

    async def turn(self) -> None:
        """Return when it is this call's turn to go on."""
        if not self._rung:
            await self.sleep(0.0)
        self._rung = False

    def skip_turn(self) -> None:
        """The call goes on at once."""
        self._rung = False

    def _set_timer(self, seconds: float, ring: Callable[[], object]) -> Callable[[], None]:
        def ring_for_us() -> None:
            self._rung = True
            ring()

        return self._clock.set_timer(seconds, ring_for_us, order=self._number)


@final
class InTurn(Generic[A]):
    """*work*, which waits for its turn on *clock* whenever it was woken, before it goes on.

    It stands between the event loop and the work, and passes on what either tells the other. Who is cancelled, by its
    own deadline or with everybody else, does not stand in line for it.
    """

    __slots__ = ("_clock", "_work")

    def __init__(self, work: Awaitable[A], clock: CallClock) -> None:
        self._work = work
        self._clock = clock

    def __await__(self) -> Generator[Any, Any, A]:
        work: Any = self._work.__await__()  # of a coroutine: a generator in all but name
        go_on: Callable[[], Any] = partial(next, work)
        while True:
            try:
                wish = go_on()
            except StopIteration as done:
                value: A = done.value
                return value
            try:
                told = yield wish
                yield from self._clock.turn().__await__()
            except BaseException as error:  # noqa: BLE001  # cancellation, above all; the work is told of it
                self._clock.skip_turn()
                go_on = partial(work.throw, error)
            else:
                go_on = partial(work.send, told)
