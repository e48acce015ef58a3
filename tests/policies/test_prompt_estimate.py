"""How many tokens a request is: each part of it counts, for its model."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from llm_manager.domain.request import ImagePart, JsonSchema, LLMRequest, Message, TextPart, Tool, ToolCall
from llm_manager.domain.tokens import TokenRange, summed
from llm_manager.policies.image_tokens import image_tokens
from llm_manager.policies.prompt_estimate import MESSAGE_TOKENS, TOOLS_TOKENS, message_tokens, prompt_tokens
from llm_manager.policies.token_estimate import token_range

IMAGE = ImagePart(url="https://x/y.png")


def text(*texts: str, model: str | None = None) -> list[TokenRange]:
    return [token_range(each, model) for each in texts]


def test_the_estimate_counts_everything_that_is_sent() -> None:
    full = LLMRequest(
        prompt="hello world!",
        system_prompt="be kind",
        messages=(
            Message(role="user", content=(TextPart("look"), IMAGE)),
            Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments="{}"),)),
        ),
        context={"a": [1, 2]},
        tools=(Tool(name="f", description="does", parameters={"type": "object"}),),
        response_format=JsonSchema(schema={"enum": ["a"]}),
    )
    words = ("hello world!", "be kind", "look", "{}", "f", '{"a": [1, 2]}', "f", "does", '{"type": "object"}')
    for model in ("gpt-5", "claude-opus-4-7", None):
        parts = [*text(*words, '{"enum": ["a"]}', model=model), image_tokens(IMAGE, model), TOOLS_TOKENS]
        assert prompt_tokens(full, model) == summed([*parts, *[MESSAGE_TOKENS] * 6])


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        (Message(role="user"), []),
        (Message(role="user", content="abcdefgh"), text("abcdefgh")),
        (Message(role="user", content=(TextPart("abcd"), IMAGE)), [*text("abcd"), image_tokens(IMAGE)]),
        (
            Message(role="assistant", content="abcd", tool_calls=(ToolCall(id="1", name="look", arguments="{}"),)),
            text("abcd", "look", "{}"),
        ),
    ],
)
def test_a_message_counts_its_wrapping_its_parts_and_its_calls(message: Message, parts: list[TokenRange]) -> None:
    assert message_tokens(message) == summed([MESSAGE_TOKENS, *parts])
    assert prompt_tokens(LLMRequest(messages=(message,))) == summed([MESSAGE_TOKENS, MESSAGE_TOKENS, *parts])


def test_data_counts_as_the_json_that_is_sent_and_what_json_cannot_say_as_it_is_shown() -> None:
    assert prompt_tokens(LLMRequest(context={"a": [1, 2]})) == summed([MESSAGE_TOKENS, *text('{"a": [1, 2]}')])
    assert prompt_tokens(LLMRequest(context={"a": {1, 2}})) == summed([MESSAGE_TOKENS, *text('{"a": "{1, 2}"}')])


def test_a_schema_takes_room_beside_the_prompt() -> None:
    plain = LLMRequest(prompt="x" * 30)
    asked = replace(plain, response_format=JsonSchema(schema={"enum": ["a" * 60]}))
    schema = text(json.dumps({"enum": ["a" * 60]}))
    assert prompt_tokens(asked) == summed([prompt_tokens(plain), MESSAGE_TOKENS, *schema])
    strange = replace(plain, response_format=JsonSchema(schema={"const": {1, 2}}))
    assert prompt_tokens(strange).likely > prompt_tokens(plain).likely, "what JSON cannot say is estimated too"
