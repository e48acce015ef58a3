"""Arguments are checked at the call that gives them: a slip raises there, before anything runs, and says what to write.

Each call here is one that a type checker refuses, or that no type can refuse.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
from returns.result import Success

import llm_manager
from llm_manager import (
    LLMRequest,
    and_then,
    batch,
    batch_at_vendor,
    both,
    bulkhead,
    cached,
    capped,
    circuit_breaker,
    deadline,
    default_schedule,
    either,
    exponential,
    fallback,
    fallback_on,
    fork_conversation,
    gather,
    generate,
    generate_stream,
    get_fallback_chain,
    hedged,
    jittered,
    list_conversations,
    live,
    map_,
    observed,
    plan,
    postgres_conversations,
    query_multiple,
    query_with_schema,
    race,
    rate_limit,
    recurs,
    redis_budget,
    redis_keys,
    retry,
    route_request,
    run,
    select_model,
    settle,
    spaced,
    sqlite_conversations,
    start_conversation,
    stream_with_schema,
    succeed,
    through,
    timeout,
    up_to,
    within_budget,
)
from llm_manager.effect.sources import from_iterable

SKY = LLMRequest(prompt="Why is the sky blue?")
ASK = generate(SKY)
NAN, INFINITY = float("nan"), float("inf")


def any_(given: object) -> Any:
    """*given*, for a program that nobody has checked."""
    return given


NUMBERS: dict[str, tuple[Callable[[Any], object], str]] = {
    "gather.limit": (lambda n: gather([ASK], limit=n), "count"),
    "settle.limit": (lambda n: settle([ASK], limit=n), "count"),
    "Stream.settle.limit": (lambda n: from_iterable([1]).settle(succeed, n), "count"),
    "Stream.take.count": (lambda n: from_iterable([1]).take(n), "count or 0"),
    "bulkhead.limit": (bulkhead, "count"),
    "batch.concurrency": (lambda n: batch([SKY], concurrency=n), "count"),
    "query_with_schema.max_reasks": (lambda n: query_with_schema(SKY, int, max_reasks=n), "count or 0"),
    "recurs.times": (recurs, "count or 0"),
    "list_conversations.limit": (lambda n: list_conversations(limit=n), "count"),
    "fork_conversation.version": (lambda n: fork_conversation("id", n), "count"),
    "timeout.seconds": (timeout, "number"),
    "deadline.seconds": (deadline, "number"),
    "deadline.grace_s": (lambda n: deadline(1, grace_s=n), "number"),
    "up_to.seconds": (up_to, "number"),
    "capped.max_s": (capped, "number"),
    "within_budget.usd": (within_budget, "number"),
    "spaced.seconds": (spaced, "finite"),
    "exponential.base_s": (exponential, "finite"),
    "exponential.factor": (lambda n: exponential(1, n), "finite"),
    "hedged.after_s": (hedged, "finite"),
    "cached.ttl_s": (lambda n: cached("key", n), "finite"),
    "rate_limit.cost": (lambda n: rate_limit("key", n), "finite"),
    "start_conversation.budget_usd": (lambda n: start_conversation(budget_usd=n), "finite above 0"),
    "batch_at_vendor.limit_s": (lambda n: batch_at_vendor([SKY], model="gpt-4o", limit_s=n), "number above 0"),
    "redis_budget.limit_usd": (lambda n: redis_budget("redis://127.0.0.1:1", n), "finite"),
    "redis_keys.max_connections": (
        lambda n: redis_keys("redis://127.0.0.1:1", llm_manager.KeySettings(), max_connections=n),
        "count",
    ),
    "sqlite_conversations.timeout_s": (lambda n: sqlite_conversations("chat.db", timeout_s=n), "finite above 0"),
    "postgres_conversations.timeout_s": (
        lambda n: postgres_conversations("postgresql://127.0.0.1:1/x", timeout_s=n),
        "finite above 0",
    ),
}
"""How to give each number of the public functions, and which numbers are right."""

IS_NO_ARGUMENT = {"default_schedule.keys"}
"""What is worked out from settings, which are checked as such."""


def raised(give: Callable[[], object]) -> tuple[str, str]:
    """The kind of what *give* raises, and its message."""
    with pytest.raises((TypeError, ValueError)) as caught:
        give()
    return type(caught.value).__name__, str(caught.value)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_none_or_out_of_range_raises_where_it_is_given(name: str) -> None:
    give, kind = NUMBERS[name]
    wrong: list[tuple[object, str]] = [("2", "TypeError"), (True, "TypeError"), (-1, "ValueError"), (None, "TypeError")]
    if name in ("gather.limit", "settle.limit", "fork_conversation.version", "start_conversation.budget_usd"):
        wrong.remove((None, "TypeError"))
    if kind.startswith("count"):
        wrong += [(1.5, "TypeError"), (NAN, "TypeError")]
    else:
        wrong += [(NAN, "ValueError")]
    if kind == "count" or kind.endswith("above 0"):
        wrong += [(0, "ValueError")]
    if kind.startswith("finite"):
        wrong += [(INFINITY, "ValueError")]
    for value, error in wrong:
        found, said = raised(lambda: give(value))  # noqa: B023  # called at once
        assert (found, said.rpartition(", not ")[2], "write" in said) == (error, repr(value), True)
        assert give.__name__ == "<lambda>" or said.startswith(give.__name__)


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_that_is_right_is_taken(name: str) -> None:
    give, kind = NUMBERS[name]
    right = [1, 2] if kind.startswith("count") else [1, 0.5]
    right += [0] if "or 0" in kind or kind in ("number", "finite") else []
    right += [INFINITY] if kind.startswith("number") else []
    for value in right:
        give(value)


def numbers() -> Iterator[str]:
    """Every number that a public function takes."""
    for name in dir(llm_manager):
        public = getattr(llm_manager, name)
        if callable(public) and not isinstance(public, type):
            for each in inspect.signature(public).parameters.values():
                if str(each.annotation).replace(" | None", "") in ("int", "float"):
                    yield f"{name}.{each.name}"


def test_every_number_of_the_public_functions_is_checked() -> None:
    assert sorted({*numbers()} - {*NUMBERS}) == sorted(IS_NO_ARGUMENT)


@pytest.mark.parametrize(
    ("give", "said"),
    [
        (lambda: retry(any_(3)), "retry takes a schedule: write retry(recurs(3)), not 3"),
        (lambda: through(ASK, any_(retry)), "retry takes a schedule: write retry(recurs(3)), not an operation"),
        (
            lambda: through(ASK, any_(timeout)),
            "timeout takes a number of seconds, 0 or more: write timeout(20), not an operation",
        ),
        (lambda: timeout(any_("20")), "timeout takes a number of seconds, 0 or more: write timeout(20), not '20'"),
        (lambda: recurs(any_("2")), "recurs takes how many times to go on, 0 or more: write recurs(3), not '2'"),
        (lambda: jittered(any_(3)), "a change of delays takes a schedule: write jittered(exponential(0.5)), not 3"),
        (lambda: capped(9)(any_(3)), "a change of delays takes a schedule: write jittered(exponential(0.5)), not 3"),
        *(
            (
                lambda join=join: join(recurs(1), any_(3)),
                "schedules are joined with schedules: write both(exponential(0.5), recurs(3)), not 3",
            )
            for join in (both, either, and_then)
        ),
        (
            lambda: default_schedule(any_(3)),
            "default_schedule takes settings: write default_schedule(RetrySettings()), not 3",
        ),
        (
            lambda: query_multiple(SKY, "gpt"),
            'query_multiple takes a sequence of models: write query_multiple(request, ["gpt", "claude"]), not \'gpt\'',
        ),
        (
            lambda: race(SKY, "gpt"),
            'race takes a sequence of models: write race(request, ["gpt", "claude"]), not \'gpt\'',
        ),
        (lambda: race(any_(SKY)), 'race takes a sequence of models: write race(request, ["gpt", "claude"]), not None'),
        (
            lambda: race(any_("hi"), any_(["gpt"])),
            "race takes operations, or a request and models: write race(generate(one), generate(other)), not 'hi'",
        ),
        (lambda: fallback(any_(SKY)), "fallback takes operations: write fallback(generate(request)), not a LLMRequest"),
        (
            lambda: fallback_on(any_(ASK), ASK),
            "fallback_on takes a function of an error: write fallback_on(is_transient, generate(request)), "
            "not an operation",
        ),
        (
            lambda: gather(any_(ASK)),
            "gather takes a sequence of operations: write gather([generate(one), generate(other)]), not an operation",
        ),
        (
            lambda: settle(any_([SKY])),
            "settle takes a sequence of operations: write settle([generate(one), generate(other)]), not a LLMRequest",
        ),
        (
            lambda: batch(any_(SKY)),
            "batch takes requests: write batch([LLMRequest(prompt=...), ...]), not a LLMRequest",
        ),
        (
            lambda: batch_at_vendor(any_("hi"), model="gpt-4o"),
            "batch_at_vendor takes requests: write batch_at_vendor(requests, model=\"gpt-4o\"), not 'hi'",
        ),
        (lambda: observed(any_(ASK)), 'observed takes a name: write observed("summary"), not an operation'),
        (lambda: cached(any_(ASK), 3), 'cached takes a key: write cached("sky", ttl_s=300), not an operation'),
        (
            lambda: circuit_breaker(any_(ASK)),
            'circuit_breaker takes the key of its breaker: write circuit_breaker("gpt"), not an operation',
        ),
        (
            lambda: get_fallback_chain(any_(SKY)),
            'get_fallback_chain takes the name of a model: write get_fallback_chain("gpt-4o"), not a LLMRequest',
        ),
        (
            lambda: live(any_({"routing": {}})),
            "a layer takes a configuration: write live(LLMConfig(...)), or parse_config(mapping) first, not a dict",
        ),
    ],
)
def test_what_was_mixed_up_is_named_with_what_to_write(give: Callable[[], object], said: str) -> None:
    assert raised(give) == ("TypeError", said)


@pytest.mark.parametrize("ask", [generate, generate_stream, route_request, plan, select_model])
def test_what_is_no_request_raises_before_anything_runs(ask: Callable[[Any], object]) -> None:
    said = "a request is wanted, and this is a str: write LLMRequest(prompt=...), or parse_request(mapping) for data"
    assert raised(lambda: ask("hi")) == ("TypeError", f"{said} from outside")


@pytest.mark.parametrize("ask", [query_with_schema, stream_with_schema])
def test_a_value_is_asked_for_by_a_request_too(ask: Callable[[Any, Any], object]) -> None:
    assert raised(lambda: ask("hi", int))[0] == "TypeError"


def test_none_in_the_place_of_a_context_is_named() -> None:
    said = (
        "run(op, None) gives no context to an operation that needs one: write provide(op, live()), "
        "or `async with live() as context` and run(op, context)"
    )
    assert raised(lambda: anyio.run(run, ASK, any_(None))) == ("TypeError", said)
    assert raised(lambda: anyio.run(run, through(ASK, timeout(3)), any_(None))) == ("TypeError", said)


def test_an_operation_that_needs_nothing_takes_none() -> None:
    assert anyio.run(run, gather([succeed(1), succeed(2)]), None) == Success((1, 2))


def test_a_fault_inside_an_operation_without_a_context_stays_what_it_is() -> None:
    def change(value: Any) -> object:
        return value.missing

    with pytest.raises(AttributeError, match="'str' object has no attribute 'missing'"):
        anyio.run(run, map_(succeed("held"), change), None)
