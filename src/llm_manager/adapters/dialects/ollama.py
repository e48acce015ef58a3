"""Ollama's own API: how a request is written.

Checked on 2026-11-21 against Ollama's API reference ("Generate a chat message", "Structured outputs", "Tool calling",
"Thinking") and the types of its SDK 0.6. Ollama has no words for a tool that must be called and fetches no images;
the catalog says so, and such a request passes it over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llm_manager.adapters.dialects.dialect import Dialect, Encoded, Headers
from llm_manager.adapters.dialects.images import inline
from llm_manager.adapters.dialects.json_values import Json, arguments_of, written
from llm_manager.adapters.dialects.ollama_answers import read_answer, read_models
from llm_manager.adapters.dialects.ollama_stream import ChatReader
from llm_manager.adapters.dialects.texts import text_of, with_context
from llm_manager.domain.request import ImagePart, JsonMode, JsonSchema, LLMRequest, Message, Tool, ToolCall
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target
from llm_manager.policies.call_ids import with_fitting_ids


def encode(request: LLMRequest, target: Target, streamed: bool) -> Encoded:  # noqa: FBT001  # the shape of a dialect
    """``POST /chat``. A tool choice of ``none`` is no tools."""
    options = _options(request)
    fields: dict[str, Any] = {
        "model": target.model,
        "messages": list(_messages(request)),
        "stream": streamed,
        **({"options": options} if options else {}),
        **_format(request),
    }
    if request.tools and request.tool_choice != "none":
        fields["tools"] = [_tool(tool) for tool in request.tools]
    return Encoded(path="chat", body=written(fields))


def authorization(key: Secret | None) -> Headers:
    """The header that carries *key*, which a server behind a proxy, and Ollama's own cloud, may want."""
    return {} if key is None else {"authorization": f"Bearer {key.reveal()}"}


def _options(request: LLMRequest) -> Json:
    wish = request.preferences
    options = {
        "temperature": wish.temperature,
        "num_predict": wish.max_tokens,
        "top_p": wish.top_p,
        "seed": wish.seed,
        "stop": list(wish.stop) or None,
    }
    return {name: value for name, value in options.items() if value is not None}


def _format(request: LLMRequest) -> Json:
    match request.response_format:
        case None:
            return {}
        case JsonMode():
            return {"format": "json"}
        case JsonSchema(schema=schema):
            return {"format": schema}


def _messages(request: LLMRequest) -> Iterator[Json]:
    names: dict[str, str] = {}
    if request.system_prompt:
        yield {"role": "system", "content": request.system_prompt}
    for message in with_fitting_ids(request.messages, "any"):
        names.update((call.id, call.name) for call in message.tool_calls)
        named = {"tool_name": names.get(message.tool_call_id or "", "")} if message.role == "tool" else {}
        yield {**_message(message), **named}
    prompt = with_context(request)
    if prompt:
        yield {"role": "user", "content": prompt}


def _message(message: Message) -> Json:
    fields: dict[str, Any] = {"role": message.role, "content": text_of(message)}
    images = [] if isinstance(message.content, str) else list(map(inline, _images(message)))
    if images:
        fields["images"] = [image.base64 for image in images if image is not None]
    if message.tool_calls:
        fields["tool_calls"] = [_call(call) for call in message.tool_calls]
    return fields


def _images(message: Message) -> Iterator[ImagePart]:
    return (part for part in message.content if isinstance(part, ImagePart))


def _call(call: ToolCall) -> Json:
    return {"function": {"name": call.name, "arguments": arguments_of(call.arguments)}}


def _tool(tool: Tool) -> Json:
    parameters = tool.parameters or {"type": "object", "properties": {}}
    function = {"name": tool.name, "description": tool.description, "parameters": parameters}
    return {"type": "function", "function": function}


DIALECT = Dialect(
    encode=encode,
    authorization=authorization,
    read_answer=read_answer,
    read_models=read_models,
    reader=ChatReader,
    framing="ndjson",
    stream_type="application/x-ndjson",
    models_path="tags",
)
