"""In which form a schema is put to a model, and the answer brought back from it."""

from __future__ import annotations

from dataclasses import replace

from llm_manager.domain.catalog import PROVIDERS, Capability, ModelFacts
from llm_manager.domain.request import (
    JsonMode,
    JsonSchema,
    LLMRequest,
    NamedTool,
    Tool,
    ToolCall,
)
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.target import Target
from llm_manager.policies.schema_mode import fitted, mode_for, unfitted

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
