"""Groq's chat completions: OpenAI's, with the usage of a stream in the piece that ends it (checked 2026-11-21).

Groq's API reference calls it ``x_groq``; the piece that OpenAI tells the usage in comes too if it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Answered
from llm_manager.testing.simulator.wires import openai
from llm_manager.testing.simulator.wires.values import as_bytes


def _events(asked: Asked, reply: Answered, number: int) -> Sequence[bytes]:
    told = json.loads(openai.WIRE.body(asked, reply, number)).get("usage")
    return [_with_usage(event, told, number) for event in openai.WIRE.events(asked, reply, number)]


def _with_usage(event: bytes, usage: object, number: int) -> bytes:
    text = event.removeprefix(b"data: ")
    if usage is None or b'"finish_reason": "' not in text:
        return event
    piece: dict[str, Any] = json.loads(text)
    return b"data: " + as_bytes({**piece, "x_groq": {"id": f"req_{number}", "usage": usage}}) + b"\n\n"


def _owns(received: Received) -> bool:
    return "/openai/v1/" in received.path


WIRE = replace(openai.WIRE, owns=_owns, events=_events)
