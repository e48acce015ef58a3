"""Groq's chat completions: OpenAI's, with the usage of a stream in the piece that ends it (checked 2026-11-21).

Some of its models take no JSON schema, and none takes a format beside tools.

Groq's API reference calls it ``x_groq``; the piece that OpenAI tells the usage in comes too if it is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Answered, Status
from llm_manager.testing.simulator.wires import openai
from llm_manager.testing.simulator.wires.values import Fields, as_bytes, fields_in, object_in, rows_in


def _events(asked: Asked, reply: Answered, number: int) -> Sequence[bytes]:
    told = json.loads(openai.WIRE.body(asked, reply, number)).get("usage")
    return [_with_usage(event, told, number) for event in openai.WIRE.events(asked, reply, number)]


def _with_usage(event: bytes, usage: object, number: int) -> bytes:
    text = event.removeprefix(b"data: ")
    if usage is None or b'"finish_reason": "' not in text:
        return event
    piece: dict[str, Any] = json.loads(text)
    return b"data: " + as_bytes({**piece, "x_groq": {"id": f"req_{number}", "usage": usage}}) + b"\n\n"


_SCHEMAS = re.compile(r"openai/gpt-oss-|qwen/qwen3\.8-")
"""Models that take a JSON schema ("Structured Outputs", "Supported models"; ``supports_response_schema`` of litellm
1.106.2). Read 2026-11-21."""


def _read(received: Received) -> Asked | Status:
    """What a request asks for, or how Groq refuses what OpenAI takes."""
    asked = openai.WIRE.read(received)
    fields = object_in(received.body)
    if isinstance(asked, Status) or fields is None:
        return asked
    return next(_refusals(fields), asked)


def _refusals(fields: Fields) -> Iterator[Status]:
    """In the words that were seen: vercel/ai#10023 and, of the schemas, what Llama 3.3 answered. Read 2026-11-21."""
    wanted = fields_in(fields, "response_format").get("type")
    if wanted == "json_schema" and not _SCHEMAS.match(str(fields.get("model"))):
        yield Status(400, None, "This model does not support response format `json_schema`.")
    if wanted in {"json_schema", "json_object"} and rows_in(fields, "tools"):
        yield Status(400, None, "json mode cannot be combined with tool/function calling")


def _owns(received: Received) -> bool:
    return "/openai/v1/" in received.path


WIRE = replace(openai.WIRE, owns=_owns, read=_read, events=_events)
