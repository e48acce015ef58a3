"""The body of a chat completion as a request: what is carried over, what is refused, and by what name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from openai import AsyncOpenAI
from returns.result import Failure, Success

from llm_manager import (
    HttpSettings,
    ImagePart,
    InvalidRequest,
    JsonMode,
    JsonSchema,
    KeySettings,
    LLMConfig,
    LLMRequest,
    Message,
    NamedTool,
    Preferences,
    Problem,
    ProviderSettings,
    Secret,
    TextPart,
    Tool,
    ToolCall,
    custom,
    generate,
    provide,
)
from llm_manager.compat import request_from_openai
from llm_manager.testing import Simulator

USER = {"role": "user", "content": "Why?"}
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NO_FIELDS: dict[str, Any] = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
EVERYTHING: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.com/sky.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Vienna"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ],
    "temperature": 0,
    "top_p": 0.5,
    "seed": 7,
    "stop": ["END"],
    "max_completion_tokens": 100,
    "tools": [{"type": "function", "function": {"name": "weather", "description": "Now.", "parameters": WEATHER}}],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "sky", "schema": NO_FIELDS, "strict": True},
    },
}


def problems(body: dict[str, object]) -> list[str]:
    return [str(problem) for problem in request_from_openai(body).failure().problems]


def test_everything_a_request_can_say_is_carried_over() -> None:
    assert request_from_openai(EVERYTHING) == Success(
        LLMRequest(
            messages=(
                Message(role="system", content="Be brief."),
                Message(
                    role="user",
                    content=(TextPart("What is this?"), ImagePart(url="https://example.com/sky.png")),
                ),
                Message(
                    role="assistant",
                    tool_calls=(ToolCall(id="call_1", name="weather", arguments='{"city":"Vienna"}'),),
                ),
                Message(role="tool", tool_call_id="call_1", content="rain"),
            ),
            preferences=Preferences(model="gpt-4o", temperature=0, top_p=0.5, seed=7, stop=("END",), max_tokens=100),
            tools=(Tool(name="weather", description="Now.", parameters=WEATHER),),
            tool_choice=NamedTool("weather"),
            response_format=JsonSchema(name="sky", schema=NO_FIELDS),
        )
    )


@pytest.mark.anyio
async def test_what_is_sent_is_what_the_vendors_own_client_sends() -> None:
    async with Simulator() as vendor:
        theirs = AsyncOpenAI(api_key="sk-canary-0123456789", base_url=f"{vendor.url}/v1", max_retries=0)
        async with theirs:
            await theirs.chat.completions.create(**EVERYTHING)  # pyright: ignore[reportUnknownMemberType]  # of what is only known as a dict
        config = LLMConfig(
            # the vendor is played at another address
            providers={"openai": ProviderSettings(limit_field="max_completion_tokens")},
            keys=KeySettings(providers={"openai": (Secret("sk-canary-0123456789"),)}),
            http=HttpSettings(base_urls={"openai": f"{vendor.url}/v1"}),
        )
        await provide(generate(request_from_openai(EVERYTHING).unwrap()), custom(config))
        sent_by_theirs, sent_by_ours = (received.json for received in vendor.received)
    del sent_by_theirs["messages"][2]["content"]  # null, which we leave out
    assert sent_by_ours == sent_by_theirs


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"stop": "END"}, LLMRequest(preferences=Preferences(stop=("END",)))),
        ({"max_tokens": 9}, LLMRequest(preferences=Preferences(max_tokens=9))),
        ({"max_tokens": 9, "max_completion_tokens": 9}, LLMRequest(preferences=Preferences(max_tokens=9))),
        ({"stream": True, "stream_options": {"include_usage": True}}, LLMRequest(streaming=True)),
        ({"response_format": {"type": "text"}}, LLMRequest()),
        ({"response_format": {"type": "json_object"}}, LLMRequest(response_format=JsonMode())),
        ({"n": 1, "logprobs": False, "user": None, "metadata": {}, "presence_penalty": 0.0}, LLMRequest()),
        ({"tools": [], "tool_choice": "none"}, LLMRequest(tool_choice="none")),
    ],
)
def test_what_has_another_form_here_means_the_same(said: dict[str, object], meant: LLMRequest) -> None:
    expected = replace(meant, messages=(Message(role="user", content="Why?"),))
    assert request_from_openai({"messages": [USER], **said}) == Success(expected)


def test_a_developer_is_the_system() -> None:
    body = {"messages": [{"role": "developer", "content": "Be brief."}]}
    assert request_from_openai(body).unwrap().messages == (Message(role="system", content="Be brief."),)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"logit_bias": {"50256": -100}}, "logit_bias: is not carried over: leave it out"),
    ({"n": 2}, "n: is not carried over: leave it out"),
    ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens: is 1, and max_completion_tokens is 2"),
    ({"max_completion_tokens": 0}, "max_completion_tokens: is 0: give a number above 0"),
    ({"messages": []}, "messages: is empty"),
    ({"messages": [{**USER, "name": "Ada"}]}, "messages.0.name: is not carried over"),
    ({"messages": [{"role": "function"}]}, "messages.0.role: input should be"),
    ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages.0.content.0.type: is 'file'"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "ftp://x"}}]}]},
        "messages.0.content.0.image_url.url: must begin with",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {}}]}]},
        "messages.0.tool_calls.0.function.name: field required",
    ),
    ({"tools": [{"type": "custom", "custom": {}}]}, "tools.0.type: is 'custom': only functions"),
    ({"tools": [{"type": "function", "function": {"name": 3}}]}, "tools.0.function.name: input should be"),
    (
        {"tool_choice": {"type": "function", "function": {"name": "g"}}},
        "tool_choice.function.name: 'g' is none of the tools",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": 3}}},
        "response_format.json_schema.schema: input should be an object",
    ),
    ({"response_format": {"type": "grammar"}}, "response_format.type: is 'grammar'"),
]


@pytest.mark.parametrize(("said", "told"), REFUSED)
def test_a_problem_has_the_path_it_has_in_the_body(said: dict[str, object], told: str) -> None:
    found = problems({"messages": [USER], **said})
    assert any(problem.startswith(told) for problem in found), found


def test_every_problem_is_told_at_once_and_once() -> None:
    body = {"messages": [{**USER, "name": "Ada"}], "temperature": 9, "audio": {"voice": "x"}}
    assert request_from_openai(body) == Failure(
        InvalidRequest(
            (
                Problem("audio", "is not carried over: leave it out"),
                Problem("messages.0.name", "is not carried over: leave it out"),
                Problem("temperature", "is 9.0: give a number from 0 to 2"),
            )
        )
    )
