"""Laws of what was used: it is counted once, at one price, whether it is called an answer or a failure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import LLMError, from_json, to_json
from llm_manager.adapters.dialects import anthropic_answers, gemini_answers, openai_answers
from llm_manager.domain.catalog import PROVIDERS, ModelFacts, Price
from llm_manager.domain.paid import NOTHING_TOLD, Payable, paid_for, usage_of, with_usage
from llm_manager.domain.request import LLMRequest, Preferences
from llm_manager.domain.response import ComputedCost, LLMResponse, ReportedCost, UnknownCost, Usage
from llm_manager.domain.target import Target
from llm_manager.policies.asked import Written, asked_of, reserved_tokens, sent_tokens, settled, usage_so_far
from property_tests.histories import errors

counts = st.none() | st.integers(0, 10**6)
usages = st.builds(
    Usage,
    prompt_tokens=counts,
    completion_tokens=counts,
    cached_tokens=counts,
    cache_write_tokens=counts,
    reasoning_tokens=counts,
    total_tokens=counts,
    service_tier=st.sampled_from([None, "default", "flex"]),
    cost=st.one_of(
        st.just(UnknownCost()), st.builds(ReportedCost, st.floats(0, 9)), st.builds(ComputedCost, st.floats(0, 9))
    ),
    estimated=st.booleans(),
)
PRICE = Price(prompt_usd=2.0, completion_usd=10.0, cached_usd=0.5, as_of="2026-11-30", source="test")
FACTS = ModelFacts(name="m", provider="openai", price=PRICE, max_output_tokens=1000)
TARGET = Target(model="m", provider=PROVIDERS["openai"], facts=FACTS, service="openai", base_url="", key="k")
ASKED = asked_of(LLMRequest(prompt="hi"), TARGET)


@given(errors, usages)
def test_an_error_is_read_back_with_what_it_used(error: LLMError, usage: Usage) -> None:
    told = with_usage(error, usage)
    assert from_json(LLMError, to_json(told)) == Success(told)


@given(errors, usages, usages)
def test_what_an_error_has_used_is_said_once(error: LLMError, usage: Usage, other: Usage) -> None:
    told = with_usage(error, usage)
    if not isinstance(error, Payable) or usage == NOTHING_TOLD:
        assert told is error
    else:
        assert usage_of(told) == usage
        assert with_usage(told, other) is told


@given(errors.filter(lambda error: isinstance(error, Payable)), usages.filter(lambda usage: usage != NOTHING_TOLD))
def test_a_failure_costs_what_the_same_answer_costs(error: LLMError, usage: Usage) -> None:
    answer = settled(ASKED, Success(LLMResponse(content="", model="m", usage=usage)))
    failed = settled(ASKED, paid_for(Failure(error), usage))
    assert usage_of(failed.failure()) == answer.unwrap().usage


@given(usages, st.text(max_size=99), st.text(max_size=99), st.text(max_size=99))
def test_more_that_was_written_never_costs_less(told: Usage, text: str, more: str, reasoning: str) -> None:
    some, all_ = (usage_so_far(ASKED, told, Written(each, reasoning)) for each in (text, text + more))
    assert (some.completion_tokens or 0) <= (all_.completion_tokens or 0)
    assert all_.total_tokens == (all_.prompt_tokens or 0) + (all_.completion_tokens or 0)


claude_usages = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ["input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"],
        st.none() | st.integers(0, 99),
    ),
)


@given(st.lists(claude_usages, min_size=1, max_size=4), claude_usages)
def test_no_later_usage_of_anthropic_takes_a_count_away_and_the_same_again_changes_nothing(
    told: list[Mapping[str, int | None]], last: Mapping[str, int | None]
) -> None:
    before = reduce(lambda usage, each: anthropic_answers.usage_of(each, usage), told, Usage())
    after = anthropic_answers.usage_of(last, before)
    assert (before.prompt_tokens or 0) <= (after.prompt_tokens or 0)
    assert (before.completion_tokens or 0) <= (after.completion_tokens or 0)
    assert (after.cached_tokens or 0) + (after.cache_write_tokens or 0) <= (after.prompt_tokens or 10**9)
    assert anthropic_answers.usage_of(last, after) == after


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.none() | st.integers(-9, 3 * 10**6), counts, counts)
def test_a_total_that_counts_more_is_believed_and_one_that_counts_less_is_not(
    prompt: int, completion: int, total: int | None, cached: int | None, reasoned: int | None
) -> None:
    wanted = max(prompt + completion, total or 0)
    usage = openai_answers.usage_of(
        {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoned},
        },
        None,
    )
    assert usage.total_tokens == wanted == (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
    assert (usage.prompt_tokens or 0) >= prompt
    assert (usage.completion_tokens or 0) >= completion
    google = gemini_answers.usage_of(
        {"promptTokenCount": prompt, "candidatesTokenCount": completion, "totalTokenCount": total}
    )
    assert (google.prompt_tokens, google.total_tokens) == (prompt, wanted)


@given(st.text("ab", max_size=5000), st.none() | st.integers(1, 3000), st.none() | st.integers(1, 3000))
def test_a_limiter_reserves_the_prompt_and_the_longest_answer_and_never_the_impossible_on_its_own(
    prompt: str, max_tokens: int | None, capacity: int | None
) -> None:
    request = LLMRequest(prompt=prompt, preferences=Preferences(max_tokens=max_tokens))
    likely = sent_tokens(request, TARGET).likely
    most = reserved_tokens(request, TARGET, likely, None)
    reserved = reserved_tokens(request, TARGET, likely, capacity)
    alone = most - (max_tokens or 1000)
    assert alone <= reserved <= most
    if max_tokens is not None or capacity is None or most <= capacity:
        assert reserved == most
    else:
        assert reserved == max(alone, capacity)
