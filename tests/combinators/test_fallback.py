"""Somebody else's turn, and errors that are taken out of the union."""

from __future__ import annotations

from typing import Never

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    Context,
    Effect,
    InvalidRequest,
    LLMError,
    ServerError,
    fallback,
    fallback_on,
    pipe,
    provide,
    recover,
    succeed,
)
from llm_manager.testing import scripted
from tests.combinators.saying import Saying, took

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
INVALID = InvalidRequest(())
LAYER = scripted({})


async def test_fallback_asks_the_next_one_after_what_it_may_answer_differently() -> None:
    assert (await took(fallback(Saying(["second"]).op)(Saying([BUSY]).op)))[0] == Success("second")


async def test_fallback_does_not_ask_another_about_an_invalid_request() -> None:
    second = Saying(["second"])
    assert (await took(fallback(second.op)(Saying([INVALID]).op)))[0] == Failure(INVALID)
    assert second.runs == 0


async def test_when_all_fail_each_failure_is_told_in_order_nested_ones_too() -> None:
    other = ServerError("claude", 500)
    nested = fallback(Saying([other]).op)(Saying([BUSY]).op)
    outcome, _ = await took(fallback(nested)(Saying([ServerError("llama", 500)]).op))
    assert outcome == Failure(AllModelsFailed((("llama", ServerError("llama", 500)), ("gpt", BUSY), ("claude", other))))


async def test_fallback_on_asks_when_its_predicate_says() -> None:
    def is_invalid(error: LLMError) -> bool:
        return error == INVALID

    assert (await took(fallback_on(is_invalid, Saying(["x"]).op)(Saying([INVALID]).op)))[0] == Success("x")
    assert (await took(fallback_on(is_invalid, Saying(["x"]).op)(Saying([BUSY]).op)))[0] == Failure(BUSY)


async def test_recover_takes_one_error_out_of_the_union() -> None:
    def by_its_status(error: ServerError) -> Effect[str, Never, Context]:
        return succeed(f"status {error.status_code}")

    narrowed = pipe(Saying([BUSY]).op, recover(ServerError, by_its_status))
    assert await provide(narrowed, LAYER) == Success("status 503")
