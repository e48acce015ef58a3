"""What OpenAI refuses is refused, in its own words; what it takes is taken."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from llm_manager.testing.simulator import Simulator

pytestmark = pytest.mark.anyio

ASK: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
CALL: dict[str, Any] = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}


def held(schema: object, *, strict: bool = True, name: str = "answer") -> dict[str, Any]:
    wanted = {"type": "json_schema", "json_schema": {"name": name, "schema": schema, "strict": strict}}
    return {**ASK, "response_format": wanted}


def tool(**function: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "look", **function}}


def saying(*messages: dict[str, Any]) -> dict[str, Any]:
    return {**ASK, "messages": list(messages)}


def seeing(url: str) -> dict[str, Any]:
    return saying({"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]})


async def answer(body: object) -> tuple[int, str]:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        headers = {"authorization": "Bearer sk-x"}
        found = await client.post(f"{simulator.url}/v1/chat/completions", json=body, headers=headers)
    return found.status_code, found.json().get("error", {}).get("message", "")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ([], "could not parse the JSON body"),
        ({**ASK, "model": ""}, "must provide a model"),
        ({**ASK, "model": 7}, "must provide a model"),
        ({**ASK, "messages": []}, "empty array"),
        (saying({"role": "robot", "content": "hi"}), "Invalid value: 'robot'"),
        (saying({"role": "assistant", "tool_calls": [{**CALL, "id": "x" * 41}]}), "maximum length 40"),
        (saying({"role": "assistant", "tool_calls": [{**CALL, "id": None}]}), "expected a string"),
        (saying({"role": "user"}), "messages[0].content"),
        (saying({"role": "tool", "tool_call_id": "c1", "content": "blue"}), "must be a response"),
        (saying({"role": "user", "content": [{"type": "hologram"}]}), "Invalid value: 'hologram'"),
        (seeing("file:///etc/passwd"), "Expected a URL of an image"),
        (seeing("data:text/html;base64,aGk="), "Expected a URL of an image"),
        ({**ASK, "temperature": 2.5}, "'temperature'"),
        ({**ASK, "top_p": -0.1}, "'top_p'"),
        ({**ASK, "max_tokens": 0}, "'max_tokens'"),
        ({**ASK, "model": "o3", "max_tokens": 5}, "Use 'max_completion_tokens' instead"),
        ({**ASK, "model": "gpt-5.6-terra", "max_tokens": 5}, "Use 'max_completion_tokens' instead"),
        ({**ASK, "model": "gpt-5.6-terra", "temperature": 0.8}, "'temperature' does not support 0.8 with this model"),
        ({**ASK, "model": "gpt-5.6-luna", "tools": [tool()]}, "set reasoning_effort to 'none'"),
        ({**ASK, "model": "gpt-5.6-luna", "tools": [tool()], "reasoning_effort": "low"}, "Function tools with"),
        ({**ASK, "model": "gpt-5.6-terra", "top_p": 1}, "'top_p' is not supported with this model"),
        ({**ASK, "model": "gpt-5.4-mini", "stop": ["a"]}, "'stop' is not supported with this model"),
        ({**ASK, "model": "gpt-5-2025-08-07", "temperature": 0}, "Only the default (1) value is supported"),
        ({**ASK, "model": "gpt-6-sol", "tools": [tool()]}, "Function tools with reasoning_effort are not supported"),
        ({**ASK, "model": "gpt-6-astra", "reasoning_effort": "none"}, "'reasoning_effort' does not support 'none'"),
        ({**ASK, "stop": ["a", "b", "c", "d", "e"]}, "at most 4"),
        ({**ASK, "stream_options": {"include_usage": True}}, "only allowed when 'stream'"),
        ({**ASK, "response_format": {"type": "json_object"}}, "must contain the word 'json'"),
        (held(CLOSED, name="an answer"), "json_schema.name"),
        (held({"type": "array", "items": {}}), "'type: \"object\"', got 'type: 'array''"),
        (held(None), "must be a JSON Schema"),
        (held({"type": "object", "properties": {}}), "'additionalProperties' is required"),
        (held({**CLOSED, "properties": {"sky": {"type": "string"}}}), "'required' is required"),
        (held({**CLOSED, "properties": {"sky": {"type": "object"}}, "required": ["sky"]}), "'additionalProperties'"),
        (held({**CLOSED, "$defs": {"sky": {"anyOf": [{"type": "object"}]}}}), "'additionalProperties'"),
        ({**ASK, "tools": [tool(name="look at")]}, "'tools[].function.name'"),
        ({**ASK, "tools": [tool(strict=True, parameters={"type": "object"})]}, "for function 'look'"),
        ({**ASK, "tool_choice": "required"}, "only allowed when 'tools'"),
    ],
)
async def test_what_openai_refuses_is_refused(body: object, said: str) -> None:
    status, message = await answer(body)
    assert (status, said in message) == (400, True), message


@pytest.mark.parametrize(
    "body",
    [
        saying(
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "blue"},
        ),
        seeing("https://example.com/sky.png"),
        seeing("data:image/webp;base64,UklGRg=="),
        {**ASK, "temperature": 2, "top_p": 0, "max_tokens": 1, "stop": ["a"]},
        {**ASK, "model": "o3", "max_completion_tokens": 5},
        {**ASK, "model": "gpt-5.6-terra", "temperature": 1},
        {**ASK, "model": "gpt-5.4-mini", "temperature": 0, "tools": [tool()]},
        {**ASK, "model": "gpt-5.6-terra", "temperature": 0, "tools": [tool()], "reasoning_effort": "none"},
        held({**CLOSED, "properties": {"sky": {"type": ["string", "null"]}}, "required": ["sky"]}),
        held({"type": "object", "properties": {"sky": {"type": "string"}}}, strict=False),
        {**ASK, "tools": [tool(strict=True, parameters=CLOSED), tool()], "tool_choice": "auto"},
        {**ASK, "tools": [tool()], "tool_choice": {"type": "function", "function": {"name": "other"}}},
    ],
)
async def test_what_openai_takes_is_taken(body: object) -> None:
    assert await answer(body) == (200, "")


async def test_a_refusal_names_the_field_that_it_is_about() -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        body = {**ASK, "model": "gpt-5.6-terra", "temperature": 0.7}
        headers = {"authorization": "Bearer sk-x"}
        found = await client.post(f"{simulator.url}/v1/chat/completions", json=body, headers=headers)
    said = "'temperature' does not support 0.7 with this model. Only the default (1) value is supported."
    assert found.json() == {
        "error": {
            "message": f"Unsupported value: {said}",
            "type": "invalid_request_error",
            "param": "temperature",
            "code": "unsupported_value",
        }
    }


async def test_a_request_without_a_key_is_refused() -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        found = await client.post(f"{simulator.url}/v1/chat/completions", json=ASK)
    assert (found.status_code, found.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_a_body_that_is_no_json_is_refused() -> None:
    async with Simulator() as simulator, httpx2.AsyncClient() as client:
        found = await client.post(f"{simulator.url}/v1/chat/completions", content=b"{")
    assert found.status_code == 400
