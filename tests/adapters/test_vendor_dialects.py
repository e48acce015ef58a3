"""The wires of Anthropic, Gemini and Ollama, as golden files: a request in and its body out, a body in and what it
means out. ``pytest --golden-update`` writes the files anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llm_manager.adapters.dialects import anthropic, gemini, ollama
from llm_manager.adapters.dialects.dialect import Dialect
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
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target
from tests.paid import unpaid

GOLDEN = Path(__file__).parent.parent / "golden"

DIALECTS: Mapping[str, Dialect] = {
    "anthropic": anthropic.DIALECT,
    "gemini": gemini.DIALECT,
    "ollama": ollama.DIALECT,
}


def target(name: str) -> Target:
    facts = ModelFacts(name="m-1", provider=name, max_output_tokens=8192)
    return Target(model="m-1", provider=PROVIDERS[name], facts=facts, service=name, base_url="https://x", key="k")


SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}

REQUESTS: Mapping[str, LLMRequest] = {
    "plain": LLMRequest(prompt="hi"),
    "everything": LLMRequest(
        prompt="and now?",
        system_prompt="be short",
        context={"city": "Bern"},
        messages=(
            Message(role="system", content="be polite"),
            Message(role="user", content=(TextPart("what is this?"), ImagePart(url="https://x.example/a.png"))),
            Message(role="user", content=(ImagePart(data=b"\x89PNG", media_type="image/png"), TextPart(""))),
            Message(
                role="assistant",
                content="I will look.",
                tool_calls=(
                    ToolCall(id="c1", name="look", arguments='{"at":"sky"}'),
                    ToolCall(id="c2", name="look", arguments="{at: sea}"),
                ),
            ),
            Message(role="tool", content="blue", tool_call_id="c1"),
            Message(role="tool", content='{"colour": "green"}', tool_call_id="c2"),
        ),
        tools=(Tool(name="look", description="looks", parameters=SCHEMA), Tool(name="rest")),
        tool_choice=NamedTool("look"),
        response_format=JsonSchema(schema=SCHEMA, name="weather"),
        preferences=Preferences(max_tokens=5, temperature=0, top_p=0.5, seed=0, stop=("a", "b")),
    ),
    "json_mode": LLMRequest(prompt="x", response_format=JsonMode()),
    "no_tool_wanted": LLMRequest(prompt="x", tools=(Tool(name="f"),), tool_choice="none"),
    "some_tool_wanted": LLMRequest(prompt="x", tools=(Tool(name="f"),), tool_choice="required"),
    "signed_calls": LLMRequest(
        messages=(
            Message(role="user", content="look"),
            Message(
                role="assistant",
                content="Looking.",
                tool_calls=(
                    ToolCall(
                        id="gemini_call_0",
                        name="f",
                        arguments="{}",
                        signature='anthropic:[{"type": "thinking", "thinking": "hm", "signature": "s"}]',
                    ),
                    ToolCall(id="own", name="g", arguments="", signature="gemini:c2ln"),
                    ToolCall(id="odd", name="h", arguments="{}", signature="anthropic:no JSON"),
                ),
            ),
            *(Message(role="tool", content="ok", tool_call_id=id_) for id_ in ("gemini_call_0", "own", "odd")),
        )
    ),
}


def _claude(*blocks: Mapping[str, Any], reason: str = "end_turn", **fields: object) -> Mapping[str, Any]:
    usage = {
        "input_tokens": 7,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": 1,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
    }
    return {"id": "msg_1", "type": "message", "content": blocks, "stop_reason": reason, "usage": usage, **fields}


def _candidate(*parts: Mapping[str, Any], reason: str = "STOP") -> Mapping[str, Any]:
    usage = {
        "promptTokenCount": 11,
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 2,
        "toolUsePromptTokenCount": 1,
    }
    content = {"role": "model", "parts": parts}
    return {
        "candidates": [{"content": content, "finishReason": reason}],
        "usageMetadata": usage,
        "responseId": "resp_1",
    }


def _chat(message: Mapping[str, Any], reason: str = "stop") -> Mapping[str, Any]:
    return {"message": message, "done": True, "done_reason": reason, "prompt_eval_count": 11, "eval_count": 5}


ANSWERS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("anthropic", "text"): _claude({"type": "text", "text": "hi"}),
    ("anthropic", "thoughts_and_calls"): _claude(
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "xx"},
        {"type": "text", "text": "Looking."},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "sky"}},
        {"type": "tool_use", "id": "t2", "name": "rest", "input": {}},
        reason="tool_use",
    ),
    ("anthropic", "refusal"): _claude(reason="refusal", stop_details={"type": "refusal", "explanation": "I will not."}),
    ("anthropic", "window_full"): _claude({"type": "text", "text": "cut o"}, reason="model_context_window_exceeded"),
    ("gemini", "text"): _candidate({"text": "hi"}),
    ("gemini", "thoughts_and_calls"): _candidate(
        {"text": "hm", "thought": True},
        {"text": "Looking."},
        {"functionCall": {"name": "look", "args": {"at": "sky"}}, "thoughtSignature": "c2ln"},
        {"functionCall": {"id": "own", "name": "rest"}},
    ),
    ("gemini", "length"): _candidate({"text": "cut o"}, reason="MAX_TOKENS"),
    ("ollama", "text"): _chat({"role": "assistant", "content": "hi"}),
    ("ollama", "thoughts_and_calls"): _chat(
        {
            "role": "assistant",
            "content": "Looking.",
            "thinking": "hm",
            "tool_calls": [{"function": {"name": "look", "arguments": {"at": "sky"}}}, {"function": {"name": "rest"}}],
        }
    ),
    ("ollama", "length"): _chat({"role": "assistant", "content": "cut o"}, reason="length"),
}


def golden(name: str, file: str, text: str, *, update: bool) -> str:
    path = GOLDEN / name / f"{file}.json"
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    return path.read_text(encoding="utf-8").rstrip("\n")


@pytest.mark.parametrize("case", REQUESTS)
@pytest.mark.parametrize("name", DIALECTS)
def test_a_request_is_written_as_the_golden_file_says(name: str, case: str, golden_update: bool) -> None:
    encoded = DIALECTS[name].encode(REQUESTS[case], target(name), False)
    wire = json.dumps({"path": encoded.path, "body": json.loads(encoded.body)}, indent=2)
    assert wire == golden(name, f"request_{case}", wire, update=golden_update)


@pytest.mark.parametrize(("name", "case"), ANSWERS)
def test_an_answer_is_read_as_the_golden_file_says(name: str, case: str, golden_update: bool) -> None:
    body = json.dumps(ANSWERS[name, case]).encode()
    read = DIALECTS[name].read_answer(200, {"request-id": "req_1"}, body, target(name)).unwrap()
    text = json.dumps(json.loads(to_json(read)), indent=2)
    assert text == golden(name, f"answer_{case}", text, update=golden_update)


def _error(type_: str, message: str = "said") -> Mapping[str, Any]:
    return {"type": "error", "error": {"type": type_, "message": message}}


def _google(status: str, code: int, *details: Mapping[str, Any], message: str = "said") -> Mapping[str, Any]:
    return {"error": {"code": code, "status": status, "message": message, "details": details}}


def _quota(name: str) -> Mapping[str, Any]:
    return {"violations": [{"quotaId": name}]}


REFUSED = InvalidRequest((Problem("", "said"),), "m-1 refused it")

ERRORS: list[tuple[str, int, Mapping[str, Any], LLMError]] = [
    ("anthropic", 400, _error("invalid_request_error"), REFUSED),
    (
        "anthropic",
        400,
        _error("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        ContextTooLarge("m-1", 210_000, 200_000, "prompt is too long: 210000 tokens > 200000 maximum"),
    ),
    ("anthropic", 401, _error("authentication_error"), AuthenticationFailed("m-1", message="said")),
    ("anthropic", 402, _error("billing_error"), QuotaExhausted("m-1", "said")),
    ("anthropic", 403, _error("permission_error"), AuthenticationFailed("m-1", forbidden=True, message="said")),
    ("anthropic", 404, _error("not_found_error"), ModelUnavailable("m-1", "said")),
    ("anthropic", 413, _error("request_too_large"), REFUSED),
    ("anthropic", 429, _error("rate_limit_error"), RateLimitExceeded("m-1", 7.0, "said")),
    ("anthropic", 529, _error("overloaded_error"), ServerError("m-1", 529, "said", retry_after_s=7.0)),
    ("anthropic", 200, _error("overloaded_error"), ServerError("m-1", 529, "said", retry_after_s=7.0)),
    ("anthropic", 200, _error("a_new_error"), ServerError("m-1", 500, "said", retry_after_s=7.0)),
    ("gemini", 400, _google("INVALID_ARGUMENT", 400), REFUSED),
    (
        "gemini",
        400,
        _google("INVALID_ARGUMENT", 400, {"reason": "API_KEY_INVALID"}),
        AuthenticationFailed("m-1", message="said"),
    ),
    (
        "gemini",
        400,
        _google(
            "INVALID_ARGUMENT",
            400,
            message="The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
        ContextTooLarge(
            "m-1",
            1_200_000,
            1_048_576,
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ),
    ),
    ("gemini", 403, _google("PERMISSION_DENIED", 403), AuthenticationFailed("m-1", forbidden=True, message="said")),
    ("gemini", 404, _google("NOT_FOUND", 404), ModelUnavailable("m-1", "said")),
    (
        "gemini",
        429,
        _google("RESOURCE_EXHAUSTED", 429, _quota("RequestsPerMinutePerProject"), {"retryDelay": "34.5s"}),
        RateLimitExceeded("m-1", 34.5, "said"),
    ),
    ("gemini", 429, _google("RESOURCE_EXHAUSTED", 429, {"retryDelay": "soon"}), RateLimitExceeded("m-1", 7.0, "said")),
    (
        "gemini",
        429,
        _google("RESOURCE_EXHAUSTED", 429, _quota("RequestsPerDayPerProject-FreeTier"), {"retryDelay": "34s"}),
        QuotaExhausted("m-1", "said"),
    ),
    ("gemini", 503, _google("UNAVAILABLE", 503), ServerError("m-1", 503, "said", retry_after_s=7.0)),
    ("gemini", 200, _google("UNAVAILABLE", 503), ServerError("m-1", 503, "said", retry_after_s=7.0)),
    (
        "gemini",
        200,
        {"error": {"status": "RESOURCE_EXHAUSTED"}},
        RateLimitExceeded("m-1", 7.0, '{"status": "RESOURCE_EXHAUSTED"}'),
    ),
    ("gemini", 200, {"promptFeedback": {"blockReason": "SAFETY"}}, ContentFiltered("m-1", "SAFETY")),
    ("gemini", 200, _candidate(reason="PROHIBITED_CONTENT"), ContentFiltered("m-1", "PROHIBITED_CONTENT")),
    (
        "gemini",
        200,
        _candidate(reason="MALFORMED_FUNCTION_CALL"),
        MalformedResponse("m-1", "empty", "no whole answer: MALFORMED_FUNCTION_CALL"),
    ),
    ("ollama", 400, {"error": "said"}, REFUSED),
    ("ollama", 404, {"error": "said"}, ModelUnavailable("m-1", "said")),
    ("ollama", 429, {"error": "said"}, RateLimitExceeded("m-1", 7.0, "said")),
    ("ollama", 503, {"error": "said"}, ServerError("m-1", 503, "said", retry_after_s=7.0)),
    ("ollama", 200, {"error": "said"}, ServerError("m-1", 500, "said")),
]


@pytest.mark.parametrize(("name", "status", "body", "error"), ERRORS)
def test_an_error_is_told_by_its_status_and_its_type(
    name: str, status: int, body: Mapping[str, Any], error: LLMError
) -> None:
    read = DIALECTS[name].read_answer(status, {"retry-after": "7"}, json.dumps(body).encode(), target(name))
    assert unpaid(read.failure()) == error


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"", MalformedResponse("m-1", "undecodable")),
        (200, b"<html>", MalformedResponse("m-1", "undecodable")),
        (200, b"\xff", MalformedResponse("m-1", "undecodable")),
        (200, b"{}", MalformedResponse("m-1", "empty")),
        (200, b"[]", MalformedResponse("m-1", "empty")),
        (502, b"<html>", ServerError("m-1", 502)),
        (502, b"[1]", ServerError("m-1", 502)),
    ],
)
def test_an_answer_that_is_none_is_told_by_what_it_is(name: str, status: int, body: bytes, error: LLMError) -> None:
    found = DIALECTS[name].read_answer(status, {}, body, target(name)).failure()
    assert replace(found, message="") == error


@pytest.mark.parametrize(
    ("name", "body", "names"),
    [
        ("anthropic", {"data": [{"id": "a"}, {"id": "b"}, {}]}, ("a", "b")),
        ("gemini", {"models": [{"name": "models/a"}, {"name": "b"}, 7]}, ("a", "b")),
        ("ollama", {"models": [{"model": "a:latest"}, {"name": "b"}]}, ("a:latest", "b")),
    ],
)
def test_the_models_are_listed_by_the_names_they_are_asked_by(
    name: str, body: Mapping[str, Any], names: tuple[str, ...]
) -> None:
    dialect = DIALECTS[name]
    assert dialect.read_models(200, {}, json.dumps(body).encode(), target(name)).unwrap() == names
    assert dialect.read_models(200, {}, b"<", target(name)).failure().tag == "MalformedResponse"
    assert dialect.read_models(401, {}, b"{}", target(name)).failure().tag == "AuthenticationFailed"


def test_a_key_goes_into_a_header_and_nowhere_else() -> None:
    key = Secret("sk-canary-0123456789")
    assert {name: dict(each.authorization(key)) for name, each in DIALECTS.items()} == {
        "anthropic": {"x-api-key": "sk-canary-0123456789"},
        "gemini": {"x-goog-api-key": "sk-canary-0123456789"},
        "ollama": {"authorization": "Bearer sk-canary-0123456789"},
    }
    for each in DIALECTS.values():
        assert each.authorization(None) == {}


def test_a_model_name_cannot_leave_its_place_in_a_path() -> None:
    odd = replace(target("gemini"), model="models/../secrets?x=1")
    assert gemini.DIALECT.encode(REQUESTS["plain"], odd, True).path == (
        "models/..%2Fsecrets%3Fx%3D1:streamGenerateContent?alt=sse"
    )
