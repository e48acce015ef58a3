"""The model that an answer names is kept beside the one that was asked, whole and streamed, on every wire."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from returns.result import Success

from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.adapters.observers.otel.attributes import answered
from llm_manager.adapters.observers.otel.names import NEWEST
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.events import AttemptFinished
from llm_manager.domain.masking import Mask
from llm_manager.domain.response import Attempt, LLMResponse, ResponseMetadata
from llm_manager.domain.target import Target

DIALECTS: Mapping[str, Dialect] = {
    "anthropic": anthropic.DIALECT,
    "gemini": gemini.DIALECT,
    "ollama": ollama.DIALECT,
    "openai": openai.DIALECT,
}
SERVED = "m-1-2026-08-06"

_CHOICE = {"index": 0, "finish_reason": "stop"}
_CANDIDATE = {"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}
_LINE = {"message": {"role": "assistant", "content": "hi"}, "done": True, "done_reason": "stop"}

WHOLE: Mapping[str, dict[str, Any]] = {
    "openai": {"model": SERVED, "choices": [{**_CHOICE, "message": {"content": "hi"}}]},
    "anthropic": {"model": SERVED, "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"},
    "gemini": {"modelVersion": SERVED, "candidates": [_CANDIDATE]},
    "ollama": {"model": SERVED, **_LINE},
}
PIECES: Mapping[str, list[dict[str, Any]]] = {
    "openai": [
        {"id": "", "model": "", "choices": []},  # as Azure begins
        {"id": "c1", "model": SERVED, "choices": [{**_CHOICE, "delta": {"content": "hi"}}]},
        {"id": "c1", "model": "another", "choices": []},
    ],
    "anthropic": [
        {"type": "message_start", "message": {"id": "c1", "model": SERVED}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "hi"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        {"type": "message_stop"},
    ],
    "gemini": [{"modelVersion": SERVED, "candidates": [_CANDIDATE]}],
    "ollama": [{"model": SERVED, **_LINE}],
}


def target(wire: str) -> Target:
    facts = ModelFacts(name="m-1", provider=wire)
    return Target(model="m-1", provider=PROVIDERS[wire], facts=facts, service=wire, base_url="https://x", key="k")


def names(answer: LLMResponse) -> tuple[str, str | None]:
    return answer.model, answer.metadata.served_model


@pytest.mark.parametrize("wire", DIALECTS)
def test_a_whole_answer_names_the_model_that_gave_it(wire: str) -> None:
    answer = DIALECTS[wire].read_answer(200, {}, json.dumps(WHOLE[wire]).encode(), target(wire)).unwrap()
    assert names(answer) == ("m-1", SERVED)


@pytest.mark.parametrize("wire", DIALECTS)
def test_a_streamed_answer_names_the_model_that_gave_it(wire: str) -> None:
    reader = DIALECTS[wire].reader({}, target(wire))
    for piece in PIECES[wire]:
        assert isinstance(reader.read(json.dumps(piece).encode()), Success)
    assert names(reader.end().unwrap()) == ("m-1", SERVED)


@pytest.mark.parametrize("wire", DIALECTS)
def test_an_answer_that_names_no_model_says_so(wire: str) -> None:
    nameless = {name: value for name, value in WHOLE[wire].items() if value != SERVED}
    answer = DIALECTS[wire].read_answer(200, {}, json.dumps(nameless).encode(), target(wire)).unwrap()
    assert names(answer) == ("m-1", None)


@pytest.mark.parametrize(("served", "told"), [(SERVED, SERVED), (None, "m-1")])
def test_the_span_names_the_model_that_was_served_where_the_answer_does(served: str | None, told: str) -> None:
    answer = LLMResponse(content="hi", model="m-1", metadata=ResponseMetadata(served_model=served))
    event = AttemptFinished(at_s=1.0, attempt=Attempt(model="m-1", provider="openai"), error=None, answer=answer)
    assert answered(event, NEWEST, Mask(()), with_text=False)["gen_ai.response.model"] == told
