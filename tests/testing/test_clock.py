"""Virtual time moves only when a test moves it."""

from __future__ import annotations

import anyio
import pytest

from llm_manager.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio


async def test_sleepers_wake_in_order_at_their_own_time() -> None:
    clock = VirtualClock()
    woke: list[tuple[float, float]] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woke.append((seconds, clock.monotonic()))

    async with anyio.create_task_group() as group:
        for seconds in (3.0, 1.0, 2.0, 0.0):
            group.start_soon(sleeper, seconds)
        await clock.advance(2.5)
        assert woke == [(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]
        await clock.advance(1.0)
    assert woke[-1] == (3.0, 3.0)
    assert clock.monotonic() == 3.5


async def test_a_timeout_fires_in_virtual_time() -> None:
    clock = VirtualClock()
    timed_out: list[float] = []

    async def waits_for_ever() -> None:
        with clock.move_on_after(10) as scope:
            await anyio.sleep_forever()
        assert scope.cancelled_caught
        timed_out.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(waits_for_ever)
        await clock.advance(9.9)
        assert timed_out == []
        await clock.advance(1)
    assert timed_out == [10.0]


async def test_a_timer_called_off_leaves_nothing_behind() -> None:
    clock = VirtualClock()
    with clock.move_on_after(1):
        pass
    await clock.advance(2)
    assert clock.monotonic() == 2


async def test_of_what_is_due_at_one_moment_the_lowest_order_rings_first() -> None:
    clock = VirtualClock()
    rung: list[str] = []
    clock.set_timer(1, lambda: rung.append("third"), order=(2,))
    clock.set_timer(1, lambda: rung.append("first"))
    clock.set_timer(1, lambda: rung.append("second"), order=(1,))
    clock.set_timer(1, lambda: rung.append("never"))()
    await clock.advance(1)
    assert rung == ["first", "second", "third"]


async def test_time_moves_on_to_what_is_due_next() -> None:
    clock = VirtualClock()
    woke: list[float] = []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woke.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(sleeper, 4.0)
        group.start_soon(sleeper, 9.0)
        assert await clock.advance_to_next()
        assert clock.monotonic() == 4.0
        assert await clock.advance_to_next()
        await clock.settle()
        assert woke == [4.0, 9.0]
        assert not await clock.advance_to_next()
        assert clock.monotonic() == 9.0
