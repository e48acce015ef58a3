"""Retry budget, buckets, keys, prices, tokens and schema modes: one sentence each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_manager.domain.catalog import PROVIDERS, Capability, ModelFacts, Price
from llm_manager.domain.errors import AuthenticationFailed, NetworkError, QuotaExhausted, RateLimitExceeded
from llm_manager.domain.request import (
    ImagePart,
    JsonMode,
    JsonSchema,
    LLMRequest,
    Message,
    NamedTool,
    TextPart,
    Tool,
    ToolCall,
)
from llm_manager.domain.response import ComputedCost, LLMResponse, ReportedCost, UnknownCost, Usage
from llm_manager.domain.settings import KeySettings, LimiterSettings, RetryBudgetSettings
from llm_manager.domain.target import Target
from llm_manager.policies import bucket, key_ring, retry_budget
from llm_manager.policies.key_ring import Busy, Chosen, KeyState, Ring, choose, given_back
from llm_manager.policies.pricing import price_of
from llm_manager.policies.schema_mode import fitted, mode_for, unfitted
from llm_manager.policies.strict_schema import answer_format
from llm_manager.policies.tokens import prompt_tokens, text_tokens

KEYS = KeySettings()
LIMITS = LimiterSettings(requests_per_minute=60, tokens_per_minute=600)


def test_a_retry_budget_allows_ten_and_then_one_for_ten_successes() -> None:
    balance = retry_budget.full(0.0, RetryBudgetSettings(per_second=0.0))
    settings = RetryBudgetSettings(per_second=0.0)
    spent = 0
    for _ in range(20):
        balance, enough = retry_budget.spend(balance, 0.0, settings)
        spent += enough
    assert spent == 10
    for _ in range(10):
        assert not retry_budget.spend(balance, 0.0, settings)[1]
        balance = retry_budget.earn(balance, 0.0, settings)
    assert retry_budget.spend(balance, 0.0, settings)[1]


def test_a_retry_budget_refills_by_a_tenth_a_second() -> None:
    empty = retry_budget.Balance(0.0, 0.0)
    assert not retry_budget.spend(empty, 9.0, RetryBudgetSettings())[1]
    assert retry_budget.spend(empty, 10.0, RetryBudgetSettings())[1]


def test_a_full_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    levels = bucket.changed(bucket.full(0.0, LIMITS), -60, 0, LIMITS)
    assert bucket.wait_s(levels, bucket.Need(tokens=0), LIMITS) == 1.0
    assert bucket.wait_s(bucket.refilled(levels, 1.0, LIMITS), bucket.Need(tokens=0), LIMITS) == 0.0


def test_both_buckets_must_hold_enough() -> None:
    levels = bucket.changed(bucket.full(0.0, LIMITS), 0, -600, LIMITS)
    assert bucket.wait_s(levels, bucket.Need(tokens=300), LIMITS) == 30.0


def test_a_need_above_capacity_never_fits() -> None:
    assert bucket.wait_s(bucket.full(0.0, LIMITS), bucket.Need(tokens=601), LIMITS) == bucket.TooLarge(600)


def test_a_debt_is_waited_for() -> None:
    levels = bucket.changed(bucket.full(0.0, LIMITS), 0, -900, LIMITS)
    assert bucket.wait_s(levels, bucket.Need(tokens=100), LIMITS) == 40.0


def test_a_rounding_error_is_not_waited_for() -> None:
    almost = bucket.Levels(requests=60.0, tokens=300.0 - 1e-9, at_s=1e6)
    assert bucket.wait_s(almost, bucket.Need(tokens=300), LIMITS) == 0.0


def test_what_overflows_while_the_other_bucket_is_waited_for_is_lost() -> None:
    limits = LimiterSettings(requests_per_minute=1, tokens_per_minute=6000)
    empty = bucket.Levels(requests=1.0, tokens=0.0, at_s=0.0)
    first = bucket.served(empty, bucket.Need(tokens=6000), limits)
    assert first == bucket.Levels(requests=0.0, tokens=0.0, at_s=60.0)
    assert bucket.served(first, bucket.Need(tokens=0), limits).at_s == 120.0


def test_without_a_limit_nothing_waits() -> None:
    free = LimiterSettings()
    assert bucket.wait_s(bucket.full(0.0, free), bucket.Need(tokens=1e12), free) == 0.0


def test_keys_take_turns() -> None:
    ring = Ring((KeyState(), KeyState(), KeyState()))
    order: list[int] = []
    for _ in range(4):
        ring, choice = choose(ring, "m", 0.0, KEYS)
        assert isinstance(choice, Chosen)
        order.append(choice.index)
    assert order == [0, 1, 2, 0]


def test_a_key_has_five_calls_in_flight_at_most() -> None:
    ring, choice = choose(Ring((KeyState(in_flight=5),)), "m", 0.0, KEYS)
    assert isinstance(choice, Busy)
    assert isinstance(choose(given_back(ring, 0, "m", None, 0.0, KEYS), "m", 0.0, KEYS)[1], Chosen)


def test_a_key_that_rests_is_passed_over_and_the_longer_rest_wins() -> None:
    ring = Ring((KeyState(), KeyState()))
    ring = given_back(ring, 0, "m", RateLimitExceeded("m", 60.0), 0.0, KEYS)
    ring = given_back(ring, 0, "m", RateLimitExceeded("m", 5.0), 1.0, KEYS)
    assert choose(ring, "m", 10.0, KEYS)[1] == Chosen(1)
    assert choose(replace(ring, turn=0), "m", 61.0, KEYS)[1] == Chosen(0)


def test_when_all_rest_the_soonest_recovery_is_told() -> None:
    ring = given_back(Ring((KeyState(), KeyState())), 0, "m", RateLimitExceeded("m", 60.0), 0.0, KEYS)
    ring = given_back(ring, 1, "m", RateLimitExceeded("m", 20.0), 0.0, KEYS)
    refusal = choose(ring, "m", 5.0, KEYS)[1]
    assert isinstance(refusal, RateLimitExceeded)
    assert refusal.retry_after_s == 15.0


def test_a_key_rests_for_a_day_at_most_whatever_the_vendor_says() -> None:
    ring = given_back(Ring((KeyState(),)), 0, "m", RateLimitExceeded("m", 2.5e11), 0.0, KEYS)
    assert isinstance(choose(ring, "m", 86_399.0, KEYS)[1], RateLimitExceeded)
    assert isinstance(choose(ring, "m", 86_400.0, KEYS)[1], Chosen)


def test_a_refused_key_is_disabled_and_a_forbidden_one_for_its_model() -> None:
    refused = given_back(Ring((KeyState(),)), 0, "m", AuthenticationFailed("m", message="bad key"), 0.0, KEYS)
    assert choose(refused, "m", 9e9, KEYS)[1] == AuthenticationFailed("m", message="bad key")
    forbidden = given_back(Ring((KeyState(),)), 0, "m", AuthenticationFailed("m", forbidden=True), 0.0, KEYS)
    assert isinstance(choose(forbidden, "m", 0.0, KEYS)[1], AuthenticationFailed)
    assert isinstance(choose(forbidden, "other", 0.0, KEYS)[1], Chosen)


def test_a_key_without_quota_rests_for_an_hour_and_says_why() -> None:
    ring = given_back(Ring((KeyState(),)), 0, "m", QuotaExhausted("m"), 0.0, KEYS)
    assert isinstance(choose(ring, "m", 3599.0, KEYS)[1], QuotaExhausted)
    assert isinstance(choose(ring, "m", key_ring.QUOTA_REST_S, KEYS)[1], Chosen)


def test_keys_of_one_account_rest_together_and_those_of_another_do_not() -> None:
    ring = given_back(key_ring.ring_of(4, ("a", "b", "a")), 0, "m", RateLimitExceeded("m", 60.0), 0.0, KEYS)
    assert [key.rests_until_s for key in ring.keys] == [60.0, 0.0, 60.0, 0.0]
    ring = given_back(ring, 3, "m", RateLimitExceeded("m", 5.0), 0.0, KEYS)
    assert [key.rests_until_s for key in ring.keys] == [60.0, 0.0, 60.0, 5.0]


def test_a_key_refused_for_itself_leaves_the_others_of_its_account_alone() -> None:
    ring = given_back(key_ring.ring_of(2, ("a", "a")), 0, "m", AuthenticationFailed("m"), 0.0, KEYS)
    assert choose(ring, "m", 0.0, KEYS)[1] == Chosen(1)


def test_an_error_of_the_network_says_nothing_about_the_key() -> None:
    ring = given_back(Ring((KeyState(in_flight=1),)), 0, "m", NetworkError("m"), 0.0, KEYS)
    assert ring == Ring((KeyState(),))


PRICED = ModelFacts(
    name="m",
    provider="openai",
    price=Price(prompt_usd=2.0, completion_usd=10.0, cached_usd=0.5, as_of="2026-11-21", source="test"),
)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(prompt_tokens=1000, completion_tokens=100), ComputedCost(0.003)),
        (Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=400), ComputedCost(0.0024)),
        (Usage(prompt_tokens=None, completion_tokens=100), UnknownCost()),
        (Usage(prompt_tokens=1, completion_tokens=1, cost=ReportedCost(7.0)), ReportedCost(7.0)),
    ],
)
def test_cached_tokens_have_their_own_price_and_what_is_unknown_is_not_zero(usage: Usage, cost: object) -> None:
    assert price_of(PRICED, usage) == cost


def test_without_a_price_the_cost_is_unknown() -> None:
    assert price_of(ModelFacts(name="m", provider="p"), Usage(prompt_tokens=1, completion_tokens=1)) == UnknownCost()


def test_where_cached_tokens_have_no_price_of_their_own_they_cost_the_full_one() -> None:
    assert PRICED.price is not None
    dear = replace(PRICED, price=replace(PRICED.price, cached_usd=None))
    usage = Usage(prompt_tokens=1000, completion_tokens=0, cached_tokens=1000)
    assert price_of(dear, usage) == ComputedCost(0.002)


def test_the_estimate_counts_everything_that_is_sent() -> None:
    bare = prompt_tokens(LLMRequest(prompt="hello world!"))
    assert bare == 7
    full = LLMRequest(
        prompt="hello world!",
        system_prompt="be kind",
        messages=(
            Message(role="user", content=(TextPart("look"), ImagePart(url="https://x/y.png"))),
            Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments="{}"),)),
        ),
        context={"a": [1, 2]},
        tools=(Tool(name="f", description="does", parameters={"type": "object"}),),
    )
    assert prompt_tokens(full) > 1000 + bare


def test_text_that_is_not_ascii_counts_a_token_a_character() -> None:
    assert text_tokens("日本") == 2
    assert text_tokens("ab日") == 2


SCHEMA = JsonSchema(schema={"type": "object", "properties": {"a": {"type": "integer"}}})
ASKED = LLMRequest(prompt="x", response_format=SCHEMA, system_prompt="be short")


def able(*capabilities: Capability, provider: str = "openai") -> Target:
    facts = ModelFacts(name="m", provider=provider, capabilities=frozenset(capabilities))
    return Target(model="m", provider=PROVIDERS[provider], facts=facts, service=provider, base_url="", key="k")


def test_a_schema_is_put_in_the_strongest_form_the_model_has() -> None:
    assert mode_for(ASKED, able("json_schema", "tools")) == "json_schema"
    assert mode_for(ASKED, able("tools", "json_mode")) == "tool"
    assert mode_for(ASKED, able("tools", "json_mode", provider="ollama")) == "json_mode", "no tool must be called there"
    assert mode_for(replace(ASKED, tools=(Tool(name="f"),)), able("tools", "json_mode")) == "json_mode"
    assert mode_for(ASKED, able()) == "prompt"
    assert mode_for(LLMRequest(prompt="x"), able()) is None
    assert mode_for(LLMRequest(prompt="x", response_format=JsonMode()), able("json_schema")) == "prompt"


def test_as_a_tool_the_schema_is_what_the_model_must_call_and_its_arguments_the_answer() -> None:
    sent = fitted(ASKED, "tool")
    assert sent.tool_choice == NamedTool("answer")
    assert [tool.parameters for tool in sent.tools] == [SCHEMA.schema]
    called = LLMResponse(
        content="", model="m", finish_reason="tool_calls", tool_calls=(ToolCall(id="1", name="answer", arguments="{}"),)
    )
    assert unfitted(called, ASKED, "tool") == LLMResponse(content="{}", model="m", finish_reason="stop")
    ignored = LLMResponse(content="text", model="m")
    assert unfitted(ignored, ASKED, "tool") is ignored
    assert unfitted(called, ASKED, "prompt") is called


def test_in_words_the_schema_stands_in_the_system_prompt() -> None:
    said = fitted(ASKED, "prompt").system_prompt or ""
    assert said.startswith("be short")
    assert '"integer"' in said
    assert fitted(replace(ASKED, system_prompt=None), "json_mode").response_format == JsonMode()
    assert "JSON object" in (fitted(LLMRequest(prompt="x", response_format=JsonMode()), "prompt").system_prompt or "")
    assert fitted(ASKED, "json_schema") is ASKED


def test_a_schema_whose_fields_are_all_required_is_closed_and_strict() -> None:
    asked = answer_format({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
    assert asked.strict
    assert asked.schema["additionalProperties"] is False


def test_a_schema_with_an_optional_field_is_not_called_strict() -> None:
    assert not answer_format({"type": "object", "properties": {"a": {"type": "integer"}}}).strict


def test_a_schema_that_is_no_object_is_put_under_one() -> None:
    asked = answer_format({"type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"type": "integer"}}})
    assert asked.schema["properties"] == {"value": {"type": "array", "items": {"$ref": "#/$defs/A"}}}
    assert asked.schema["$defs"] == {"A": {"type": "integer"}}
    assert answer_format({"type": "boolean"}).strict
