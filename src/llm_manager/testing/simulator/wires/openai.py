"""OpenAI's chat completions, as its API reference describes them and its SDK accepts them (2026-11-21)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from llm_manager.testing.simulator.replies import CallTools, Say, Status
from llm_manager.testing.simulator.samples import sample

MODELS = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-5.6-terra",
    "openai/gpt-oss-120b",
    "claude-sonnet-5-5",
    "llama-3.3-70b-versatile",
)

_CREATED = 1_700_000_000

_TYPES = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    403: "permission_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
}

_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}

RATE_HEADERS = {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-limit-tokens": "160000",
    "x-ratelimit-remaining-tokens": "159976",
    "x-ratelimit-reset-tokens": "9ms",
}


def default_reply(asked: Any) -> Say:
    """What a model without a script says: a value of the schema it is held to, or the last message turned around."""
    wanted: Any = asked.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return Say(json.dumps(sample(wanted["json_schema"]["schema"])))
    if wanted.get("type") == "json_object":
        return Say('{"ok": true}')
    return Say(f"You said: {_last_text(asked)}")


def _last_text(asked: Any) -> str:
    content = asked["messages"][-1].get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "<image>") for part in content)


def complaint(asked: Any) -> Status | None:
    """What OpenAI itself would refuse in *asked*."""
    if not asked.get("model"):
        return Status(400, "missing_required_parameter", "you must provide a model parameter")
    if not asked.get("messages"):
        return Status(400, "invalid_value", "[] is too short - 'messages'")
    wanted: Any = asked.get("response_format") or {}
    if wanted.get("type") == "json_object" and "json" not in json.dumps(asked["messages"]).lower():
        return Status(400, None, "'messages' must contain the word 'json' in some form")
    return None


def completion(asked: Any, reply: Say | CallTools, number: int) -> bytes:
    """The body of an answer that is not streamed."""
    body = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": _CREATED,
        "model": asked["model"],
        "choices": [{"index": 0, "message": _message(reply), "logprobs": None, "finish_reason": _finish(reply)}],
        "system_fingerprint": "fp_simulated",
    }
    usage = _usage(reply)
    return json.dumps(body if usage is None else {**body, "usage": usage}).encode()


def chunks(asked: Any, reply: Say | CallTools, number: int) -> Sequence[bytes]:
    """The events of a streamed answer, the last one ``[DONE]``."""
    events = [_chunk(asked, number, {"role": "assistant", "content": ""})]
    events += [_chunk(asked, number, delta) for delta in _deltas(reply)]
    events.append(_chunk(asked, number, {}, _finish(reply)))
    options: Any = asked.get("stream_options") or {}
    if options.get("include_usage"):
        events.append({**_chunk(asked, number, {}), "choices": [], "usage": _usage(reply)})
    return [f"data: {json.dumps(event)}\n\n".encode() for event in events] + [b"data: [DONE]\n\n"]


def error(reply: Status) -> bytes:
    """The body of an error."""
    code = reply.code or _CODES.get(reply.status)
    kind = _TYPES.get(reply.status, "server_error" if reply.status >= 500 else "invalid_request_error")
    if reply.code == "insufficient_quota":
        kind = "insufficient_quota"
    return json.dumps({"error": {"message": reply.message, "type": kind, "param": None, "code": code}}).encode()


def models() -> bytes:
    """The body of ``GET /v1/models``."""
    rows = [{"id": name, "object": "model", "created": _CREATED, "owned_by": "simulator"} for name in MODELS]
    return json.dumps({"object": "list", "data": rows}).encode()


def _message(reply: Say | CallTools) -> dict[str, Any]:
    if isinstance(reply, CallTools):
        return {"role": "assistant", "content": None, "refusal": None, "tool_calls": _calls(reply)}
    if reply.refusal:
        return {"role": "assistant", "content": None, "refusal": reply.text}
    return {"role": "assistant", "content": reply.text, "refusal": None}


def _calls(reply: CallTools) -> list[dict[str, Any]]:
    return [
        {"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for index, (name, arguments) in enumerate(reply.calls.items())
    ]


def _deltas(reply: Say | CallTools) -> list[dict[str, Any]]:
    if isinstance(reply, CallTools):
        return [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(_calls(reply))]
    return [{"content": word} for word in _words(reply.text)]


def _words(text: str) -> list[str]:
    return [word for word in text.replace(" ", " \0").split("\0") if word]


def _finish(reply: Say | CallTools) -> str:
    return "tool_calls" if isinstance(reply, CallTools) else reply.finish


def _usage(reply: Say | CallTools) -> dict[str, Any] | None:
    if isinstance(reply, CallTools):
        return {"prompt_tokens": 11, "completion_tokens": 22, "total_tokens": 33}
    if reply.usage is None:
        return None
    prompt, completion_ = reply.usage
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion_,
        "total_tokens": prompt + completion_,
        "prompt_tokens_details": {"cached_tokens": reply.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens, "audio_tokens": 0},
    }


def _chunk(asked: Any, number: int, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": asked["model"],
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
