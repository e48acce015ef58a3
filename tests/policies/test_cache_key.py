"""Two requests share a key only when nothing that shapes the answer differs."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

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
from llm_manager.policies.cache_key import cache_key

ROUTE = ("openai|https://a/v1|m",)
PLAIN = LLMRequest(prompt="x")

VARIANTS = {
    "prompt": [LLMRequest(prompt="y"), LLMRequest(prompt="x\n")],
    "task_type": [replace(PLAIN, task_type="analysis")],
    "messages": [
        replace(PLAIN, messages=(Message(role="user", content="a"),)),
        replace(PLAIN, messages=(Message(role="assistant", content="a"),)),
        replace(PLAIN, messages=(Message(role="user", content=(TextPart("a"),)),)),
        replace(PLAIN, messages=(Message(role="user", content=(ImagePart(url="a"),)),)),
        replace(PLAIN, messages=(Message(role="user", content=(ImagePart(data=b"a", media_type="image/png"),)),)),
        replace(PLAIN, messages=(Message(role="user", content=(ImagePart(data=b"b", media_type="image/png"),)),)),
        replace(PLAIN, messages=(Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments=""),)),)),
        replace(PLAIN, messages=(Message(role="tool", content="a", tool_call_id="1"),)),
    ],
    "system_prompt": [replace(PLAIN, system_prompt=""), replace(PLAIN, system_prompt="s")],
    "preferences": [
        replace(PLAIN, preferences=Preferences(model="m")),
        replace(PLAIN, preferences=Preferences(fallback="none")),
        replace(PLAIN, preferences=Preferences(max_tokens=1)),
        replace(PLAIN, preferences=Preferences(temperature=0)),
        replace(PLAIN, preferences=Preferences(top_p=0.5)),
        replace(PLAIN, preferences=Preferences(seed=0)),
        replace(PLAIN, preferences=Preferences(stop=("a",))),
        replace(PLAIN, preferences=Preferences(stop=("a", "b"))),
        replace(PLAIN, preferences=Preferences(stop=("a,b",))),
        replace(PLAIN, preferences=Preferences(priority="high")),
        replace(PLAIN, preferences=Preferences(unsupported="drop")),
        replace(PLAIN, preferences=Preferences(unsupported="refuse")),
    ],
    "context": [replace(PLAIN, context={"a": 1}), replace(PLAIN, context={"a": "1"})],
    "tools": [replace(PLAIN, tools=(Tool(name="f"),)), replace(PLAIN, tools=(Tool(name="f", description="d"),))],
    "tool_choice": [replace(PLAIN, tool_choice="none"), replace(PLAIN, tool_choice=NamedTool("none"))],
    "response_format": [
        replace(PLAIN, response_format=JsonMode()),
        replace(PLAIN, response_format=JsonSchema(schema={})),
        replace(PLAIN, response_format=JsonSchema(schema={}, name="other")),
        replace(PLAIN, response_format=JsonSchema(schema={}, strict=False)),
    ],
    "namespace": [replace(PLAIN, namespace="tenant-b")],
    "truncation": [replace(PLAIN, truncation="auto")],
    "kept_messages": [replace(PLAIN, kept_messages=1), replace(PLAIN, truncation="auto", kept_messages=1)],
}


def test_every_field_that_shapes_the_answer_is_in_the_key() -> None:
    assert set(VARIANTS) == {field.name for field in fields(LLMRequest)} - {"deadline_s", "streaming", "labels"}
    every = [PLAIN, *(variant for variants in VARIANTS.values() for variant in variants)]
    assert len({cache_key(request, ROUTE) for request in every}) == len(every)


def test_every_preference_is_in_the_key() -> None:
    assert len(VARIANTS["preferences"]) >= len(fields(Preferences))


def test_hosts_and_models_never_share_a_key() -> None:
    assert cache_key(PLAIN, ROUTE) != cache_key(PLAIN, ("openai|https://b/v1|m",))
    assert cache_key(PLAIN, ("a", "b")) != cache_key(PLAIN, ("a|b",))


def test_how_the_answer_travels_is_not_in_the_key() -> None:
    assert cache_key(PLAIN, ROUTE) == cache_key(replace(PLAIN, deadline_s=5.0, streaming=True), ROUTE)


def test_what_no_model_sees_is_not_in_the_key() -> None:
    assert cache_key(PLAIN, ROUTE) == cache_key(replace(PLAIN, labels={"template": "greet"}), ROUTE)


def test_the_order_of_names_in_an_object_does_not_matter() -> None:
    one, two = replace(PLAIN, context={"a": 1, "b": 2}), replace(PLAIN, context={"b": 2, "a": 1})
    assert cache_key(one, ROUTE) == cache_key(two, ROUTE)


FULL = LLMRequest(
    prompt="é",
    task_type="analysis",
    messages=(
        Message(role="user", content=(TextPart("a"), ImagePart(data=b"png", media_type="image/png"))),
        Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments="{}"),)),
        Message(role="tool", content="b", tool_call_id="1"),
    ),
    system_prompt="s",
    preferences=Preferences(model="m", max_tokens=5, temperature=0.5, top_p=0.25, seed=7, stop=("x",)),
    context={"b": {2}, "a": [1, None]},
    tools=(Tool(name="f", description="d", parameters={"type": "object"}),),
    tool_choice=NamedTool("f"),
    response_format=JsonSchema(schema={"type": "object"}, name="mine"),
    namespace="tenant",
)


@pytest.mark.parametrize(
    ("request_", "key"),
    [
        (PLAIN, "50f6c268687451ad9109c8cb6dd1f236f7b31d8e62ac9c90359e167582180a4f"),
        (
            replace(PLAIN, response_format=JsonMode(), tool_choice="required"),
            "61cecbf2d4343e6faeaa74a78f654a4f7275195d8e22520390b0abf50ddf0e08",
        ),
        (FULL, "2371a0252e1b0ac26bd0913a944802dc42a56b88ede4e57360a4419b1850cd5f"),
    ],
)
def test_a_key_is_for_ever_as_long_as_its_version_stands(request_: LLMRequest, key: str) -> None:
    """Stores are shared by programs of different ages: who changes this test raises ``_VERSION``."""
    assert cache_key(request_, ROUTE) == key
