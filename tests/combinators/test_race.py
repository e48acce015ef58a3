"""Several at once, and the first success wins."""

from __future__ import annotations

import pytest
from returns.result import Failure, Success

from llm_manager import AllModelsFailed, InvalidRequest, LLMError, Op, ServerError
from llm_manager.combinators.race import race
from tests.combinators.saying import Saying, took

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
INVALID = InvalidRequest(())


def saying(answer: str | LLMError, takes_s: float) -> Op[str]:
    return Saying([answer], takes_s=takes_s).op


async def test_the_first_success_wins_and_a_failure_before_it_does_not() -> None:
    ops = (saying("slow", 9), saying(BUSY, 1), saying("quick", 2))
    assert await took(race(*ops)) == (Success("quick"), 2.0)


async def test_without_a_success_every_failure_is_told_in_the_order_given() -> None:
    ops = (saying(BUSY, 3), saying(INVALID, 1), saying(ServerError("claude", 500), 2))
    lines = (("gpt", BUSY), ("", INVALID), ("claude", ServerError("claude", 500)))
    assert await took(race(*ops)) == (Failure(AllModelsFailed(lines)), 3.0)


async def test_a_race_of_one_that_fails_and_one_of_none_are_lost_alike() -> None:
    nobody: Op[str] = race()
    assert (await took(race(saying(BUSY, 0))))[0] == Failure(AllModelsFailed((("gpt", BUSY),)))
    assert (await took(nobody))[0] == Failure(AllModelsFailed(()))
