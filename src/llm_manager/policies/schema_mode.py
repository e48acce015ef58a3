"""How a schema is put to a model: in its native form, as a tool, in JSON mode, or in words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from llm_manager.domain.request import JsonMode, JsonSchema, LLMRequest, NamedTool, Tool
from llm_manager.domain.response import LLMResponse, SchemaMode
from llm_manager.domain.stream import Delta, ReasoningDelta, TextDelta, ToolCallDelta
from llm_manager.domain.target import Target
from llm_manager.policies.strict_schema import keywords

JSON_WISH = "Answer with one JSON object, and nothing else."


def mode_for(request: LLMRequest, target: Target) -> SchemaMode | None:
    """The strongest form *target* has for what the request wants of its answer; None when it wants nothing.

    A request with tools of its own does not get another one put beside them, and a tool that need not be called holds
    a model to nothing.
    """
    wanted, capabilities = request.response_format, target.facts.capabilities
    if wanted is None:
        return None
    if isinstance(wanted, JsonSchema):
        if "json_schema" in capabilities and not _refused(wanted, target.provider.schema_refuses):
            return "json_schema"
        can_force = "tool_choice" not in target.provider.unsupported | target.facts.unsupported
        if "tools" in capabilities and not request.tools and can_force:
            return "tool"
    return "json_mode" if "json_mode" in capabilities else "prompt"


def _refused(wanted: JsonSchema, refused: frozenset[str]) -> bool:
    """Does the native form refuse what *wanted* is written with?"""
    return bool(refused) and ((not wanted.strict and "strict" in refused) or bool(keywords(wanted.schema) & refused))


def fitted(request: LLMRequest, mode: SchemaMode | None) -> LLMRequest:
    """*request* as a model of this *mode* understands it."""
    wanted = request.response_format
    match mode:
        case None | "json_schema":
            return request
        case "tool":
            schema = wanted if isinstance(wanted, JsonSchema) else JsonSchema(schema={"type": "object"})
            tool = Tool(name=schema.name, description="Give the answer by calling this.", parameters=schema.schema)
            return replace(request, response_format=None, tools=(tool,), tool_choice=NamedTool(schema.name))
        case "json_mode":
            return replace(request, response_format=JsonMode(), system_prompt=_instructed(request))
        case "prompt":
            return replace(request, response_format=None, system_prompt=_instructed(request))
        case _:
            assert_never(mode)


def unfitted(response: LLMResponse, request: LLMRequest, mode: SchemaMode | None) -> LLMResponse:
    """The answer as if the model had the native form: the arguments of our tool are the content."""
    wanted = request.response_format
    if mode != "tool" or not isinstance(wanted, JsonSchema):
        return response
    ours = [call for call in response.tool_calls if call.name == wanted.name]
    if not ours:
        return response
    finish = "stop" if response.finish_reason == "tool_calls" else response.finish_reason
    return replace(response, content=ours[0].arguments, tool_calls=(), finish_reason=finish)


def unfitted_deltas(deltas: Sequence[Delta], mode: SchemaMode | None) -> Sequence[Delta]:
    """Pieces of an answer as the native form would have given them: the arguments of our tool are the text.

    What the model says beside the call is not the answer.
    """
    if mode != "tool":
        return deltas
    return [
        TextDelta(delta.arguments) if isinstance(delta, ToolCallDelta) else delta
        for delta in deltas
        if (delta.arguments if isinstance(delta, ToolCallDelta) else isinstance(delta, ReasoningDelta))
    ]


def _instructed(request: LLMRequest) -> str:
    """The system prompt with the wish in words. JSON mode needs it too: OpenAI refuses one without the word JSON."""
    wish = JSON_WISH
    if isinstance(request.response_format, JsonSchema):
        schema = json.dumps(request.response_format.schema, separators=(",", ":"))
        wish = f"Answer with one JSON value that satisfies this JSON schema, and nothing else:\n{schema}"
    return f"{request.system_prompt}\n\n{wish}" if request.system_prompt else wish
