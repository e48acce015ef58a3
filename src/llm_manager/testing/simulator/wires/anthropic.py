"""Anthropic's Messages API, as its reference describes it and its SDK accepts it (checked 2026-11-21).

What Anthropic would refuse is in `anthropic_rules`. The vendor counts tokens from its cache apart from the others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Answered, CallTools, Say, Status
from llm_manager.testing.simulator.wires import anthropic_batches
from llm_manager.testing.simulator.wires.anthropic_rules import asked_by
from llm_manager.testing.simulator.wires.values import Fields, as_bytes, fragments, words
from llm_manager.testing.simulator.wires.wire import Wire

MODELS = ("claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "claude-haiku-4-5")

_STOPPED = {"stop": "end_turn", "length": "max_tokens"}
"""The vendor's words for what scripts call by OpenAI's."""

_BY_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("invalid_request_error", "The request could not be understood."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "model: not found"),
    413: ("request_too_large", "Request exceeds the maximum size."),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    503: ("overloaded_error", "Overloaded"),
    504: ("timeout_error", "Request timed out."),
    529: ("overloaded_error", "Overloaded"),
}
"""Status to type and message; others of 500 and above are ``api_error``."""

_BY_CODE: Mapping[str, tuple[str, str]] = {
    "insufficient_quota": ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    "context_length_exceeded": ("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
}

_RATE_HEADERS = {
    "anthropic-ratelimit-requests-limit": "4000",
    "anthropic-ratelimit-requests-remaining": "3999",
    "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01Z",
    "anthropic-ratelimit-tokens-limit": "480000",
    "anthropic-ratelimit-tokens-remaining": "479000",
    "anthropic-ratelimit-tokens-reset": "2026-11-21T12:00:01Z",
}


def _owns(received: Received) -> bool:
    path = received.path.split("?")[0]
    return path.endswith("/messages") or "/messages/batches" in path or "anthropic-version" in received.headers


def _listing(received: Received) -> bytes | None:
    """``GET /v1/models``."""
    if received.method != "GET" or "/models" not in received.path:
        return None
    rows = [
        {"type": "model", "id": name, "display_name": name.title(), "created_at": "2026-01-01T00:00:00Z"}
        for name in MODELS
    ]
    return as_bytes({"data": rows, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]})


def _body(asked: Asked, reply: Answered, number: int) -> bytes:
    message = {**_message(asked, number), "content": _blocks(reply), **_stopped(reply)}
    return as_bytes({**message, **({} if reply.usage is None else {"usage": _usage(reply)})})


def _message(asked: Asked, number: int) -> Fields:
    return {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": asked.model}


def _blocks(reply: Answered) -> list[Fields]:
    thought: list[Fields] = [{"type": "thinking", "thinking": reply.reasoning, "signature": "c2lnbmVk"}]
    return [*(thought if reply.reasoning else []), *_after_thoughts(reply)]


def _after_thoughts(reply: Answered) -> list[Fields]:
    if isinstance(reply, CallTools):
        return [
            {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": _input(arguments)}
            for index, (name, arguments) in enumerate(reply.pairs)
        ]
    return [] if reply.refusal else [{"type": "text", "text": reply.text}]


def _input(arguments: object) -> object:
    return json.loads(arguments) if isinstance(arguments, str) else arguments


def _stopped(reply: Answered) -> Fields:
    if isinstance(reply, CallTools):
        return {"stop_reason": "tool_use", "stop_sequence": None}
    if not reply.refusal:
        return {"stop_reason": _STOPPED.get(reply.finish, reply.finish), "stop_sequence": None}
    details = {"type": "refusal", "category": None, "explanation": reply.text}
    return {"stop_reason": "refusal", "stop_sequence": None, "stop_details": details}


def _usage(reply: Answered) -> Fields:
    prompt, answer = reply.usage or (0, 0)
    cached, reasoned = (reply.cached_tokens, reply.reasoning_tokens) if isinstance(reply, Say) else (0, 0)
    return {
        "input_tokens": prompt - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": answer,
        "output_tokens_details": {"thinking_tokens": reasoned},
    }


def _events(asked: Asked, reply: Answered, number: int) -> Sequence[bytes]:
    """The stream: the message begins, its blocks come one after the other, it says why it stopped, it stops."""
    usage = {} if reply.usage is None else {"usage": {**_usage(reply), "output_tokens": 1}}
    empty: Fields = {**_message(asked, number), "content": [], "stop_reason": None, "stop_sequence": None}
    ended = {} if reply.usage is None else {"usage": _usage(reply)}
    events: list[Fields] = [{"type": "message_start", "message": {**empty, **usage}}, {"type": "ping"}]
    for index, (block, deltas) in enumerate(_streamed(reply)):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events += [{"type": "message_delta", "delta": _stopped(reply), **ended}, {"type": "message_stop"}]
    return [_event(event) for event in events]


def _streamed(reply: Answered) -> Iterator[tuple[Fields, list[Fields]]]:
    """Each block as it begins, and how it grows."""
    if reply.reasoning:
        thoughts: list[Fields] = [{"type": "thinking_delta", "thinking": word} for word in words(reply.reasoning)]
        signed: Fields = {"type": "signature_delta", "signature": "c2lnbmVk"}
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signed]
    if isinstance(reply, CallTools):
        for index, (name, arguments) in enumerate(reply.pairs):
            text = arguments if isinstance(arguments, str) else json.dumps(dict(arguments), ensure_ascii=False)
            begun: Fields = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
            yield begun, [{"type": "input_json_delta", "partial_json": part} for part in ["", *fragments(text)]]
        return
    if not reply.refusal:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": word} for word in words(reply.text)]


def _event(event: Fields) -> bytes:
    return f"event: {event['type']}\ndata: ".encode() + as_bytes(event) + b"\n\n"


def _error(status: Status) -> bytes:
    return as_bytes(_said(status))


def _error_event(status: Status) -> bytes:
    return _event(_said(status))


def _said(status: Status) -> Fields:
    other = ("api_error" if status.status >= 500 else "invalid_request_error", "Something went wrong.")
    kind, message = _BY_CODE.get(status.code or "") or _BY_STATUS.get(status.status, other)
    said = message if status.message is None else status.message
    return {"type": "error", "error": {"type": kind, "message": said}, "request_id": "req_simulated"}


def _headers(number: int) -> Mapping[str, str]:
    return {"request-id": f"req_{number}", **_RATE_HEADERS}


WIRE = Wire(
    owns=_owns,
    read=asked_by,
    listing=_listing,
    body=_body,
    events=_events,
    error=_error,
    error_event=_error_event,
    headers=_headers,
    stream_type="text/event-stream; charset=utf-8",
    empty=as_bytes(
        {"id": "msg_0", "type": "message", "role": "assistant", "model": "", "content": [], "stop_reason": "end_turn"}
    ),
    ping=b'event: ping\ndata: {"type": "ping"}\n\n',
    desk=anthropic_batches.desk,
)
