"""In which form a schema is put to a model, and the answer brought back from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_manager.domain.catalog import PROVIDERS, Capability, ModelFacts
from llm_manager.domain.request import (
    JsonMode,
    JsonSchema,
    LLMRequest,
    NamedTool,
    Tool,
    ToolCall,
)
from llm_manager.domain.response import FinishReason, LLMResponse, SchemaMode
from llm_manager.domain.stream import Delta, ReasoningDelta, TextDelta, ToolCallDelta
from llm_manager.domain.target import Target
from llm_manager.policies.schema_mode import JSON_WISH, fitted, mode_for, unfitted, unfitted_deltas

SCHEMA = JsonSchema(schema={"type": "object", "properties": {"a": {"type": "integer"}}})
ASKED = LLMRequest(prompt="x", response_format=SCHEMA, system_prompt="be short")


def able(*capabilities: Capability, provider: str = "openai") -> Target:
    facts = ModelFacts(name="m", provider=provider, capabilities=frozenset(capabilities))
    return Target(model="m", provider=PROVIDERS[provider], facts=facts, service=provider, base_url="", key="k")


def test_a_schema_is_put_in_the_strongest_form_the_model_has() -> None:
    assert mode_for(ASKED, able("json_schema", "tools")) == "json_schema"
    assert mode_for(ASKED, able("tools", "json_mode")) == "tool"
    assert mode_for(ASKED, able("tools", "json_mode", provider="ollama")) == "json_mode", "no tool must be called there"
    assert mode_for(replace(ASKED, tools=(Tool(name="f"),)), able("tools", "json_mode")) == "json_mode"
    assert mode_for(ASKED, able()) == "prompt"
    assert mode_for(LLMRequest(prompt="x"), able()) is None
    assert mode_for(LLMRequest(prompt="x", response_format=JsonMode()), able("json_schema")) == "prompt"


def test_as_a_tool_the_schema_is_what_the_model_must_call_and_its_arguments_the_answer() -> None:
    sent = fitted(ASKED, "tool")
    assert sent.tool_choice == NamedTool("answer")
    assert [tool.parameters for tool in sent.tools] == [SCHEMA.schema]
    called = LLMResponse(
        content="", model="m", finish_reason="tool_calls", tool_calls=(ToolCall(id="1", name="answer", arguments="{}"),)
    )
    assert unfitted(called, ASKED, "tool") == LLMResponse(content="{}", model="m", finish_reason="stop")
    ignored = LLMResponse(content="text", model="m")
    assert unfitted(ignored, ASKED, "tool") is ignored
    assert unfitted(called, ASKED, "prompt") is called


def test_in_words_the_schema_stands_in_the_system_prompt() -> None:
    said = fitted(ASKED, "prompt").system_prompt or ""
    assert said.startswith("be short")
    assert '"integer"' in said
    assert fitted(replace(ASKED, system_prompt=None), "json_mode").response_format == JsonMode()
    assert "JSON object" in (fitted(LLMRequest(prompt="x", response_format=JsonMode()), "prompt").system_prompt or "")
    assert fitted(ASKED, "json_schema") is ASKED


BOUNDED = JsonSchema(schema={"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}})
NAMED_LIKE_ONE = JsonSchema(schema={"type": "object", "properties": {"minimum": {"type": "integer"}}})


@pytest.mark.parametrize(
    ("schema", "provider", "mode"),
    [
        (SCHEMA, "anthropic", "json_schema"),
        (replace(SCHEMA, strict=False), "anthropic", "tool"),
        (BOUNDED, "anthropic", "tool"),
        (NAMED_LIKE_ONE, "anthropic", "json_schema"),
        (replace(BOUNDED, strict=False), "anthropic", "tool"),
        (replace(BOUNDED, strict=False), "openai", "json_schema"),
    ],
)
def test_what_the_native_form_refuses_is_put_as_a_tool(schema: JsonSchema, provider: str, mode: str) -> None:
    asked = replace(ASKED, response_format=schema)
    assert mode_for(asked, able("json_schema", "tools", provider=provider)) == mode


def test_a_schema_that_is_not_strict_is_native_where_only_keywords_are_refused() -> None:
    picky = able("json_schema", "tools")
    picky = replace(picky, provider=replace(picky.provider, schema_refuses=frozenset({"minimum"})))
    assert mode_for(replace(ASKED, response_format=replace(SCHEMA, strict=False)), picky) == "json_schema"
    assert mode_for(replace(ASKED, response_format=BOUNDED), picky) == "tool"


def test_a_model_that_refuses_forced_tools_is_not_given_a_schema_as_one() -> None:
    sonnet = able("json_schema", "tools", provider="anthropic")
    sonnet = replace(sonnet, facts=replace(sonnet.facts, unsupported=frozenset({"tool_choice"})))
    assert mode_for(replace(ASKED, response_format=BOUNDED), sonnet) == "prompt"
    assert mode_for(ASKED, sonnet) == "json_schema"


def test_groq_is_given_no_format_beside_tools() -> None:
    groq = able("json_schema", "json_mode", "tools", provider="groq")
    with_tools = replace(ASKED, tools=(Tool(name="f"),))
    assert (mode_for(ASKED, groq), mode_for(with_tools, groq)) == ("json_schema", "prompt")
    assert mode_for(replace(with_tools, response_format=JsonMode()), groq) == "prompt"


def test_json_mode_is_asked_for_only_where_there_is_one() -> None:
    any_json = LLMRequest(prompt="x", response_format=JsonMode())
    assert mode_for(any_json, able("json_mode", "tools")) == "json_mode"
    assert mode_for(any_json, able("tools")) == "prompt"
    assert mode_for(ASKED, able("json_mode")) == "json_mode"


WORDS = (
    "Answer with one JSON value that satisfies this JSON schema, and nothing else:\n"
    '{"type":"object","properties":{"a":{"type":"integer"}}}'
)


@pytest.mark.parametrize(
    ("request_", "mode", "sent"),
    [
        (LLMRequest(prompt="x"), None, LLMRequest(prompt="x")),
        (ASKED, "json_schema", ASKED),
        (ASKED, "prompt", replace(ASKED, response_format=None, system_prompt=f"be short\n\n{WORDS}")),
        (ASKED, "json_mode", replace(ASKED, response_format=JsonMode(), system_prompt=f"be short\n\n{WORDS}")),
        (
            LLMRequest(prompt="x", response_format=JsonMode()),
            "json_mode",
            LLMRequest(prompt="x", response_format=JsonMode(), system_prompt=JSON_WISH),
        ),
        (replace(ASKED, system_prompt=""), "prompt", LLMRequest(prompt="x", system_prompt=WORDS)),
        (
            ASKED,
            "tool",
            LLMRequest(
                prompt="x",
                system_prompt="be short",
                tools=(
                    Tool(
                        name="answer",
                        description="Give the answer by calling this.",
                        parameters=SCHEMA.schema,
                    ),
                ),
                tool_choice=NamedTool("answer"),
            ),
        ),
    ],
)
def test_a_request_is_sent_as_a_model_of_its_mode_understands_it(
    request_: LLMRequest, mode: SchemaMode | None, sent: LLMRequest
) -> None:
    assert fitted(request_, mode) == sent


def test_as_a_tool_any_json_is_an_object() -> None:
    [tool] = fitted(LLMRequest(prompt="x", response_format=JsonMode()), "tool").tools
    assert (tool.name, tool.parameters) == ("answer", {"type": "object"})


def test_the_wish_for_json_has_the_word_that_json_mode_wants() -> None:
    assert "JSON" in JSON_WISH


def calls(*named: str, finish: FinishReason = "tool_calls") -> LLMResponse:
    made = tuple(ToolCall(id=name, name=name, arguments=f'"{name}"') for name in named)
    return LLMResponse(content="beside", model="m", finish_reason=finish, tool_calls=made)


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (calls("answer"), LLMResponse(content='"answer"', model="m", finish_reason="stop")),
        (calls("other", "answer"), LLMResponse(content='"answer"', model="m", finish_reason="stop")),
        (calls("answer", finish="length"), LLMResponse(content='"answer"', model="m", finish_reason="length")),
        (calls("other"), calls("other")),
        (calls(), calls()),
    ],
)
def test_the_arguments_of_our_tool_are_the_answer(response: LLMResponse, answer: LLMResponse) -> None:
    assert unfitted(response, ASKED, "tool") == answer


def test_a_call_is_no_answer_where_no_schema_was_asked_for() -> None:
    called = calls("answer")
    assert unfitted(called, LLMRequest(prompt="x"), "tool") is called


def test_of_a_stream_our_tools_arguments_are_the_text_and_what_is_said_beside_is_left_out() -> None:
    deltas: list[Delta] = [
        TextDelta("beside"),
        ReasoningDelta("because"),
        ToolCallDelta(index=0, id="1", name="answer"),
        ToolCallDelta(index=0, arguments="{}"),
    ]
    assert unfitted_deltas(deltas, "tool") == [ReasoningDelta("because"), TextDelta("{}")]
    assert unfitted_deltas(deltas, "json_schema") is deltas
