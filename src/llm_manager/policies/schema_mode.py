"""How a schema is put to a model: in its native form, as a tool, in JSON mode, or in words."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Literal, TypeAlias, assert_never

from llm_manager.domain.catalog import Capability
from llm_manager.domain.request import JsonMode, JsonSchema, LLMRequest, NamedTool, Tool
from llm_manager.domain.response import LLMResponse

SchemaMode: TypeAlias = Literal["json_schema", "tool", "json_mode", "prompt"]


def schema_mode(capabilities: frozenset[Capability], request: LLMRequest) -> SchemaMode:
    """The strongest form the model has. A request with tools of its own does not get another one put beside them."""
    if "json_schema" in capabilities:
        return "json_schema"
    if "tools" in capabilities and not request.tools:
        return "tool"
    return "json_mode" if "json_mode" in capabilities else "prompt"


def fitted(request: LLMRequest, mode: SchemaMode, schema: JsonSchema) -> LLMRequest:
    """*request*, which asks for *schema*, as a model of this *mode* understands it."""
    match mode:
        case "json_schema":
            return request
        case "tool":
            tool = Tool(name=schema.name, description="Give the answer by calling this.", parameters=schema.schema)
            return replace(request, response_format=None, tools=(tool,), tool_choice=NamedTool(schema.name))
        case "json_mode":
            return replace(request, response_format=JsonMode(), system_prompt=_instructed(request, schema))
        case "prompt":
            return replace(request, response_format=None, system_prompt=_instructed(request, schema))
        case _:
            assert_never(mode)


def unfitted(response: LLMResponse, mode: SchemaMode, schema: JsonSchema) -> LLMResponse:
    """The answer as if the model had the native form: the arguments of our tool are the content."""
    if mode != "tool":
        return response
    ours = [call for call in response.tool_calls if call.name == schema.name]
    if not ours:
        return response
    finish = "stop" if response.finish_reason == "tool_calls" else response.finish_reason
    return replace(response, content=ours[0].arguments, tool_calls=(), finish_reason=finish)


def _instructed(request: LLMRequest, schema: JsonSchema) -> str:
    wish = "Answer with one JSON value that satisfies this JSON schema, and nothing else:\n" + json.dumps(
        schema.schema, separators=(",", ":")
    )
    return f"{request.system_prompt}\n\n{wish}" if request.system_prompt else wish
