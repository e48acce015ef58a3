"""Many calls that one of them wakes go on one after the other, in the order of their numbers."""

from __future__ import annotations

import random

import anyio
import pytest
from returns.result import Success

from llm_manager import Context, LLMError, Op, effect, gather, race, succeed
from llm_manager.domain.outcome import Outcome
from llm_manager.testing import run_in_turns, scripted
from llm_manager.testing.clock import VirtualClock
from llm_manager.testing.turns import CallClock, InTurn

pytestmark = pytest.mark.anyio


async def test_who_is_woken_together_goes_on_in_order() -> None:
    clock, door, went_on = VirtualClock(), anyio.Event(), list[int]()

    async def call(number: int) -> None:
        await door.wait()
        went_on.append(number)
        await anyio.lowlevel.checkpoint()
        went_on.append(number)

    async def in_turn(number: int) -> None:
        await InTurn(call(number), CallClock(clock, number))

    numbers = list(range(20))
    random.shuffle(numbers)
    async with anyio.create_task_group() as group:
        for number in numbers:
            group.start_soon(in_turn, number)
        await clock.settle()
        door.set()
        while await clock.advance_to_next():
            pass
    assert went_on == sorted(numbers * 2)


async def test_a_call_that_its_own_timer_wakes_does_not_wait_again() -> None:
    clock = VirtualClock()
    mine = CallClock(clock, 1)
    ended: list[float] = []

    async def work() -> str:
        await mine.sleep(5.0)
        with mine.move_on_after(2.0):
            await anyio.sleep_forever()
        ended.append(clock.monotonic())
        return "done"

    async def call() -> None:
        assert await InTurn(work(), mine) == "done"

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await clock.advance(5.0)
        await clock.advance(2.0)
        assert ended == [7.0]


async def test_who_is_cancelled_keeps_its_place_until_the_clock_is_let_go() -> None:
    clock, door = VirtualClock(), anyio.Event()
    told: list[str] = []

    async def work() -> None:
        try:
            await door.wait()
        finally:
            told.append("over")

    async def call(number: int) -> None:
        await InTurn(work(), CallClock(clock, number))

    async with anyio.create_task_group() as group:
        group.start_soon(call, 1)
        await clock.settle()
        door.set()
        await clock.settle()  # it stands in line now, and nobody moves time on
        group.cancel_scope.cancel()
        assert told == []
        clock.let_go()
    assert told == ["over"]


async def test_a_failure_of_the_work_comes_out_as_it_is() -> None:
    async def work() -> None:
        raise LookupError("a bug")

    with pytest.raises(LookupError, match="a bug"):
        await InTurn(work(), CallClock(VirtualClock(), 1))


async def test_what_goes_on_side_by_side_begins_in_the_order_given_on_every_event_loop() -> None:
    began: list[int] = []

    def part(number: int) -> Op[int]:
        async def beginning(context: Context) -> Outcome[int, LLMError]:
            for _ in range(3):
                began.append(number)
                await context.clock.sleep(1.0)
            return Success(number)

        return effect(beginning)

    async with scripted({}, clock=VirtualClock()) as context:
        outcome = await run_in_turns(gather([part(number) for number in range(10)]), context)
    assert outcome == Success(tuple(range(10)))
    assert began == [*range(10)] * 3


async def test_who_loses_a_race_while_the_winner_stands_in_line_is_gone_before_it_goes_on() -> None:
    def part(number: int) -> Op[int]:
        async def waiting(context: Context) -> Outcome[int, LLMError]:
            await context.clock.sleep(1.0)
            return Success(number)

        return effect(waiting)

    async with scripted({}, clock=VirtualClock()) as context:
        nested = race(race(part(1), part(2)), race(part(3), part(4)))
        assert await run_in_turns(nested, context) == Success(1)
        assert context.clock.monotonic() == 1.0


async def test_turns_need_a_clock_that_somebody_else_moves() -> None:
    async with scripted({}) as context:
        with pytest.raises(TypeError, match="does not move by itself"):
            await run_in_turns(succeed(1), context)


async def test_an_operation_that_waits_for_something_else_is_told_so() -> None:
    async def waiting(_context: Context) -> Outcome[int, LLMError]:
        await anyio.sleep_forever()
        return Success(1)

    async with scripted({}, clock=VirtualClock()) as context:
        with pytest.raises(RuntimeError, match="not on the context's clock"):
            await run_in_turns(effect(waiting), context)
