"""What Anthropic, Gemini and Ollama refuse is refused, in their own words; what they take is taken."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from llm_manager.testing.simulator import Simulator

pytestmark = pytest.mark.anyio

CLAUDE: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "hi"}],
}
GEMINI: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
LLAMA: dict[str, Any] = {"model": "llama3.2", "stream": False, "messages": [{"role": "user", "content": "hi"}]}

NOTHING: dict[str, object] = {}
EMPTY: list[object] = []

PATHS = {
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/gemini-3.8-flash:generateContent",
    "ollama": "/api/chat",
}
HEADERS = {
    "anthropic": {"x-api-key": "k", "anthropic-version": "2023-06-01"},
    "gemini": {"x-goog-api-key": "k"},
    "ollama": {},
}


def claude(*blocks: Any, **fields: object) -> dict[str, Any]:
    return {**CLAUDE, **({"messages": [{"role": "user", "content": list(blocks)}]} if blocks else {}), **fields}


def use(id_: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id_, "name": "f", "input": {}}


def forcing(model: str) -> dict[str, Any]:
    tool = {"name": "look", "input_schema": {"type": "object"}}
    return claude(model=model, tools=[tool], tool_choice={"type": "any"})


def gemini(*parts: Any, **config: object) -> dict[str, Any]:
    contents = [{"role": "user", "parts": list(parts)}] if parts else GEMINI["contents"]
    return {"contents": contents, "generationConfig": config}


def turns(*turns: tuple[str, Any]) -> dict[str, Any]:
    """A conversation with Gemini: of each turn the role, and what its parts hold."""
    return {"contents": [{"role": role, "parts": list(parts)} for role, parts in (("user", [{"text": "x"}]), *turns)]}


CALL: dict[str, Any] = {"functionCall": {"name": "f", "args": NOTHING}}
SIGNED: dict[str, Any] = {**CALL, "thoughtSignature": "c2lnbmVk"}
RESULT: dict[str, Any] = {"functionResponse": {"name": "f", "response": NOTHING}}
NAMED_RESULT: dict[str, Any] = {"functionResponse": {"id": "c1", "name": "f", "response": NOTHING}}


def llama(message: Any, **fields: object) -> dict[str, Any]:
    return {**LLAMA, "messages": [message], **fields}


def image(**source: object) -> dict[str, Any]:
    return {"type": "image", "source": source}


def schema(**fields: object) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object", **fields}}}}


async def answer(
    vendor: str, body: object, headers: dict[str, str] | None = None, path: str | None = None
) -> tuple[int, str]:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        url = simulator.url + (path or PATHS[vendor])
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        found = await client.post(url, headers=HEADERS[vendor] if headers is None else headers, content=content)
    error: Any = found.json().get("error", "")
    return found.status_code, error if type(error) is str else error["message"]


@pytest.mark.parametrize(
    ("vendor", "body", "said"),
    [
        ("anthropic", b"[", "not valid JSON"),
        ("anthropic", {"model": "m", "messages": EMPTY}, "max_tokens: Field required"),
        ("anthropic", {**CLAUDE, "max_tokens": 0}, "greater than or equal to 1"),
        ("anthropic", {**CLAUDE, "seed": 7}, "seed: Extra inputs are not permitted"),
        ("anthropic", forcing("claude-sonnet-5-5"), 'type "tool" and "any" are not supported for this model'),
        ("anthropic", forcing("claude-fable-5-1"), 'type "tool" and "any" are not supported for this model'),
        ("anthropic", {**CLAUDE, "temperature": 0}, "`temperature` is deprecated"),
        ("anthropic", {**CLAUDE, "model": "claude-haiku-4-5", "temperature": 1.5}, "range: 0..1"),
        ("anthropic", {**CLAUDE, "messages": EMPTY}, "at least one message"),
        ("anthropic", {**CLAUDE, "messages": [{"role": "system", "content": "x"}]}, "'user' or 'assistant'"),
        ("anthropic", {**CLAUDE, "messages": [{"role": "user", "content": ""}]}, "non-empty content"),
        ("anthropic", {**CLAUDE, "messages": [{"role": "assistant", "content": "x"}]}, "prefill"),
        ("anthropic", claude({"type": "text", "text": ""}), "text content blocks must be non-empty"),
        ("anthropic", claude({"type": "hologram"}), "does not match any of the expected tags"),
        ("anthropic", claude({"type": "thinking", "thinking": "x"}), "signature: Field required"),
        ("anthropic", claude({"type": "tool_use", "id": "t", "name": "f", "input": "x"}), "valid dictionary"),
        ("anthropic", claude({"type": "tool_result", "tool_use_id": "t"}), "unexpected `tool_use_id`"),
        ("anthropic", claude(use("functions.f:0")), "String should match pattern '^[a-zA-Z0-9_-]+$'"),
        ("anthropic", claude(use("call_0"), use("call_0")), "`tool_use` ids must be unique"),
        ("anthropic", claude(image(type="base64", media_type="image/tiff", data="AA==")), "media_type"),
        ("anthropic", claude(image(type="url", url="http://x")), "Only HTTPS"),
        ("anthropic", claude(image(type="carrier pigeon")), "does not match any"),
        ("anthropic", claude(tools=[{"name": "a b", "input_schema": {"type": "object"}}]), "match pattern"),
        ("anthropic", claude(tools=[{"name": "f", "input_schema": NOTHING}]), "input_schema.type"),
        ("anthropic", claude(tool_choice={"type": "any"}), "only be specified while providing tools"),
        ("anthropic", claude(output_config={"format": {"type": "json_object"}}), "'json_schema'"),
        ("anthropic", claude(**schema()), "additionalProperties"),
        (
            "anthropic",
            claude(**schema(additionalProperties=False, properties={"a": {"type": "integer", "minimum": 1}})),
            "'minimum' is not supported",
        ),
        ("gemini", b"[", "Invalid JSON payload"),
        ("gemini", {**GEMINI, "max_tokens": 7}, 'Unknown name "maxTokens"'),
        ("gemini", gemini(wish=7), 'Unknown name "wish"'),
        ("gemini", {"contents": EMPTY}, "contents is not specified"),
        ("gemini", {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role"),
        ("gemini", {"contents": [{"role": "user", "parts": EMPTY}]}, "must not be empty"),
        ("gemini", gemini({"hologram": 1}), "must have one value"),
        ("gemini", gemini({"inlineData": {"mimeType": "text/html", "data": "AA=="}}), "Unsupported MIME type"),
        (
            "gemini",
            gemini({"functionResponse": {"name": "f", "response": NOTHING}}),
            "immediately after a function call",
        ),
        ("gemini", turns(("model", [SIGNED, CALL]), ("user", [RESULT])), "number of function response parts"),
        ("gemini", turns(("model", [SIGNED]), ("user", [{"text": "x"}])), "number of function response parts"),
        ("gemini", turns(("model", [SIGNED]), ("user", [NAMED_RESULT])), "id does not match"),
        ("gemini", turns(("model", [CALL]), ("user", [RESULT])), "missing a thought_signature"),
        ("gemini", turns(("model", [SIGNED]), ("user", [RESULT]), ("model", [{"text": "x"}])), "ending with a model"),
        ("gemini", gemini(temperature=3), "must be in the range"),
        ("gemini", gemini(stopSequences=list("abcdef")), "at most 5"),
        ("gemini", gemini(responseJsonSchema=NOTHING), "response mime type"),
        ("gemini", {**GEMINI, "tools": [{"functionDeclarations": [{"name": "1f"}]}]}, "Invalid function name"),
        (
            "gemini",
            {**GEMINI, "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "array"}}]}]},
            "type OBJECT",
        ),
        ("gemini", {**GEMINI, "toolConfig": {"functionCallingConfig": {"mode": "MAYBE"}}}, "Invalid value"),
        ("gemini", {**GEMINI, "toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_decl"),
        ("ollama", b"[", "invalid character"),
        ("ollama", {"messages": EMPTY}, "model is required"),
        ("ollama", {**LLAMA, "tool_choice": "required"}, "unknown field: tool_choice"),
        ("ollama", llama({"role": "robot"}), "invalid role"),
        ("ollama", llama({"role": "user", "images": ["https://x/y.png"]}), "illegal base64"),
        ("ollama", llama({"role": "user", "images": 7}), "illegal base64"),
        ("ollama", llama({"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]}), "cannot unmarshal"),
        ("ollama", llama({"role": "tool", "content": "x"}), "names its tool"),
        ("ollama", {**LLAMA, "format": "yaml"}, "invalid format"),
    ],
)
async def test_what_a_vendor_refuses_is_refused_in_its_own_words(vendor: str, body: object, said: str) -> None:
    status, message = await answer(vendor, body)
    assert status == 400
    assert said in message


@pytest.mark.parametrize(
    ("vendor", "body"),
    [
        ("anthropic", forcing("claude-haiku-5-5")),
        ("anthropic", forcing("claude-sonnet-5")),
        ("anthropic", {**CLAUDE, "model": "claude-haiku-4-5", "temperature": 0}),
        ("anthropic", claude(image(type="url", url="https://x/y.png"))),
        ("anthropic", claude(**schema(additionalProperties=False, properties={"minimum": {"enum": [{"maximum": 1}]}}))),
        ("gemini", gemini({"file_data": {"file_uri": "https://x/y.png"}}, temperature=0, stop_sequences=["a"])),
        ("gemini", turns(("model", [SIGNED, CALL]), ("user", [RESULT, RESULT]))),
        ("gemini", turns(("model", [CALL]), ("user", [RESULT]), ("model", [{"text": "x"}]), ("user", [{"text": "x"}]))),
        ("ollama", {**LLAMA, "options": {"seed": 7}, "format": "json", "keep_alive": 5}),
    ],
)
async def test_what_a_vendor_takes_is_taken(vendor: str, body: object) -> None:
    assert await answer(vendor, body) == (200, "")


@pytest.mark.parametrize(
    ("model", "status"), [("gemini-2.5-pro", 200), ("gemini-3.1-pro-preview", 200), ("gemini-3.5-flash-lite", 400)]
)
async def test_only_newer_geminis_refuse_to_go_on_with_their_own_words(model: str, status: int) -> None:
    path = f"/v1beta/models/{model}:generateContent"
    assert (await answer("gemini", turns(("model", [{"text": "It "}])), path=path))[0] == status


async def test_geminis_before_the_third_want_no_proof_of_a_call() -> None:
    path = "/v1beta/models/gemini-2.5-pro:generateContent"
    assert (await answer("gemini", turns(("model", [CALL]), ("user", [RESULT])), path=path))[0] == 200


@pytest.mark.parametrize(
    ("vendor", "headers", "status"),
    [
        ("anthropic", {"anthropic-version": "2023-06-01"}, 401),
        ("anthropic", {"x-api-key": "k"}, 400),
        ("gemini", {}, 403),
    ],
)
async def test_who_does_not_say_who_asks_is_refused(vendor: str, headers: dict[str, str], status: int) -> None:
    body = CLAUDE if vendor == "anthropic" else GEMINI
    assert (await answer(vendor, body, headers))[0] == status


@pytest.mark.parametrize(
    ("vendor", "path"),
    [("anthropic", "/v1/complete"), ("gemini", "/v1beta/models/m:countTokens"), ("ollama", "/api/generate")],
)
async def test_another_path_is_not_found(vendor: str, path: str) -> None:
    assert (await answer(vendor, {}, path=path))[0] == 404
