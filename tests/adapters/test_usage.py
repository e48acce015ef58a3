"""What a vendor says was used, in our words: above all what makes it dearer."""

from __future__ import annotations

import json

import pytest

from llm_manager import HttpSettings, KeySettings, LLMConfig, Secret, Usage
from llm_manager.adapters.dialects import anthropic_answers, openai_answers
from llm_manager.adapters.dialects.openai_stream import CompletionReader
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
