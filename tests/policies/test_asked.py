"""One request as one model is asked it, and the answer brought back from it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure

from llm_manager.domain.catalog import PROVIDERS, ModelFacts, Price
from llm_manager.domain.errors import CircuitOpen, ContentFiltered, ServerError
from llm_manager.domain.request import JsonSchema, LLMRequest, NamedTool, Preferences, Tool, ToolCall
from llm_manager.domain.response import ComputedCost, LLMResponse, ReportedCost, UnknownCost, Usage
from llm_manager.domain.target import Target
from llm_manager.policies.asked import (
    Asked,
    Written,
    asked_of,
    completed,
    longest_answer_tokens,
    refused,
    reserved_tokens,
    settled,
    usage_of,
    usage_so_far,
)
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.policies.token_estimate import token_range

PRICE = Price(prompt_usd=2.0, completion_usd=10.0, as_of="2026-11-21", source="test")
FACTS = ModelFacts(name="m", provider="openai", capabilities=frozenset({"tools"}), price=PRICE)
TARGET = Target(model="m", provider=PROVIDERS["openai"], facts=FACTS, service="openai", base_url="", key="k")
PLAIN = LLMRequest(prompt="hello world!")
ASKS = prompt_tokens(PLAIN, "m").likely


def tokens(text: str) -> int:
    return token_range(text, "m").likely


SAID = tokens("abcdefgh")
AT_MOST = token_range("abcdefgh", "m").high
SCHEMA = JsonSchema(schema={"type": "object"}, name="mine")
ASKED = asked_of(PLAIN, TARGET)
AS_A_TOOL = replace(
    PLAIN,
    tools=(Tool(name="mine", description="Give the answer by calling this.", parameters={"type": "object"}),),
    tool_choice=NamedTool("mine"),
)


def test_a_request_is_asked_in_the_strongest_form_its_model_has() -> None:
    wanted = replace(PLAIN, response_format=SCHEMA)
    assert asked_of(wanted, TARGET) == Asked(request=wanted, target=TARGET, mode="tool", sent=AS_A_TOOL)
    assert Asked(request=PLAIN, target=TARGET, mode=None, sent=PLAIN) == ASKED


def test_an_answer_comes_back_in_the_form_that_was_wanted_and_with_its_price() -> None:
    called = LLMResponse(
        content="",
        model="m",
        finish_reason="tool_calls",
        tool_calls=(ToolCall(id="1", name="mine", arguments="{}"),),
        usage=Usage(prompt_tokens=1000, completion_tokens=100, total_tokens=1100),
    )
    assert completed(asked_of(replace(PLAIN, response_format=SCHEMA), TARGET), called) == LLMResponse(
        content="{}",
        model="m",
        finish_reason="stop",
        usage=Usage(prompt_tokens=1000, completion_tokens=100, total_tokens=1100, cost=ComputedCost(0.003)),
    )


def test_an_answer_without_usage_is_estimated_from_its_own_text() -> None:
    answer = completed(ASKED, LLMResponse(content="abcdefgh", model="m"))
    cost = ComputedCost((ASKS * 2 + SAID * 10) / 1e6)
    assert answer.usage == Usage(
        prompt_tokens=ASKS, completion_tokens=SAID, total_tokens=ASKS + SAID, cost=cost, estimated=True
    )


def test_what_came_without_usage_is_estimated_with_its_thoughts_and_its_calls() -> None:
    call = ToolCall(id="1", name="abcd", arguments="x" * 400)
    answer = completed(ASKED, LLMResponse(content="", model="m", tool_calls=(call,), reasoning="y" * 40))
    thought = tokens("y" * 40)
    wrote = tokens("abcd" + "x" * 400) + thought
    assert answer.usage == Usage(
        prompt_tokens=ASKS,
        completion_tokens=wrote,
        reasoning_tokens=thought,
        total_tokens=ASKS + wrote,
        cost=ComputedCost((ASKS * 2 + wrote * 10) / 1e6),
        estimated=True,
    )


def test_thoughts_that_are_estimated_have_the_price_of_thoughts() -> None:
    dear = replace(ASKED, target=replace(TARGET, facts=replace(FACTS, price=replace(PRICE, reasoning_usd=20.0))))
    usage = usage_so_far(dear, Usage(prompt_tokens=0), Written("abcd", "y" * 40))
    assert usage.cost == ComputedCost((token_range("abcd").high * 10 + token_range("y" * 40).high * 20) / 1e6)


def test_an_answer_in_the_form_of_a_call_is_estimated_by_what_the_model_wrote() -> None:
    wanted = asked_of(replace(PLAIN, response_format=SCHEMA), TARGET)
    called = LLMResponse(content="Here:", model="m", tool_calls=(ToolCall(id="1", name="mine", arguments="{}"),))
    assert completed(wanted, called).usage.completion_tokens == tokens("Here:mine{}")


def test_what_an_answer_used_that_is_called_a_failure_has_the_price_of_an_answer() -> None:
    told = Usage(prompt_tokens=1000, completion_tokens=100, total_tokens=1100)
    priced = replace(told, cost=ComputedCost(0.003))
    assert settled(ASKED, Failure(ContentFiltered("m", usage=told))) == Failure(ContentFiltered("m", usage=priced))
    for plain in (ContentFiltered("m"), CircuitOpen("m")):
        assert settled(ASKED, Failure(plain)) == Failure(plain)


def test_half_of_a_usage_that_a_failure_told_is_completed() -> None:
    failed = refused(ASKED, ServerError("m", 500, usage=Usage(prompt_tokens=1000)), Written("abcdefgh"))
    cost = ComputedCost((1000 * 2 + SAID * 10) / 1e6)
    usage = Usage(prompt_tokens=1000, completion_tokens=SAID, total_tokens=1000 + SAID, cost=cost, estimated=True)
    assert failed == ServerError("m", 500, usage=usage)


def reserved(capacity: int | None, longest: int | None, max_tokens: int | None = None, prompt: int = 7) -> float:
    asked = replace(PLAIN, preferences=Preferences(max_tokens=max_tokens))
    target = replace(TARGET, facts=replace(FACTS, max_output_tokens=longest))
    return reserved_tokens(asked, target, prompt, capacity)


@pytest.mark.parametrize(
    ("capacity", "longest", "max_tokens", "prompt", "tokens"),
    [
        (None, None, None, 7, 7),
        (None, 1000, None, 7, 1007),
        (2000, 1000, None, 7, 1007),
        (2000, 1000, 50, 7, 57),
        (500, 1000, None, 7, 500),
        (1003, 1000, None, 7, 1003),
        (500, 1000, 600, 7, 607),
        (500, 1000, None, 501, 501),
        (500, None, None, 7, 7),
    ],
    ids=[
        "nothing known",
        "no limit",
        "the longest answer of the model",
        "that of the caller",
        "one that alone is more than a minute holds",
        "one that leaves too little room",
        "the caller's own is not cut",
        "a prompt that alone is too large",
        "no longest answer",
    ],
)
def test_a_limiter_reckons_with_the_longest_answer_and_makes_no_request_impossible_for_it(
    capacity: int | None, longest: int | None, max_tokens: int | None, prompt: int, tokens: float
) -> None:
    assert reserved(capacity, longest, max_tokens, prompt) == tokens


def test_where_the_wire_is_told_a_limit_no_answer_is_longer() -> None:
    facts = replace(FACTS, provider="anthropic", max_output_tokens=128_000)
    claude = replace(TARGET, provider=PROVIDERS["anthropic"], facts=facts)
    assert longest_answer_tokens(PLAIN, claude) == 16_384


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (
            Usage(prompt_tokens=1000, completion_tokens=100),
            Usage(prompt_tokens=1000, completion_tokens=100, cost=ComputedCost(0.003)),
        ),
        (
            Usage(prompt_tokens=1000),
            Usage(
                prompt_tokens=1000,
                completion_tokens=SAID,
                total_tokens=1000 + SAID,
                cost=ComputedCost((1000 * 2 + SAID * 10) / 1e6),
                estimated=True,
            ),
        ),
        (
            Usage(completion_tokens=100, total_tokens=5),
            Usage(
                prompt_tokens=ASKS,
                completion_tokens=100,
                total_tokens=ASKS + 100,
                cost=ComputedCost((ASKS * 2 + 1000) / 1e6),
                estimated=True,
            ),
        ),
        (
            Usage(prompt_tokens=0, completion_tokens=0, cost=ReportedCost(7.0)),
            Usage(prompt_tokens=0, completion_tokens=0, cost=ReportedCost(7.0)),
        ),
    ],
)
def test_only_what_the_provider_did_not_tell_is_estimated(told: Usage, usage: Usage) -> None:
    assert usage_of(ASKED, told, Written("abcdefgh")) == usage


@pytest.mark.parametrize(
    ("told", "completion"),
    [(Usage(), AT_MOST), (Usage(completion_tokens=1), AT_MOST), (Usage(completion_tokens=100, total_tokens=5), 100)],
)
def test_so_far_at_least_the_text_that_has_come_has_been_used(told: Usage, completion: int) -> None:
    cost = ComputedCost((ASKS * 2.0 + completion * 10.0) / 1e6)
    assert usage_so_far(ASKED, told, Written("abcdefgh")) == Usage(
        prompt_tokens=ASKS, completion_tokens=completion, total_tokens=ASKS + completion, cost=cost, estimated=True
    )


def test_where_nothing_has_come_and_nothing_was_sent_nothing_has_been_used() -> None:
    free = ComputedCost(0.0)
    assert usage_so_far(ASKED, Usage(prompt_tokens=0), Written()) == Usage(
        prompt_tokens=0, completion_tokens=0, total_tokens=0, cost=free, estimated=True
    )


def test_what_has_been_used_so_far_keeps_the_prompt_that_was_told_and_is_an_estimate() -> None:
    told = Usage(prompt_tokens=1000, cached_tokens=400)
    free = replace(ASKED, target=replace(TARGET, facts=replace(FACTS, price=None)))
    assert usage_so_far(free, told, Written("abcdefgh")) == Usage(
        prompt_tokens=1000,
        completion_tokens=AT_MOST,
        cached_tokens=400,
        total_tokens=1000 + AT_MOST,
        cost=UnknownCost(),
        estimated=True,
    )
