"""What a vendor says was used, in our words: above all what makes it dearer."""

from __future__ import annotations

import json

import pytest

from llm_manager import HttpSettings, KeySettings, LLMConfig, Secret, Usage
from llm_manager.adapters.dialects import anthropic_answers, gemini_answers, openai_answers
from llm_manager.adapters.dialects.openai_stream import CompletionReader
from llm_manager.domain.response import Cost, ReportedCost, UnknownCost
from llm_manager.policies.targets import resolve

CONFIG = LLMConfig(keys=KeySettings(providers={"openai": (Secret("k"),)}), http=HttpSettings())


def test_an_hour_in_the_cache_is_told_apart_from_what_else_was_written_to_it() -> None:
    told = {
        "input_tokens": 10,
        "cache_creation_input_tokens": 600,
        "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 400},
        "output_tokens": 5,
        "service_tier": "standard",
    }
    assert anthropic_answers.usage_of(told) == Usage(
        prompt_tokens=610,
        completion_tokens=5,
        cache_write_tokens=600,
        cache_hour_tokens=400,
        total_tokens=615,
        service_tier="standard",
    )


def test_what_a_stream_told_at_its_beginning_is_kept_to_its_end() -> None:
    begun = anthropic_answers.usage_of(
        {
            "input_tokens": 1,
            "output_tokens": 1,
            "cache_creation_input_tokens": 4,
            "cache_creation": {"ephemeral_1h_input_tokens": 4},
            "service_tier": "priority",
        }
    )
    ended = anthropic_answers.usage_of({"output_tokens": 9}, begun)
    assert (ended.cache_hour_tokens, ended.service_tier, ended.completion_tokens) == (4, "priority", 9)


def test_fast_mode_is_a_class_of_service_and_the_region_is_kept_to_the_end_of_a_stream() -> None:
    begun = anthropic_answers.usage_of(
        {"input_tokens": 1, "output_tokens": 1, "speed": "fast", "service_tier": "standard", "inference_geo": "us"}
    )
    ended = anthropic_answers.usage_of({"output_tokens": 9, "service_tier": "standard"}, begun)
    assert (begun.service_tier, begun.region) == (ended.service_tier, ended.region) == ("fast", "us")


@pytest.mark.parametrize("tier", ["flex", None])
def test_the_service_stands_beside_the_usage_in_an_answer_and_in_a_chunk(tier: str | None) -> None:
    target = resolve(CONFIG, "gpt-4o").unwrap()
    counted = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    choice = {"index": 0, "finish_reason": "stop"}
    answer = {"choices": [{**choice, "message": {"content": "x"}}], "usage": counted, "service_tier": tier}
    usage = Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5, service_tier=tier)
    assert openai_answers.response_of(answer, {}, target).unwrap().usage == usage
    reader = CompletionReader({}, target)
    reader.read(json.dumps({"choices": [{**choice, "delta": {"content": "x"}}], "service_tier": tier}).encode())
    reader.read(json.dumps({"choices": [], "usage": counted, "service_tier": tier}).encode())
    assert reader.usage == usage


START = {"input_tokens": 9, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 17_002, "output_tokens": 1}
WHOLE = Usage(
    prompt_tokens=17_111, completion_tokens=50, cached_tokens=17_002, cache_write_tokens=100, total_tokens=17_161
)


@pytest.mark.parametrize(
    "end",
    [
        {"output_tokens": 50},
        {"output_tokens": 50, "input_tokens": 9},
        {"output_tokens": 50, "input_tokens": 0},
        {"output_tokens": 50, "cache_read_input_tokens": 17_002},
        {"output_tokens": 50, "cache_creation_input_tokens": 100},
        {"output_tokens": 50, "input_tokens": None, "cache_read_input_tokens": None},
        {"output_tokens": 50, "input_tokens": 9, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0},
        {**START, "output_tokens": 50},
    ],
)
def test_an_end_that_names_some_of_the_counts_keeps_the_others_of_the_beginning(end: dict[str, int | None]) -> None:
    assert anthropic_answers.usage_of(end, anthropic_answers.usage_of(START)) == WHOLE


@pytest.mark.parametrize(
    ("start", "end", "usage"),
    [
        (
            {"input_tokens": 0, "output_tokens": 0},
            {"input_tokens": 1000, "output_tokens": 50},
            Usage(prompt_tokens=1000, completion_tokens=50, total_tokens=1050),
        ),
        (
            {"input_tokens": 1000, "output_tokens": 1},
            {"input_tokens": 10, "cache_read_input_tokens": 990, "output_tokens": 50},
            Usage(prompt_tokens=1000, cached_tokens=990, completion_tokens=50, total_tokens=1050),
        ),
        (
            {"input_tokens": 10, "output_tokens": 50},
            {"output_tokens": 0},
            Usage(prompt_tokens=10, completion_tokens=50, total_tokens=60),
        ),
        (
            {},
            {"input_tokens": 10, "output_tokens": 50},
            Usage(prompt_tokens=10, completion_tokens=50, total_tokens=60),
        ),
        ({"input_tokens": 10}, {}, Usage(prompt_tokens=10)),
    ],
    ids=["late", "told apart late", "forgotten", "only at the end", "never ended"],
)
def test_of_two_counts_the_larger_is_the_later_one(start: dict[str, int], end: dict[str, int], usage: Usage) -> None:
    assert anthropic_answers.usage_of(end, anthropic_answers.usage_of(start)) == usage


