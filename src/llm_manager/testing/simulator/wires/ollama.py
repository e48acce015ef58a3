"""Ollama's own API, as its reference describes it and its SDK accepts it (checked 2026-11-21).

What Ollama would refuse is in `ollama_rules`. A stream is one JSON text to a line; calls of tools come whole and
without ids, and an error is a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Answered, CallTools, Status
from llm_manager.testing.simulator.wires.ollama_rules import asked_by
from llm_manager.testing.simulator.wires.values import Fields, as_bytes, words
from llm_manager.testing.simulator.wires.wire import Wire

MODELS = ("llama3.2:latest", "llava:latest")

_CREATED = "2026-11-21T12:00:00.000000Z"

_BY_STATUS: Mapping[int, str] = {
    400: "invalid request",
    401: "unauthorized",
    403: "forbidden",
    404: "model 'none' not found",
    429: "too many concurrent requests",
    500: "model runner has unexpectedly stopped",
    502: "registry could not be reached",
    503: "server busy, please try again. maximum pending requests exceeded",
}

_BY_CODE: Mapping[str, str] = {
    "context_length_exceeded": "the prompt is longer than the context",
    "insufficient_quota": "you have reached your weekly usage limit",
}


def _owns(received: Received) -> bool:
    return "/api/" in received.path


def _listing(received: Received) -> bytes | None:
    """``GET /api/tags``."""
    if received.method != "GET" or not received.path.endswith("/api/tags"):
        return None
    details = {"parent_model": "", "format": "gguf", "family": "llama", "parameter_size": "3.2B"}
    rows = [
        {
            "name": name,
            "model": name,
            "modified_at": _CREATED,
            "size": 2_019_393_189,
            "digest": "a8",
            "details": details,
        }
        for name in MODELS
    ]
    return as_bytes({"models": rows})


def _body(asked: Asked, reply: Answered, _number: int) -> bytes:
    return as_bytes({**_piece(asked, _message(reply)), **_done(reply)})


def _piece(asked: Asked, message: Fields) -> Fields:
    return {"model": asked.model, "created_at": _CREATED, "message": {"role": "assistant", **message}, "done": False}


def _message(reply: Answered) -> Fields:
    if isinstance(reply, CallTools):
        return {"content": "", "tool_calls": _calls(reply)}
    thought = {"thinking": reply.reasoning} if reply.reasoning else {}
    return {"content": reply.text, **thought}


def _calls(reply: CallTools) -> list[Fields]:
    return [{"function": {"name": name, "arguments": _input(arguments)}} for name, arguments in reply.pairs]


def _input(arguments: object) -> object:
    return json.loads(arguments) if isinstance(arguments, str) else arguments


def _done(reply: Answered) -> Fields:
    """The end: why, and what it took. Durations are nanoseconds."""
    finish = "stop" if isinstance(reply, CallTools) else reply.finish
    took = {"total_duration": 5_000_000, "load_duration": 1_000_000}
    if reply.usage is None:
        return {"done": True, "done_reason": finish, **took}
    prompt, answer = reply.usage
    counted = {"prompt_eval_count": prompt, "eval_count": answer}
    return {"done": True, "done_reason": finish, **took, **counted}


def _events(asked: Asked, reply: Answered, _number: int) -> Sequence[bytes]:
    """The stream: pieces of the message, then an empty one that is done."""
    pieces: list[Fields]
    if isinstance(reply, CallTools):
        pieces = [{"content": "", "tool_calls": [call]} for call in _calls(reply)]
    else:
        pieces = [{"content": "", "thinking": word} for word in words(reply.reasoning)]
        pieces += [{"content": word} for word in words(reply.text)]
    last = {**_piece(asked, {"content": ""}), **_done(reply)}
    return [as_bytes(piece) + b"\n" for piece in (*(_piece(asked, each) for each in pieces), last)]


def _error(status: Status) -> bytes:
    said = status.message or _BY_CODE.get(status.code or "") or _BY_STATUS.get(status.status, "something went wrong")
    return as_bytes({"error": said})


def _error_event(status: Status) -> bytes:
    return _error(status) + b"\n"


def _headers(_number: int) -> Mapping[str, str]:
    return {}


WIRE = Wire(
    owns=_owns,
    read=asked_by,
    listing=_listing,
    body=_body,
    events=_events,
    error=_error,
    error_event=_error_event,
    headers=_headers,
    stream_type="application/x-ndjson",
    empty=as_bytes({"model": "", "created_at": _CREATED, "done": True, "done_reason": "stop"}),
    ping=b"\n",
)
