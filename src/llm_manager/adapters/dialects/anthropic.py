"""Anthropic's Messages API: how a request is written.

Checked on 2026-11-21 against Anthropic's API reference ("Create a Message", "Structured outputs", "Thinking", "Tool
use") and the types of its SDK 2.11. The version of 2023 is asked for, because it still takes a temperature for the
models that do; those that do not are rows of the catalog. What ToolCall carries as its signature are the thinking
blocks that led to the call: the vendor wants them back, unchanged and in front of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from llm_manager.adapters.dialects.anthropic_answers import read_answer, read_models
from llm_manager.adapters.dialects.anthropic_stream import MessageReader
from llm_manager.adapters.dialects.anthropic_thoughts import Before, bound, is_bound, laid_out
from llm_manager.adapters.dialects.dialect import Dialect, Encoded, Headers
from llm_manager.adapters.dialects.images import inline
from llm_manager.adapters.dialects.json_values import Json, written
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
)
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target
from llm_manager.policies.call_ids import with_fitting_ids

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
    return [{"role": role, "content": _plain(blocks)} for role, blocks in merged(_turns(request, _before(request)))]


def _before(request: LLMRequest) -> Before | None:
    """What names the beginning of *request*, None where nothing in it is bound to that."""
    if not any(is_bound(message.tool_calls) for message in request.messages):
        return None
    return Before(system_text(request), [_tool(tool) for tool in request.tools])


def _turns(request: LLMRequest, before: Before | None) -> Iterator[tuple[str, list[Json]]]:
    for role, blocks in _unnamed_turns(request, before):
        if before is not None:
            before.add(role, blocks)
        yield role, blocks


def _unnamed_turns(request: LLMRequest, before: Before | None) -> Iterator[tuple[str, list[Json]]]:
    for message in with_fitting_ids(request.messages, "words"):
        if message.role == "assistant":
            yield "assistant", _said(message, "" if before is None else before.name)
        elif message.role == "tool":
            yield "user", [_result(message)]
        elif message.role == "user":
            yield "user", _content(message)
    prompt = with_context(request)
    if prompt:
        yield "user", [_text(prompt)]


def sign(response: LLMResponse, request: LLMRequest, _target: Target) -> LLMResponse:
    """*response* whose thoughts know what they are bound to: all of *request*."""
    if not is_bound(response.tool_calls):
        return response
    before = Before(system_text(request), [_tool(tool) for tool in request.tools])
    for _ in _turns(request, before):
        pass
    calls = (replace(call, signature=bound(call.signature, before.name)) for call in response.tool_calls)
    return replace(response, tool_calls=tuple(calls))


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


def _said(message: Message, before: str) -> list[Json]:
    """What the assistant said: its thoughts, its text, its calls, each call behind the thoughts that led to it."""
    content = _content(message)
    if not message.tool_calls:
        return content
    text = message.content if isinstance(message.content, str) else None
    return laid_out(text, message.tool_calls, content, before)


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
    sign=sign,
    headers={"anthropic-version": VERSION},
)
