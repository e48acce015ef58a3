"""A second try beside a slow first one."""

from __future__ import annotations

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    Context,
    LLMError,
    LLMRequest,
    Op,
    Outcome,
    RequestTimedOut,
    ServerError,
    cached,
    deadline,
    effect,
    generate,
    hedged,
    run,
)
from llm_manager.effect.ongoing import Ongoing
from llm_manager.testing import Pause, scripted
from tests.combinators.saying import Saying, took

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)


class Taking:
    """An operation that takes as long as it is told, run by run, and keeps the moments at which it was left."""

    def __init__(self, *plan: tuple[float, str | LLMError]) -> None:
        self._plan = plan
        self.runs = 0
        self.left_s: list[float] = []
        self.op: Op[str] = effect(self._take)

    async def _take(self, context: Context) -> Outcome[str, LLMError]:
        takes_s, answer = self._plan[self.runs]
        self.runs += 1
        try:
            await context.clock.sleep(takes_s)
        except BaseException:
            self.left_s.append(context.clock.monotonic())
            raise
        return Success(answer) if isinstance(answer, str) else Failure(answer)


async def test_a_quick_answer_is_asked_for_once() -> None:
    saying = Saying(["now"], takes_s=1)
    assert await took(hedged(2)(saying.op)) == (Success("now"), 1.0)
    assert saying.runs == 1


async def test_beside_a_slow_one_a_second_is_asked_and_the_slow_one_is_left() -> None:
    taking = Taking((60, "late"), (1, "quick"))
    assert await took(hedged(2)(taking.op)) == (Success("quick"), 3.0)
    assert taking.left_s == [3.0]


async def test_the_slow_one_may_still_win() -> None:
    taking = Taking((3, "first"), (60, "second"))
    assert await took(hedged(2)(taking.op)) == (Success("first"), 3.0)
    assert taking.left_s == [3.0]


async def test_a_failure_before_its_time_is_no_reason_to_hedge() -> None:
    taking = Taking((1, BUSY), (1, "never"))
    assert await took(hedged(2)(taking.op)) == (Failure(BUSY), 1.0)
    assert taking.runs == 1


async def test_one_that_fails_waits_for_the_other() -> None:
    assert await took(hedged(2)(Taking((3, BUSY), (4, "second")).op)) == (Success("second"), 6.0)
    assert await took(hedged(2)(Taking((9, "first"), (4, BUSY)).op)) == (Success("first"), 9.0)


async def test_when_both_fail_the_first_says_why() -> None:
    other = ServerError("claude", 500)
    assert await took(hedged(2)(Taking((4, BUSY), (1, other)).op)) == (Failure(BUSY), 4.0)


async def test_a_deadline_bounds_both() -> None:
    taking = Taking((60, "late"), (60, "later"))
    outcome, at_s = await took(deadline(5)(hedged(2)(taking.op)))
    assert (outcome, at_s) == (Failure(RequestTimedOut("", 5, "total")), 5.0)
    assert taking.left_s == [5.0, 5.0]


async def test_the_second_try_does_not_wait_for_the_flight_of_the_first() -> None:
    ask = generate(LLMRequest(prompt="Why is the sky blue?"))
    async with scripted({"gpt": [Pause(60, "late"), "quick"]}) as context:
        assert (await run(hedged(8)(ask), context)).unwrap().content == "quick"
        assert context.clock.monotonic() == 8.0
        assert (await run(ask, context)).unwrap().content == "quick"


async def test_an_answer_that_was_got_for_its_asker_is_not_called_cached() -> None:
    ask = cached("k", 60)(generate(LLMRequest(prompt="Why is the sky blue?")))
    async with scripted({"gpt": [Pause(60, "late"), "quick"]}) as context:
        response = (await run(hedged(8)(ask), context)).unwrap()
        assert (response.content, response.metadata.cached) == ("quick", False)


async def test_of_two_that_come_at_the_same_moment_the_one_that_is_not_wanted_is_let_go() -> None:
    begun: list[Ongoing] = []
    second_is_here = anyio.Event()

    async def begin(_: Context) -> Outcome[Ongoing, LLMError]:
        mine = Ongoing()
        begun.append(mine)
        if len(begun) == 1:
            await second_is_here.wait()
        second_is_here.set()
        return Success(mine)

    begins: Op[Ongoing] = effect(begin)
    async with scripted({}) as context:
        wanted = (await run(hedged(2)(begins), context)).unwrap()
    assert len(begun) == 2
    assert [each.is_over for each in begun] == [each is not wanted for each in begun]
