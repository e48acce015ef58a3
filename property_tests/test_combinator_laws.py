"""Laws of the combinators, over random scripts of failures and successes, in virtual time."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import (
    Context,
    InvalidRequest,
    LLMError,
    Op,
    Outcome,
    Policy,
    RateLimitExceeded,
    RequestTimedOut,
    ServerError,
    bulkhead,
    cached,
    circuit_breaker,
    deadline,
    effect,
    fallback,
    hedged,
    observed,
    provide,
    rate_limit,
    recurs,
    retry,
    timeout,
    within_budget,
)
from llm_manager.combinators.fallback import first_success
from llm_manager.testing import scripted
from llm_manager.testing.laws import Law, policy_laws

Answer = str | LLMError

POLICIES: dict[str, Policy] = {
    "retry": retry(recurs(2)),
    "timeout": timeout(5),
    "deadline": deadline(5),
    "circuit_breaker": circuit_breaker("law"),
    "rate_limit": rate_limit("law", 1.0),
    "bulkhead": bulkhead(1),
    "hedged": hedged(0.2),
    "cached": cached("law", 0.0),
    "within_budget": within_budget(1.0),
    "observed": observed("law"),
}
LAWS = [pytest.param(law, id=f"{name}: {law}") for name, policy in POLICIES.items() for law in policy_laws(policy)]


@pytest.mark.parametrize("law", LAWS)
def test_every_combinator_obeys_the_laws_of_all(law: Law) -> None:
    law()


errors = st.sampled_from(
    [
        ServerError("a", 503),
        ServerError("b", 500),
        RateLimitExceeded("c", 1.0),
        InvalidRequest(()),
        ServerError("d", 502),
    ]
)
answers = st.one_of(st.text(max_size=2), errors)


def saying(answer: Answer, takes_s: float = 0.0) -> Op[str]:
    async def say(context: Context) -> Outcome[str, LLMError]:
        if takes_s:
            await context.clock.sleep(takes_s)
        return Success(answer) if isinstance(answer, str) else Failure(answer)

    return effect(say)


def ran(op: Op[str]) -> Outcome[str, LLMError]:
    return anyio.run(provide(op, scripted({})))


@given(answers, answers, answers)
def test_fallback_is_associative(a: Answer, b: Answer, c: Answer) -> None:
    one, two, three = saying(a), saying(b), saying(c)
    flat = fallback(two, three)(one)
    left = fallback(three)(fallback(two)(one))
    right = fallback(fallback(three)(two))(one)
    assert ran(flat) == ran(left) == ran(right)


@given(answers)
def test_fallback_to_nothing_is_the_operation_itself(a: Answer) -> None:
    op = saying(a)
    none: Callable[[Op[str]], Op[str]] = fallback()
    nothing: Op[str] = first_success(())
    assert ran(none(op)) == ran(op)
    assert ran(fallback(nothing)(op)) == ran(op)
    assert ran(fallback(op)(nothing)) == ran(op)


@given(answers)
def test_retry_of_no_times_is_the_identity(a: Answer) -> None:
    op = saying(a)
    assert ran(retry(recurs(0))(op)) == ran(op)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0.1, 10))
def test_nested_timeouts_are_the_minimum(outer: float, inner: float, takes: float) -> None:
    op = saying("x", takes)
    nested, least = ran(timeout(outer)(timeout(inner)(op))), ran(timeout(min(outer, inner))(op))
    assert type(nested) is type(least)
    if isinstance(nested, Failure):
        assert isinstance(nested.failure(), RequestTimedOut)
        assert isinstance(least, Failure)
        assert nested.failure() == least.failure()
