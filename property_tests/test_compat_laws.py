"""Laws of requests in the words of others: nothing is lost on the way, and nothing is raised on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from returns.result import Success

from llm_manager import (
    ImagePart,
    JsonMode,
    JsonSchema,
    KeySettings,
    LLMConfig,
    LLMRequest,
    Message,
    NamedTool,
    Preferences,
    Secret,
    TextPart,
    Tool,
    ToolCall,
)
from llm_manager.adapters.dialects.openai import chat_fields
from llm_manager.compat import request_from_openai
from llm_manager.domain.request_problems import request_problems
from llm_manager.policies.targets import resolve
from llm_manager.testing.strategies import json_objects, json_values, keys, words

TARGET = resolve(
    LLMConfig(keys=KeySettings(providers={"openai": (Secret("sk-canary-0123456789"),)})), "gpt-4o"
).unwrap()

NAMES = (
    *("model", "messages", "tools", "tool_choice", "response_format", "stream", "stream_options", "temperature"),
    *("top_p", "seed", "stop", "max_tokens", "max_completion_tokens", "n", "type", "role", "content", "tool_calls"),
    *("tool_call_id", "function", "name", "arguments", "image_url", "url", "text", "id", "json_schema", "schema"),
    *("strict", "parameters"),
)

parts = st.builds(TextPart, words) | st.builds(ImagePart, url=st.just("https://example.com/a.png"))
turns = st.builds(
    Message,
    role=st.sampled_from(["user", "system", "assistant"]),
    content=words | st.lists(parts, min_size=1, max_size=3).map(tuple),
)
calls = st.builds(ToolCall, id=st.sampled_from("abc"), name=keys, arguments=words)


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[Message, Message]:
    """A call of a tool, and its result."""
    call = draw(calls)
    asking = Message(role="assistant", content=draw(words), tool_calls=(call,))
    return asking, Message(role="tool", content=draw(words), tool_call_id=call.id)


tools = st.builds(Tool, name=keys, description=words, parameters=st.just({"type": "object", "properties": {}}))
formats = st.just(JsonMode()) | st.builds(JsonSchema, schema=json_objects, name=keys, strict=st.booleans())
wishes = st.builds(
    Preferences,
    max_tokens=st.none() | st.integers(1, 10**6),
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0.01, 1),
    seed=st.none() | st.integers(),
    stop=st.lists(words.filter(bool), max_size=3).map(tuple),
)
several_tools = st.lists(tools, max_size=3, unique_by=lambda tool: tool.name).map(tuple)
conversations = st.lists(st.tuples(turns) | exchanges(), max_size=4).map(lambda several: sum(several, ()))


@st.composite
def requests(draw: st.DrawFn) -> LLMRequest:
    """Requests that can be sent."""
    offered = draw(several_tools)
    choices: list[Any] = ["auto", *(["required", "none", NamedTool(offered[0].name)] if offered else [])]
    request = LLMRequest(
        prompt=draw(words),
        system_prompt=draw(st.none() | words),
        messages=draw(conversations),
        preferences=draw(wishes),
        tools=offered,
        tool_choice=draw(st.sampled_from(choices)),
        response_format=draw(st.none() | formats),
    )
    return request if not request_problems(request) else LLMRequest(prompt="Why?")


@given(requests())
def test_what_was_sent_to_openai_is_sent_again_by_its_translation(request: LLMRequest) -> None:
    body = chat_fields(request, TARGET)
    assert chat_fields(request_from_openai(body).unwrap(), TARGET) == body


@given(requests())
def test_a_translation_of_what_a_translation_sends_is_the_same_request(request: LLMRequest) -> None:
    once = request_from_openai(chat_fields(request, TARGET)).unwrap()
    assert request_from_openai(chat_fields(once, TARGET)) == Success(once)


def _bodies(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | keys, inner, max_size=6)


leaves = json_values | st.sampled_from(["user", "tool", "function", "text", "image_url", "json_schema", "json_object"])
bodies = st.dictionaries(st.sampled_from(NAMES) | keys, st.recursive(leaves, _bodies, max_leaves=20), max_size=8)


@given(bodies)
def test_any_body_is_a_request_that_can_be_sent_or_problems(body: Mapping[str, Any]) -> None:
    outcome = request_from_openai(body)
    if isinstance(outcome, Success):
        assert request_problems(outcome.unwrap()) == ()
    else:
        assert outcome.failure().problems


@given(requests(), keys.filter(lambda name: name not in NAMES), st.integers(2) | words.filter(bool))
def test_nothing_is_dropped_in_silence(request: LLMRequest, name: str, value: object) -> None:
    body = {**chat_fields(request, TARGET), name: value}
    assert name in {problem.path for problem in request_from_openai(body).failure().problems}