def counted(**told: object) -> tuple[int | None, int | None, int | None]:
    usage = openai_answers.usage_of(told, None)
    return usage.prompt_tokens, usage.completion_tokens, usage.total_tokens


@pytest.mark.parametrize(
    ("total", "details", "found"),
    [
        (2603, {}, (2000, 603, 2603)),
        (2603, {"prompt_tokens_details": {"cached_tokens": 1000}}, (2000, 603, 2603)),
        (2603, {"prompt_tokens_details": None, "completion_tokens_details": None}, (2000, 603, 2603)),
        (2603, {"completion_tokens_details": {"reasoning_tokens": 405}}, (2000, 603, 2603)),
        (
            2603,
            {
                "prompt_tokens_details": {"cached_tokens": 405},
                "completion_tokens_details": {"reasoning_tokens": 405},
            },
            (2000, 603, 2603),
        ),
        (2603, {"prompt_tokens_details": {"cached_tokens": 405}}, (2405, 198, 2603)),
        (7203, {"prompt_tokens_details": {"cached_tokens": 5000}}, (7000, 203, 7203)),
        (2198, {"completion_tokens_details": {"reasoning_tokens": 100}}, (2000, 198, 2198)),
        (1, {}, (2000, 198, 2198)),
        (-5, {}, (2000, 198, 2198)),
        ("many", {}, (2000, 198, 2198)),
        (10**12, {}, (2000, 198, 2198)),
        (None, {}, (2000, 198, 2198)),
    ],
    ids=[
        "thoughts in the total alone",
        "beside a cache",
        "details of null",
        "thoughts told too",
        "as many as were cached",
        "a prompt without its cached tokens",
        "a cache larger than the prompt",
        "a total that equals",
        "a total that is smaller",
        "a negative one",
        "a text",
        "an absurd one",
        "none",
    ],
)
def test_what_only_the_total_counts_is_output_unless_it_is_what_was_cached(
    total: object, details: dict[str, object], found: tuple[int, int, int]
) -> None:
    assert counted(prompt_tokens=2000, completion_tokens=198, total_tokens=total, **details) == found


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, (0, 0, 0)),
        ({"prompt_tokens": 2000, "total_tokens": 2603}, (2000, 603, 2603)),
        ({"prompt_tokens": 2000, "total_tokens": 2000}, (2000, None, 2000)),
        ({"prompt_tokens": 10**400, "completion_tokens": 1}, (None, 1, None)),
    ],
)
def test_a_count_that_was_told_is_kept_and_one_that_was_not_comes_of_the_total(
    told: dict[str, int], found: tuple[int | None, int | None, int | None]
) -> None:
    assert counted(**told) == found


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"candidatesTokenCount": 198, "thoughtsTokenCount": 405, "totalTokenCount": 2603}, (2000, 603, 2603)),
        ({"candidatesTokenCount": 198, "totalTokenCount": 2603}, (2000, 603, 2603)),
        ({"candidatesTokenCount": 198, "totalTokenCount": 2603, "cachedContentTokenCount": 405}, (2000, 603, 2603)),
        ({"candidatesTokenCount": 198, "totalTokenCount": 2198}, (2000, 198, 2198)),
        ({"candidatesTokenCount": 198, "totalTokenCount": 7}, (2000, 198, 2198)),
        ({"totalTokenCount": 2000}, (2000, 0, 2000)),
        ({}, (2000, None, None)),
    ],
)
def test_geminis_thoughts_are_output_where_its_total_alone_counts_them(
    counts: dict[str, int], found: tuple[int | None, int | None, int | None]
) -> None:
    usage = gemini_answers.usage_of({"promptTokenCount": 2000, **counts})
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == found


UPSTREAM = {"upstream_inference_cost": 0.036}


@pytest.mark.parametrize(
    ("told", "cost"),
    [
        ({"cost": 0.25}, ReportedCost(0.25)),
        ({"cost": 0}, ReportedCost(0.0)),
        ({"cost": 0, "is_byok": True, "cost_details": UPSTREAM}, ReportedCost(0.036)),
        ({"cost": 0, "cost_details": UPSTREAM}, ReportedCost(0.036)),
        ({"cost": 0.001, "is_byok": True, "cost_details": UPSTREAM}, ReportedCost(0.001 + 0.036)),
        ({"cost": 0.25, "is_byok": False, "cost_details": UPSTREAM}, ReportedCost(0.25)),
        ({"cost": 0.25, "cost_details": {"upstream_inference_cost": None}}, ReportedCost(0.25)),
        ({"cost": 0, "is_byok": True}, UnknownCost()),
        ({"cost": 0.001, "is_byok": True, "cost_details": {"upstream_inference_cost": None}}, UnknownCost()),
        ({"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": -1}}, UnknownCost()),
        ({"cost": -1}, UnknownCost()),
        ({"cost": True}, UnknownCost()),
        ({"cost": "0.25"}, UnknownCost()),
        ({"cost": 10**400}, UnknownCost()),
        ({}, UnknownCost()),
    ],
)
def test_with_a_key_of_ones_own_the_cost_is_what_the_vendor_behind_the_gateway_charged(
    told: dict[str, object], cost: Cost
) -> None:
    assert openai_answers.usage_of(told, None).cost == cost
