"""One call at a time: what makes a playing the same on every event loop.

A call that its own timer wakes is alone, for the clock rings one timer and waits until everybody waits again. But one
call can wake many others: a key comes back, a limiter has room, a shared answer is there. In which order an event loop
then runs them is its own affair, and trio throws dice. So a call that something else has woken first stands in line: it
sets a timer that is due at once, and the clock rings those in the order of the calls' numbers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar, final

import anyio
from anyio import get_cancelled_exc_class

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.concurrent import children
from llm_manager.effect.context import Context, Op
from llm_manager.effect.op import run
from llm_manager.ports import Turning
from llm_manager.testing.clock import VirtualClock

A = TypeVar("A")


@final
class CallClock(Turning):
    """The shared *clock* as the call *number* sees it. It knows whether the call was woken by a timer of its own.

    What a call does side by side, as races and hedges do, has a number for each of them behind that of the call.
    """

    __slots__ = ("_clock", "_number", "_rung")

    def __init__(self, clock: VirtualClock, *number: int) -> None:
        self._clock = clock
        self._number = number
        self._rung = False

    def branch(self, index: int, /) -> CallClock:
        """The clock of the one at place *index* among several that the call is about to begin."""
        return CallClock(self._clock, *self._number, index)

    async def in_turn(self, begin: Callable[[], Awaitable[A]], /) -> A:
        """What *begin* gives, begun in its turn."""
        await self.turn()
        return await InTurn(begin(), self)

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._clock.monotonic()

    def unix_s(self) -> float:
        """What the shared clock's calendar says."""
        return self._clock.unix_s()

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

    It stands between the event loop and the work, and passes on what either tells the other: also that it is cancelled,
    which comes in its turn like all else.
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
            except BaseException as error:  # noqa: BLE001  # cancellation, above all; the work is told of it
                go_on = partial(work.throw, error)
            else:
                go_on = partial(work.send, told)
            try:
                yield from self._in_line().__await__()
            except get_cancelled_exc_class():  # by asyncio itself, which knows of no scopes
                self._clock.skip_turn()

    async def _in_line(self) -> None:
        with anyio.CancelScope(shield=True):  # whoever moves the clock lets go of it when it leaves
            await self._clock.turn()


async def run_in_turns(op: Op[A], context: Context) -> Outcome[A, LLMError]:
    """``run(op, context)`` in one and the same way on every event loop, races, hedges and streams included.

    The clock of *context* must be a :class:`~llm_manager.testing.clock.VirtualClock` that does not move by itself:
    whoever runs it moves time on, and everybody goes on one at a time. Raises ``TypeError`` for any other clock, and
    ``RuntimeError`` when *op* waits for something that is not on the clock.

        async with scripted(lines, clock=VirtualClock()) as context:
            outcome = await run_in_turns(race(first, second), context)
    """
    clock = context.clock
    if not isinstance(clock, VirtualClock) or clock.moves_by_itself:
        raise TypeError("run_in_turns needs a VirtualClock that does not move by itself")
    ended: list[Outcome[A, LLMError]] = []

    async def child(index: int) -> bool:
        if index == 0:
            mine = CallClock(clock, 0)
            ended.append(await mine.in_turn(partial(run, op, replace(context, clock=mine))))
            return True
        try:
            while await clock.advance_to_next():
                pass
            if not ended:
                raise RuntimeError("the operation waits for something that is not on the context's clock")
        finally:
            clock.let_go()
        return False

    await children(2, child)
    return ended[0]
