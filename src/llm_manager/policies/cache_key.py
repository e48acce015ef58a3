"""Under which key an answer is cached: a digest of everything that shapes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from llm_manager.domain.request import (
    ImagePart,
    JsonSchema,
    LLMRequest,
    Message,
    NamedTool,
    Preferences,
    ResponseFormat,
    TextPart,
    Tool,
)

_VERSION = 2
"""Raised whenever the canonical form changes, so that a shared store never answers by an older one."""


def cache_key(request: LLMRequest, route: Sequence[str]) -> str:
    """SHA-256, in hexadecimal, over a canonical JSON of *request* and of *route*, the keys of its targets in order.

    Canonical: an array with one place for each field, object keys sorted, ASCII only; no two requests that differ in
    anything the answer depends on share it, whatever text they hold. ``deadline_s`` and ``streaming`` are left out,
    for they shape how the answer travels and not what it says, and so are ``labels``, which no model sees.
    """
    form = [
        _VERSION,
        request.namespace,
        list(route),
        request.task_type,
        request.system_prompt,
        [_message(message) for message in request.messages],
        request.prompt,
        request.context,
        _preferences(request.preferences),
        [_tool(tool) for tool in request.tools],
        [request.tool_choice.name] if isinstance(request.tool_choice, NamedTool) else request.tool_choice,
        _response_format(request.response_format),
        [request.truncation, request.kept_messages] if request.kept_messages else request.truncation,
    ]
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), default=repr)
    return sha256(text.encode()).hexdigest()


def _message(message: Message) -> list[Any]:
    calls = [[call.id, call.name, call.arguments] for call in message.tool_calls]
    content = message.content
    parts = content if isinstance(content, str) else [_part(part) for part in content]
    return [message.role, parts, calls, message.tool_call_id]


def _part(part: TextPart | ImagePart) -> list[Any]:
    if isinstance(part, TextPart):
        return ["text", part.text]
    digest = None if part.data is None else sha256(part.data).hexdigest()
    return ["image", part.url, digest, part.media_type]


def _preferences(wish: Preferences) -> list[Any]:
    return [
        wish.model,
        wish.fallback,
        wish.max_tokens,
        wish.temperature,
        wish.top_p,
        wish.seed,
        list(wish.stop),
        wish.priority,
        *(() if wish.unsupported is None else (wish.unsupported,)),
    ]


def _tool(tool: Tool) -> list[Any]:
    return [tool.name, tool.description, tool.parameters]


def _response_format(wanted: ResponseFormat | None) -> list[Any] | None:
    if wanted is None:
        return None
    return ["schema", wanted.name, wanted.strict, wanted.schema] if isinstance(wanted, JsonSchema) else ["json"]
