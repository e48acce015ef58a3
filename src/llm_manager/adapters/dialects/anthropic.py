"""Anthropic's Messages API: how a request is written.

Checked on 2026-11-21 against Anthropic's API reference ("Create a Message", "Structured outputs", "Thinking", "Tool
use") and the types of its SDK 2.11. The version of 2023 is asked for, because it still takes a temperature for the
models that do; those that do not are rows of the catalog. What ToolCall carries as its signature are the thinking
blocks that led to the call: the vendor wants them back, unchanged and in front of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llm_manager.adapters.dialects.anthropic_answers import read_answer, read_models
from llm_manager.adapters.dialects.anthropic_stream import MessageReader
from llm_manager.adapters.dialects.dialect import Dialect, Encoded, Headers
from llm_manager.adapters.dialects.images import inline
from llm_manager.adapters.dialects.json_values import Json, arguments_of, as_list, as_object, parse_json, written
from llm_manager.adapters.dialects.signatures import signed_by
from llm_manager.adapters.dialects.texts import system_text, with_context
from llm_manager.adapters.dialects.turns import merged
from llm_manager.domain.request import (
    ImagePart,
    JsonSchema,
    LLMRequest,
    Message,
    NamedTool,
    TextPart,
    Tool,
    ToolCall,
)
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target

VERSION = "2023-06-01"

FEWEST_TOKENS = 4_096
"""The limit of an answer where neither the caller nor the catalog knows one: every Claude can write as much."""


def encode(request: LLMRequest, target: Target, streamed: bool) -> Encoded:  # noqa: FBT001  # the shape of a dialect
    """``POST /messages``."""
    wish = request.preferences
    options = {
        "system": system_text(request) or None,
        "temperature": wish.temperature,
        "top_p": wish.top_p,
        "stop_sequences": list(wish.stop) or None,
        "output_config": _output_config(request),
        "stream": streamed or None,
    }
    fields: dict[str, Any] = {
        "model": target.model,
        "max_tokens": wish.max_tokens or target.default_max_tokens or FEWEST_TOKENS,
        "messages": _messages(request),
        **{name: value for name, value in options.items() if value is not None},
    }
    if request.tools:
        fields["tools"] = [_tool(tool) for tool in request.tools]
        fields["tool_choice"] = _tool_choice(request)
    body = written(fields)
    return Encoded(path="messages", body=body)


def authorization(key: Secret | None) -> Headers:
    """The header that carries *key*."""
    return {} if key is None else {"x-api-key": key.reveal()}


def _output_config(request: LLMRequest) -> Json | None:
    wanted = request.response_format
    if not isinstance(wanted, JsonSchema):
        return None  # there is no JSON mode without a schema; the system prompt asks for it
    return {"format": {"type": "json_schema", "schema": wanted.schema}}


def _messages(request: LLMRequest) -> list[Json]:
    """The turns: neighbours of one role are one, and the results of tools are said by the user."""
    return [{"role": role, "content": _plain(blocks)} for role, blocks in merged(_turns(request))]


def _turns(request: LLMRequest) -> Iterator[tuple[str, list[Json]]]:
    for message in request.messages:
        if message.role == "assistant":
            yield "assistant", _said(message)
        elif message.role == "tool":
            yield "user", [_result(message)]
        elif message.role == "user":
            yield "user", _content(message)
    prompt = with_context(request)
    if prompt:
        yield "user", [_text(prompt)]


def _plain(blocks: list[Json]) -> Any:
    """A single text stands for itself."""
    return blocks[0]["text"] if len(blocks) == 1 and blocks[0]["type"] == "text" else blocks


def _content(message: Message) -> list[Json]:
    """Its parts; an empty text would be refused."""
    content = message.content
    parts = (TextPart(content),) if isinstance(content, str) else content
    return [_part(part) for part in parts if isinstance(part, ImagePart) or part.text]


def _part(part: TextPart | ImagePart) -> Json:
    if isinstance(part, TextPart):
        return _text(part.text)
    image = inline(part)
    if image is None:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": image.base64}}


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _said(message: Message) -> list[Json]:
    """What the assistant said: its thoughts, its text, its calls, each call behind the thoughts that led to it."""
    blocks = _content(message)
    for index, call in enumerate(message.tool_calls):
        if index == 0:
            blocks = [*_thoughts(call), *blocks]
        else:
            blocks.extend(_thoughts(call))
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call.arguments)})
    return blocks


def _thoughts(call: ToolCall) -> list[Json]:
    """The thinking blocks that *call* carries; a signature of another vendor's holds none."""
    try:
        blocks = as_list(parse_json((signed_by("anthropic", call.signature) or "[]").encode()))
    except ValueError:
        return []
    return [as_object(block) for block in blocks]


def _result(message: Message) -> Json:
    return {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": _plain(_content(message)) or ""}


def _tool(tool: Tool) -> Json:
    schema = tool.parameters or {"type": "object", "properties": {}}
    described = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **described, "input_schema": schema}


def _tool_choice(request: LLMRequest) -> Json:
    choice = request.tool_choice
    if isinstance(choice, NamedTool):
        return {"type": "tool", "name": choice.name}
    return {"type": "any" if choice == "required" else choice}


DIALECT = Dialect(
    encode=encode,
    authorization=authorization,
    read_answer=read_answer,
    read_models=read_models,
    reader=MessageReader,
    models_path="models?limit=1000",
    headers={"anthropic-version": VERSION},
)
