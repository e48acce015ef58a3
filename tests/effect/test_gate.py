"""Gates: who was let in is told how the run ended, once, and the last one first."""

from __future__ import annotations

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import Context, LLMError, Op, Outcome, ServerError, effect, fail, run, succeed
from llm_manager.effect.gate import Gate, gated
from llm_manager.effect.ongoing import Ending, Ongoing, Tell
from llm_manager.testing import scripted

pytestmark = pytest.mark.anyio

DOWN = ServerError("gpt", 503)


class Porter:
    """Gates with names, and what was said at each."""

    def __init__(self) -> None:
        self.said: list[tuple[str, object]] = []

    def gate(self, name: str) -> Gate:
        async def enter(_context: Context) -> Outcome[Tell, LLMError]:
            self.said.append((name, "in"))

            async def tell(ending: Ending) -> None:
                await anyio.lowlevel.checkpoint()  # what is told may take time, also of a run that was cancelled
                self.said.append((name, ending.outcome))

            return Success(tell)

        return enter


async def closed(_context: Context) -> Outcome[Tell, LLMError]:
    return Failure(DOWN)


async def indifferent(_context: Context) -> Outcome[None, LLMError]:
    return Success(None)


async def ran(op: Op[object]) -> object:
    async with scripted({}) as context:
        return await run(op, context)


@pytest.mark.parametrize("op", [succeed(1), fail(DOWN)])
async def test_gates_are_passed_in_order_and_told_in_the_reverse_of_it(op: Op[object]) -> None:
    porter = Porter()
    outcome = await ran(gated(porter.gate("outer"), indifferent, porter.gate("inner"))(op))
    assert porter.said == [("outer", "in"), ("inner", "in"), ("inner", outcome), ("outer", outcome)]


async def test_who_let_a_run_in_is_told_that_a_later_gate_turned_it_away() -> None:
    porter = Porter()
    outcome = await ran(gated(porter.gate("outer"), closed, porter.gate("inner"))(succeed(1)))
    assert outcome == Failure(DOWN)
    assert porter.said == [("outer", "in"), ("outer", Failure(DOWN))]


async def test_a_cancelled_run_is_told_without_an_outcome() -> None:
    porter = Porter()

    async def for_ever(_context: Context) -> Outcome[object, LLMError]:
        await anyio.sleep_forever()
        return Success(None)

    with anyio.move_on_after(0.01):
        await ran(gated(porter.gate("outer"), porter.gate("inner"))(effect(for_ever)))
    assert porter.said == [("outer", "in"), ("inner", "in"), ("inner", None), ("outer", None)]


async def test_a_success_that_is_under_way_is_told_when_it_is_over() -> None:
    porter, begun = Porter(), Ongoing()
    await ran(gated(porter.gate("outer"), porter.gate("inner"))(succeed(begun)))
    assert porter.said == [("outer", "in"), ("inner", "in")]
    await begun.over(Ending(Success("the end")))
    await begun.over(Ending(None))
    assert porter.said[2:] == [("inner", Success("the end")), ("outer", Success("the end"))]


async def test_without_a_gate_nothing_is_changed() -> None:
    assert await ran(gated()(succeed(1))) == Success(1)
