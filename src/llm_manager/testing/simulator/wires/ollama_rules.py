"""What Ollama's API understands and what it refuses (API reference, 2026-11-21).

Ollama itself passes over fields it does not know; the simulator refuses those that stand for a wish of the caller,
because a client that sends them believes in something that will not happen.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import cast

from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Status
from llm_manager.testing.simulator.wires.values import Fields, fields_in, object_in, rows_in

_KNOWN = frozenset({"model", "messages", "stream", "format", "options", "tools", "think", "keep_alive", "logprobs"})
_ROLES = frozenset({"system", "user", "assistant", "tool"})


def asked_by(received: Received) -> Asked | Status:
    """What a ``POST /api/chat`` asks for, or how Ollama refuses it."""
    if received.method != "POST" or not received.path.endswith("/api/chat"):
        return Status(404, None, "404 page not found")
    fields = object_in(received.body)
    if fields is None:
        return Status(400, None, "invalid character looking for beginning of value")
    complaint = next(_complaints(fields), None)
    return _asked(fields) if complaint is None else Status(400, None, complaint)


def _asked(fields: Fields) -> Asked:
    messages = rows_in(fields, "messages")
    wanted = fields.get("format")
    return Asked(
        model=str(fields["model"]),
        last_text=str(messages[-1].get("content", "")) if messages else "",
        streamed=fields.get("stream") is not False,
        usage_streamed=True,
        json_only=wanted == "json",
        schema=fields_in(fields, "format") or None,
    )


def _complaints(fields: Fields) -> Iterator[str]:  # noqa: C901  # one flat list
    if not fields.get("model"):
        yield "model is required"
    for name in fields:
        if name not in _KNOWN:
            yield f"unknown field: {name}"
    for message in rows_in(fields, "messages"):
        if message.get("role") not in _ROLES:
            yield f"invalid role: {message.get('role')!r}"
        images = message.get("images", [])
        for image in cast("list[object]", images) if isinstance(images, list) else ["?"]:
            if not _is_base64(image):
                yield "illegal base64 data at input byte 4"
        for call in rows_in(message, "tool_calls"):
            if not isinstance(fields_in(call, "function").get("arguments"), dict):
                yield "json: cannot unmarshal string into Go struct field of type api.ToolCallFunctionArguments"
        if message.get("role") == "tool" and not message.get("tool_name"):
            yield "a tool message names its tool"
    if fields.get("format") not in (None, "", "json") and not isinstance(fields.get("format"), dict):
        yield 'invalid format: expected "json" or a JSON schema'


def _is_base64(image: object) -> bool:
    try:
        return isinstance(image, str) and bool(base64.b64decode(image, validate=True))
    except (binascii.Error, ValueError):
        return False
