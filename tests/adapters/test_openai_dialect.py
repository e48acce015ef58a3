"""The OpenAI wire, as golden files: a request in and its body out, a body in and what it means out.

``pytest --golden-update`` writes the files anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llm_manager.adapters.dialects.openai import chat_fields
from llm_manager.adapters.dialects.openai_answers import read_answer, read_error, read_models
from llm_manager.adapters.dialects.openai_stream import CompletionReader
from llm_manager.adapters.dialects.rate_headers import retry_after_s
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.codec import to_json
from llm_manager.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLarge,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    ModelUnavailable,
    QuotaExhausted,
    RateLimitExceeded,
    ServerError,
)
from llm_manager.domain.models import MODELS
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import (
    ImagePart,
    JsonMode,
    JsonSchema,
    LLMRequest,
    Message,
    NamedTool,
    Preferences,
    TextPart,
    Tool,
    ToolCall,
)
from llm_manager.domain.stream import TextDelta
from llm_manager.domain.target import Target

GOLDEN = Path(__file__).parent.parent / "golden" / "openai"

TARGET = Target(
    model="gpt-4o",
    provider=PROVIDERS["openai"],
    facts=ModelFacts(name="gpt-4o", provider="openai", window_tokens=128_000),
    service="openai",
    base_url="https://api.openai.com/v1",
    key="k",
)
GROQ = replace(TARGET, provider=PROVIDERS["groq"])

REQUESTS = {
    "plain": (LLMRequest(prompt="hi"), TARGET),
    "everything": (
        LLMRequest(
            prompt="and now?",
            system_prompt="be short",
            context={"city": "Bern", "temperatures": [1, 2]},
            messages=(
                Message(role="user", content=(TextPart("what is this?"), ImagePart(url="https://x.example/a.png"))),
                Message(role="user", content=(ImagePart(data=b"\x89PNG", media_type="image/png"),)),
                Message(role="assistant", tool_calls=(ToolCall(id="c1", name="look", arguments='{"at":"sky"}'),)),
                Message(role="tool", content="blue", tool_call_id="c1"),
            ),
            tools=(Tool(name="look", description="looks", parameters={"type": "object"}), Tool(name="rest")),
            tool_choice=NamedTool("look"),
            response_format=JsonSchema(schema={"type": "object"}, name="weather"),
            preferences=Preferences(max_tokens=5, temperature=0, top_p=0.5, seed=0, stop=("a", "b")),
        ),
        TARGET,
    ),
    "json_mode_on_groq": (
        LLMRequest(prompt="x", response_format=JsonMode(), preferences=Preferences(max_tokens=5)),
        GROQ,
    ),
    "tools_required": (LLMRequest(prompt="x", tools=(Tool(name="f"),), tool_choice="required"), TARGET),
}

ANSWERS: dict[str, Any] = {
    "text": {
        "id": "chatcmpl-1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    },
    "tool_calls_without_usage": {
        "choices": [
            {
                "message": {
                    "content": None,
                    "tool_calls": [
                        {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                        {"id": "b", "type": "function", "function": {"name": "g", "arguments": '{"x":1}'}},
                    ],
                },
                "finish_reason": "tool_calls",
            }
        ]
    },
    "refusal": {"choices": [{"message": {"content": None, "refusal": "no"}, "finish_reason": "stop"}]},
    "length": {"choices": [{"message": {"content": "cut o"}, "finish_reason": "length"}]},
    "parts_and_a_cost": {
        "choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "cost": 0.25},
    },
}


def golden(name: str, text: str, *, update: bool) -> str:
    file = GOLDEN / f"{name}.json"
    if update:
        file.write_text(text + "\n", encoding="utf-8")
    return file.read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_is_written_as_the_golden_file_says(name: str, golden_update: bool) -> None:
    request, target = REQUESTS[name]
    wire = json.dumps(chat_fields(request, target), indent=2)
    assert wire == golden(f"request_{name}", wire, update=golden_update)


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_as_the_golden_file_says(name: str, golden_update: bool) -> None:
    body = json.dumps(ANSWERS[name]).encode()
    read = read_answer(200, {"x-request-id": "req_1"}, body, TARGET).unwrap()
    text = json.dumps(json.loads(to_json(read)), indent=2)
    assert text == golden(f"answer_{name}", text, update=golden_update)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", MalformedResponse("gpt-4o", "undecodable")),
        (b"<html>", MalformedResponse("gpt-4o", "undecodable")),
        (b"\xff", MalformedResponse("gpt-4o", "undecodable")),
        (b"[" * 1_000_000, MalformedResponse("gpt-4o", "unparsable")),
        (b'{"choices":NaN}', MalformedResponse("gpt-4o", "unparsable")),
        (b"[]", MalformedResponse("gpt-4o", "empty")),
        (b"{}", MalformedResponse("gpt-4o", "empty")),
        (b'{"choices":[]}', MalformedResponse("gpt-4o", "empty")),
        (b'{"choices":[{"message":{"content":null}}]}', MalformedResponse("gpt-4o", "empty")),
        (b'{"choices":[5]}', MalformedResponse("gpt-4o", "protocol")),
        (b'{"choices":[{"message":{"content":"x"},"finish_reason":"content_filter"}]}', ContentFiltered("gpt-4o", "x")),
        (b'{"error":{"message":"slow","code":"rate_limit_exceeded"}}', RateLimitExceeded("gpt-4o", None, "slow")),
        (b'{"error":{"message":"busy","code":503}}', ServerError("gpt-4o", 503, "busy")),
        (b'{"error":"it broke"}', ServerError("gpt-4o", 500, "it broke")),
    ],
)
def test_a_body_that_is_no_answer_says_what_it_is(body: bytes, error: LLMError) -> None:
    found = read_answer(200, {}, body, TARGET).failure()
    assert replace(found, message="") == replace(error, message="")
    assert error.message in found.message


def said(code: str | None, message: str = "why") -> bytes:
    return json.dumps({"error": {"message": message, "type": "t", "code": code}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, said(None), InvalidRequest((Problem("", "why"),), "gpt-4o refused it")),
        (400, b"", InvalidRequest((Problem("", "status 400"),), "gpt-4o refused it")),
        (400, said("content_filter"), ContentFiltered("gpt-4o", "why")),
        (401, said("invalid_api_key"), AuthenticationFailed("gpt-4o", message="why")),
        (402, said(None), QuotaExhausted("gpt-4o", "why")),
        (403, said(None), AuthenticationFailed("gpt-4o", forbidden=True, message="why")),
        (404, said("model_not_found"), ModelUnavailable("gpt-4o", "why")),
        (404, b"nothing here", ModelUnavailable("gpt-4o", "nothing here")),
        (408, said(None), ServerError("gpt-4o", 504, "why")),
        (413, said(None), InvalidRequest((Problem("", "why"),), "gpt-4o refused it")),
        (429, said(None), RateLimitExceeded("gpt-4o", None, "why")),
        (429, said("insufficient_quota"), QuotaExhausted("gpt-4o", "why")),
        (500, b'{"message": "flat"}', ServerError("gpt-4o", 500, "flat")),
        (529, said(None), ServerError("gpt-4o", 529, "why")),
    ],
)
def test_each_status_and_code_is_its_error(status: int, body: bytes, error: LLMError) -> None:
    assert read_error(status, {}, body, TARGET) == error


def test_a_context_that_is_too_large_is_told_with_the_vendors_figures_or_the_catalogs() -> None:
    words = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."
    told = read_error(400, {}, said("context_length_exceeded", words), TARGET)
    assert told == ContextTooLarge("gpt-4o", 9001, 8192, words)
    assert read_error(400, {}, said("context_length_exceeded"), TARGET) == ContextTooLarge(
        "gpt-4o", None, 128_000, "why"
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "3600"}, 3600.0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_stay_away_is_read_in_every_form_and_nonsense_is_ignored(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers) == seconds


def test_the_models_are_listed_and_a_list_that_is_none_is_told() -> None:
    assert read_models(200, {}, b'{"data":[{"id":"a"},{"id":5},{}]}', TARGET).unwrap() == ("a",)
    assert read_models(401, {}, b"", TARGET).failure() == AuthenticationFailed("gpt-4o")
    assert isinstance(read_models(200, {}, b"<html>", TARGET).failure(), MalformedResponse)


def piece(*calls: Mapping[str, Any]) -> bytes:
    return json.dumps({"choices": [{"delta": {"tool_calls": calls}}]}).encode()


@pytest.mark.parametrize(
    "pieces",
    [
        [
            piece({"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a"'}}),
            piece({"index": 0, "id": "b", "function": {"name": "g"}}),
        ],
        [
            piece({"index": 0, "id": "a", "function": {"name": "f"}}),
            piece({"index": 1, "id": "b", "function": {"name": "g"}}),
            piece({"index": 3, "function": {"arguments": "{}"}}),
        ],
        [piece({"index": 0, "function": {"arguments": "{}"}})],
        [piece({"function": {"arguments": "{}"}})],
        [piece({"index": 0, "function": {"name": "f"}}), *[piece({"index": 0, "function": {"name": "n" * 90}})] * 3],
    ],
    ids=["two names", "a gap", "no beginning", "no index and no beginning", "a name without an end"],
)
def test_tool_calls_out_of_order_are_against_the_protocol(pieces: list[bytes]) -> None:
    reader = CompletionReader({}, TARGET)
    outcomes = [reader.read(each) for each in pieces]
    error = outcomes[-1].failure()
    assert replace(error, message="") == MalformedResponse("gpt-4o", "protocol")


def test_calls_without_an_index_are_told_apart_by_their_names() -> None:
    reader = CompletionReader({}, TARGET)
    for each in (
        {"id": "a", "function": {"name": "f"}},
        {"function": {"arguments": "{"}},
        {"function": {"arguments": "}"}},
    ):
        reader.read(piece(each))
    reader.read(piece({"id": "b", "function": {"name": "f", "arguments": "{}"}}))
    reader.read(b'{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}')
    assert reader.end().unwrap().tool_calls == (
        ToolCall(id="a", name="f", arguments="{}"),
        ToolCall(id="b", name="f", arguments="{}"),
    )


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        ({"content": "a"}, "a"),
        ({"role": "assistant", "content": "a", "refusal": None}, "a"),
        ({"content": [{"type": "text", "text": "a"}]}, "a"),
        ({"content": ""}, None),
        ({"content": None}, None),
        ({}, None),
    ],
    ids=["its text alone", "more beside it", "in parts", "empty", "none", "nothing"],
)
def test_the_text_of_a_piece_is_read_whatever_stands_beside_it(delta: dict[str, Any], text: str | None) -> None:
    read = CompletionReader({}, TARGET).read(json.dumps({"choices": [{"delta": delta}]}).encode())
    assert list(read.unwrap()) == ([] if text is None else [TextDelta(text)])


def test_a_model_that_takes_tools_only_without_reasoning_is_told_not_to_reason() -> None:
    facts = MODELS["gpt-5.6-terra"]
    thinker = replace(TARGET, model=facts.name, facts=facts)
    plain, with_tool = LLMRequest(prompt="hi"), LLMRequest(prompt="hi", tools=(Tool(name="look"),))
    assert chat_fields(with_tool, thinker)["reasoning_effort"] == "none"
    assert "reasoning_effort" not in chat_fields(plain, thinker)
    assert "reasoning_effort" not in chat_fields(with_tool, TARGET)
