"""OpenAI's chat completions, as its API reference describes them and its SDK accepts them (checked 2026-11-21).

Spoken by OpenAI under ``/v1``, by Groq under ``/openai/v1`` and by most gateways and local servers. What OpenAI itself
would refuse is in `openai_rules`. Text is sent as UTF-8 and not as escapes, as OpenAI does. Reasoning is told as Groq
tells it, in a field of its own beside the content; OpenAI itself tells none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Answered, Arguments, CallTools, Say, Status, Usage
from llm_manager.testing.simulator.wires import openai_batches
from llm_manager.testing.simulator.wires.openai_rules import asked_by
from llm_manager.testing.simulator.wires.values import Fields, as_bytes, fragments, words
from llm_manager.testing.simulator.wires.wire import Wire

MODELS = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-6.1-terra",
    "openai/gpt-oss-120b",
    "claude-sonnet-5-5",
    "claude-sonnet-5",
    "llama-3.3-70b-versatile",
)

_CREATED = 1_700_000_000

_BY_STATUS: Mapping[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "The request could not be understood."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    402: ("insufficient_quota", "insufficient_quota", "You exceeded your current quota."),
    403: ("permission_error", "permission_denied", "You are not allowed to use this model."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you do not have access to it."),
    413: ("invalid_request_error", "request_too_large", "The request is too large."),
    422: ("invalid_request_error", None, "The request could not be processed."),
    429: ("rate_limit_error", "rate_limit_exceeded", "Rate limit reached for requests."),
    503: ("server_error", "overloaded", "That model is currently overloaded with other requests."),
    529: ("overloaded_error", "overloaded", "Overloaded"),
}
"""Status to type, code and message; other statuses of 500 and above are server errors without a code."""

_BY_CODE: Mapping[str, tuple[str, str]] = {
    "insufficient_quota": (
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing.",
    ),
    "context_length_exceeded": ("invalid_request_error", "This model's maximum context length is 8192 tokens."),
    "content_filter": ("invalid_request_error", "The prompt was refused by the content filter."),
    "unknown_url": ("invalid_request_error", "Unknown request URL."),
}

_RATE_HEADERS = {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-limit-tokens": "160000",
    "x-ratelimit-remaining-tokens": "159976",
    "x-ratelimit-reset-tokens": "6m0s",
}


def _owns(received: Received) -> bool:
    return received.path.endswith("/chat/completions") or "/models" in received.path


def _listing(received: Received) -> bytes | None:
    """``GET /v1/models``, or one of them by its name."""
    if received.method != "GET" or "/models" not in received.path:
        return None
    rows = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "simulator"} for name in MODELS]
    _, _, wanted = received.path.partition("/models/")
    for row in rows:
        if row["id"] == wanted:
            return as_bytes(row)
    return None if wanted else as_bytes({"object": "list", "data": rows})


def _body(asked: Asked, reply: Answered, number: int) -> bytes:
    message: Fields = {"role": "assistant", "content": None, "refusal": None, **_said(reply)}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(reply)}
    usage = {} if reply.usage is None else {"usage": _usage(reply, reply.usage)}
    return as_bytes({**_envelope(asked, number, "chat.completion"), "choices": [choice], **usage})


def _events(asked: Asked, reply: Answered, number: int) -> Sequence[bytes]:
    """The stream: who speaks, what is said, why it ended, what it cost if that was asked for, and ``[DONE]``."""
    deltas: list[tuple[Fields, str | None]] = [({"role": "assistant", "content": "", "refusal": None}, None)]
    deltas += [(delta, None) for delta in _deltas(reply)]
    deltas.append(({}, _finish(reply)))
    envelope = _envelope(asked, number, "chat.completion.chunk")
    unknown = {"usage": None} if asked.usage_streamed else {}
    events: list[Fields] = [
        {**envelope, **unknown, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
        for delta, finish in deltas
    ]
    if asked.usage_streamed and reply.usage is not None:
        events.append({**envelope, "choices": [], "usage": _usage(reply, reply.usage)})
    return [*(b"data: " + as_bytes(event) + b"\n\n" for event in events), b"data: [DONE]\n\n"]


def _envelope(asked: Asked, number: int, kind: str) -> Fields:
    made = {"id": f"chatcmpl-{number}", "object": kind, "created": _CREATED, "model": asked.model}
    return {**made, "system_fingerprint": "fp_simulated"}


def _said(reply: Answered) -> Fields:
    if isinstance(reply, CallTools):
        return {"tool_calls": _calls(reply)}
    said: Fields = {"refusal": reply.text} if reply.refusal else {"content": reply.text}
    return {"reasoning": reply.reasoning, **said} if reply.reasoning else said


def _calls(reply: CallTools) -> list[Fields]:
    return [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": _arguments(arguments)}}
        for index, (name, arguments) in enumerate(reply.pairs)
    ]


def _arguments(arguments: Arguments) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(dict(arguments), ensure_ascii=False)


def _deltas(reply: Answered) -> list[Fields]:
    if isinstance(reply, Say):
        thought: list[Fields] = [{"reasoning": word} for word in words(reply.reasoning)]
        return [*thought, *({"refusal" if reply.refusal else "content": word} for word in words(reply.text))]
    deltas: list[Fields] = []
    for index, (name, arguments) in enumerate(reply.pairs):
        begun = {"index": index, "id": f"call_{index}", "type": "function"}
        deltas.append({"tool_calls": [{**begun, "function": {"name": name, "arguments": ""}}]})
        text = _arguments(arguments)
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": part}}]} for part in fragments(text)]
    return deltas


def _finish(reply: Answered) -> str:
    return "tool_calls" if isinstance(reply, CallTools) else reply.finish


def _usage(reply: Answered, usage: Usage) -> Fields:
    prompt, answer = usage
    cached, reasoned = (reply.cached_tokens, reply.reasoning_tokens) if isinstance(reply, Say) else (0, 0)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoned, "audio_tokens": 0},
    }


def _error(status: Status) -> bytes:
    unnamed = ("server_error" if status.status >= 500 else "invalid_request_error", None, "Something went wrong.")
    kind, code, message = _BY_STATUS.get(status.status, unnamed)
    if status.code is not None:
        code = status.code
        kind, message = _BY_CODE.get(code, (kind, message))
    said = message if status.message is None else status.message
    return as_bytes({"error": {"message": said, "type": kind, "param": status.param, "code": code}})


def _error_event(status: Status) -> bytes:
    return b"data: " + _error(status) + b"\n\n"


def _headers(number: int) -> Mapping[str, str]:
    return {"x-request-id": f"req_{number}", "openai-processing-ms": "1", **_RATE_HEADERS}


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
    empty=as_bytes({"id": "chatcmpl-0", "object": "chat.completion", "created": _CREATED, "model": "", "choices": []}),
    ping=b": ping\n\n",
    desk=openai_batches.desk,
)
