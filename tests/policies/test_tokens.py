"""How many tokens a text is, roughly."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from llm_manager.domain.request import (
    ImagePart,
    JsonSchema,
    LLMRequest,
    Message,
    TextPart,
    Tool,
    ToolCall,
)
from llm_manager.policies.tokens import MESSAGE_TOKENS, prompt_tokens, text_tokens


def test_the_estimate_counts_everything_that_is_sent() -> None:
    bare = prompt_tokens(LLMRequest(prompt="hello world!"))
    assert bare == 7
    full = LLMRequest(
        prompt="hello world!",
        system_prompt="be kind",
        messages=(
            Message(role="user", content=(TextPart("look"), ImagePart(url="https://x/y.png"))),
            Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments="{}"),)),
        ),
        context={"a": [1, 2]},
        tools=(Tool(name="f", description="does", parameters={"type": "object"}),),
    )
    system, seen, called, context, tool, parameters = 4 + 2, 4 + 1 + 1000, 4 + 1 + 1, 4, 4 + 1 + 1, 5
    assert prompt_tokens(full) == bare + system + seen + called + context + tool + parameters


def test_text_that_is_not_ascii_counts_a_token_a_character() -> None:
    assert text_tokens("日本") == 2
    assert text_tokens("ab日") == 2


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("abcde日", 3), ("é", 1)])
def test_four_ascii_characters_are_one_token_and_a_part_of_four_is_one_too(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        (Message(role="user"), 4),
        (Message(role="user", content="abcdefgh"), 4 + 2),
        (Message(role="user", content=(TextPart("abcd"), ImagePart(url="https://x/y.png"))), 4 + 1 + 1000),
        (Message(role="user", content=(ImagePart(url="https://x/y.png"), TextPart("abcd"))), 4 + 1000 + 1),
        (
            Message(role="assistant", content="abcd", tool_calls=(ToolCall(id="1", name="abcdefgh", arguments="{}"),)),
            4 + 1 + 2 + 1,
        ),
    ],
)
def test_a_message_counts_its_wrapping_its_parts_and_its_calls(message: Message, tokens: int) -> None:
    assert prompt_tokens(LLMRequest(messages=(message,))) == 4 + tokens


def test_data_counts_as_the_json_that_is_sent_and_what_json_cannot_say_as_it_is_shown() -> None:
    assert prompt_tokens(LLMRequest(context={"a": [1, 2]})) == 4 + text_tokens('{"a": [1, 2]}')
    assert prompt_tokens(LLMRequest(context={"a": {1, 2}})) == 4 + text_tokens('{"a": "{1, 2}"}')


def test_a_tool_counts_its_wrapping_its_name_what_it_does_and_what_it_takes() -> None:
    tools = (
        Tool(name="abcd", description="abcdefgh"),
        Tool(name="abcdefgh", description="", parameters={"type": "object"}),
    )
    assert prompt_tokens(LLMRequest(tools=tools)) == 4 + (4 + 1 + 2) + (4 + 2 + text_tokens('{"type": "object"}'))


def test_a_schema_takes_room_beside_the_prompt() -> None:
    plain = LLMRequest(prompt="x" * 30)
    asked = replace(plain, response_format=JsonSchema(schema={"enum": ["a" * 60]}))
    assert prompt_tokens(asked) - prompt_tokens(plain) == MESSAGE_TOKENS + text_tokens(json.dumps({"enum": ["a" * 60]}))
    strange = replace(plain, response_format=JsonSchema(schema={"const": {1, 2}}))
    assert prompt_tokens(strange) > prompt_tokens(plain), "what JSON cannot say is estimated too"
