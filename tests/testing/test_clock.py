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
