"""Somebody else's turn, and errors that are taken out of the union."""

from __future__ import annotations

from typing import Never

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    Context,
    ContextTooLarge,
    Effect,
    InvalidRequest,
    LLMConfig,
    LLMError,
    RetrySettings,
    ServerError,
    fallback,
    fallback_on,
    pipe,
    provide,
    recover,
    succeed,
    timeout,
)
from llm_manager.combinators.fallback import Alternative, failures_of, first_success
from llm_manager.domain.events import FellBack
from llm_manager.testing import scripted
from tests.combinators.saying import Listener, Saying, took

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
INVALID = InvalidRequest(())
LAYER = scripted({})


async def test_fallback_asks_the_next_one_after_what_it_may_answer_differently() -> None:
    assert (await took(fallback(Saying(["second"]).op)(Saying([BUSY]).op)))[0] == Success("second")


@pytest.mark.parametrize(("ambiguous", "runs"), [(True, 1), (False, 0)])
async def test_fallback_asks_the_next_one_after_an_ambiguous_failure_unless_that_is_switched_off(
    ambiguous: bool, runs: int
) -> None:
    second, config = Saying(["second"]), LLMConfig(retry=RetrySettings(ambiguous=ambiguous))
    await took(fallback(second.op)(timeout(3)(Saying(["late"], takes_s=10).op)), config)
    assert second.runs == runs


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


async def test_who_does_not_take_over_after_a_failure_is_passed_over_for_one_who_does() -> None:
    def never(_: LLMError, _context: Context) -> bool:
        return False

    picky, willing = Saying(["picky"]), Saying(["willing"])
    alternatives = (
        Alternative(Saying([BUSY]).op, always, "gpt"),
        Alternative(picky.op, never, "claude"),
        Alternative(willing.op, always, "llama"),
    )
    assert (await took(first_success(alternatives)))[0] == Success("willing")
    assert picky.runs == 0


def always(_: LLMError, _context: Context) -> bool:
    return True


async def test_each_step_to_another_model_is_told_with_its_reason() -> None:
    listener = Listener()
    other = ServerError("claude", 500)
    alternatives = (
        Alternative(Saying([BUSY], takes_s=2).op, always, "mine"),
        Alternative(Saying([other], takes_s=3).op, always),
        Alternative(Saying(["x"]).op, always, "llama"),
    )
    assert await provide(first_success(alternatives), scripted({}, observer=listener)) == Success("x")
    assert listener.events == [
        FellBack(at_s=2.0, model="mine", next_model="", error=BUSY),
        FellBack(at_s=5.0, model="claude", next_model="llama", error=other),
    ]


async def test_what_does_not_fit_one_window_may_fit_the_next() -> None:
    long = ContextTooLarge("gpt", 9, 5)
    assert (await took(fallback(Saying(["second"]).op)(Saying([long]).op)))[0] == Success("second")


@pytest.mark.parametrize(
    ("error", "model", "lines"),
    [
        (BUSY, "", (("gpt", BUSY),)),
        (BUSY, "mine", (("mine", BUSY),)),
        (INVALID, "", (("", INVALID),)),
        (AllModelsFailed((("gpt", BUSY), ("", INVALID))), "mine", (("gpt", BUSY), ("", INVALID))),
    ],
)
def test_a_failure_is_told_under_the_name_it_was_asked_by(
    error: LLMError, model: str, lines: tuple[tuple[str, LLMError], ...]
) -> None:
    assert failures_of(error, model) == lines


def test_a_failure_that_was_asked_by_no_name_is_told_under_that_of_its_model() -> None:
    assert failures_of(INVALID) == (("", INVALID),)
