"""An answer that is called a failure has been paid for: what its vendor told of it is in the error, on every wire.

The shapes are those of the types of openai 3.54 (``CompletionUsage``), anthropic 2.12 (``Usage``,
``MessageDeltaUsage``), google-genai 3.4 (``GenerateContentResponseUsageMetadata``) and ollama 0.6.3
(``BaseGenerateResponse``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from returns.result import Failure

from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.adapters.dialects.dialect import AnswerReader, Dialect
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.errors import LLMError
from llm_manager.domain.paid import usage_of
from llm_manager.domain.response import Usage
from llm_manager.domain.target import Target

DIALECTS: Mapping[str, Dialect] = {
    "openai": openai.DIALECT,
    "anthropic": anthropic.DIALECT,
    "gemini": gemini.DIALECT,
    "ollama": ollama.DIALECT,
}
TOLD = Usage(prompt_tokens=1000, completion_tokens=200, total_tokens=1200)
OPENAI = {"usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}}
CLAUDE = {"usage": {"input_tokens": 1000, "output_tokens": 200}}
GEMINI = {"usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 200, "totalTokenCount": 1200}}
OLLAMA = {"prompt_eval_count": 1000, "eval_count": 200}


def target(name: str) -> Target:
    facts = ModelFacts(name="m", provider=name)
    return Target(model="m", provider=PROVIDERS[name], facts=facts, service=name, base_url="https://x", key="k")


def choice(finish: str, text: str | None = None) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}], **OPENAI}


def candidate(finish: str, **content: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [content] if content else []}, "finishReason": finish}], **GEMINI}


WHOLE: Sequence[tuple[str, Mapping[str, Any], str]] = [
    ("openai", choice("content_filter", "half"), "ContentFiltered"),
    ("openai", choice("stop"), "MalformedResponse"),
    ("openai", {"choices": [], **OPENAI}, "MalformedResponse"),
    ("openai", {"error": {"code": 503, "message": "down"}, **OPENAI}, "ServerError"),
    ("anthropic", {"content": [], "stop_reason": "end_turn", **CLAUDE}, "MalformedResponse"),
    ("gemini", candidate("SAFETY", text="half"), "ContentFiltered"),
    ("gemini", candidate("MALFORMED_FUNCTION_CALL"), "MalformedResponse"),
    ("gemini", candidate("PUP_LIMITED_DISABLED"), "AuthenticationFailed"),
    ("gemini", candidate("STOP"), "MalformedResponse"),
    ("gemini", candidate("STOP", functionCall={"args": {}}), "MalformedResponse"),
    ("gemini", GEMINI, "MalformedResponse"),
    ("gemini", {"promptFeedback": {"blockReason": "SAFETY"}, **GEMINI}, "ContentFiltered"),
    ("gemini", {"error": {"code": 503}, **GEMINI}, "ServerError"),
    ("ollama", {"message": {"content": ""}, "done": True, "done_reason": "stop", **OLLAMA}, "MalformedResponse"),
    ("ollama", {"error": "out of memory", **OLLAMA}, "ServerError"),
]


def used(error: LLMError) -> tuple[str, Usage | None]:
    return error.tag, usage_of(error)


@pytest.mark.parametrize(("name", "body", "tag"), WHOLE)
def test_what_an_answer_used_that_is_called_a_failure_is_in_its_error(
    name: str, body: Mapping[str, Any], tag: str
) -> None:
    read = DIALECTS[name].read_answer(200, {}, json.dumps(body).encode(), target(name))
    assert used(read.failure()) == (tag, TOLD)


@pytest.mark.parametrize(("name", "body", "tag"), WHOLE)
def test_where_nothing_was_told_of_it_nothing_is_said(name: str, body: Mapping[str, Any], tag: str) -> None:
    silent = {key: value for key, value in body.items() if key not in {*OPENAI, *GEMINI, *OLLAMA}}
    read = DIALECTS[name].read_answer(200, {}, json.dumps(silent).encode(), target(name))
    assert used(read.failure()) == (tag, None)


def chunk(finish: str | None = None, **delta: str) -> dict[str, Any]:
    return {"choices": [{"delta": delta, "finish_reason": finish}]}


def claude(finish: str) -> list[dict[str, Any]]:
    return [
        {"type": "message_start", "message": {"usage": {"input_tokens": 1000, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {"stop_reason": finish}, "usage": {"output_tokens": 200}},
        {"type": "message_stop"},
    ]


STREAMED: Sequence[tuple[str, Sequence[Mapping[str, Any]], str]] = [
    ("openai", [chunk(content="half"), chunk("content_filter"), {"choices": [], **OPENAI}], "ContentFiltered"),
    ("openai", [chunk("stop"), {"choices": [], **OPENAI}], "MalformedResponse"),
    ("anthropic", claude("end_turn"), "MalformedResponse"),
    ("gemini", [candidate("SAFETY", text="half")], "ContentFiltered"),
    ("gemini", [candidate("MALFORMED_FUNCTION_CALL")], "MalformedResponse"),
    ("gemini", [{"promptFeedback": {"blockReason": "SAFETY"}, **GEMINI}], "ContentFiltered"),
    ("ollama", [{"message": {}, "done": True, "done_reason": "stop", **OLLAMA}], "MalformedResponse"),
    ("ollama", [{"error": "out of memory", **OLLAMA}], "ServerError"),
]


def played(name: str, frames: Sequence[Mapping[str, Any]]) -> tuple[AnswerReader, LLMError]:
    """The reader of a stream that fails, and what it fails with."""
    reader = DIALECTS[name].reader({}, target(name))
    for frame in frames:
        read = reader.read(json.dumps(frame).encode())
        if isinstance(read, Failure):
            return reader, read.failure()
    return reader, reader.end().failure()


@pytest.mark.parametrize(("name", "frames", "tag"), STREAMED)
def test_what_a_streamed_answer_used_that_is_called_a_failure_is_in_its_error(
    name: str, frames: Sequence[Mapping[str, Any]], tag: str
) -> None:
    _, error = played(name, frames)
    assert used(error) == (tag, TOLD)


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("openai", [chunk(content="half"), {"error": {"code": 503}, **OPENAI}]),
        ("anthropic", [*claude("end_turn")[:2], {"type": "error", "error": {"type": "overloaded_error"}}]),
        ("gemini", [{"error": {"code": 503}, **GEMINI}]),
    ],
)
def test_an_error_in_a_stream_takes_nothing_away_from_what_was_told_before_or_beside_it(
    name: str, frames: Sequence[Mapping[str, Any]]
) -> None:
    reader, error = played(name, frames)
    assert (error.tag, reader.usage) == ("ServerError", TOLD)


def test_a_count_that_a_later_piece_of_gemini_leaves_out_is_that_of_the_one_before() -> None:
    reader = gemini.DIALECT.reader({}, target("gemini"))
    reader.read(json.dumps({"usageMetadata": {"promptTokenCount": 1000, "cachedContentTokenCount": 400}}).encode())
    later = {"promptTokenCount": None, "candidatesTokenCount": 200, "totalTokenCount": 1200}
    reader.read(json.dumps({"usageMetadata": later}).encode())
    assert reader.usage == Usage(prompt_tokens=1000, completion_tokens=200, cached_tokens=400, total_tokens=1200)
