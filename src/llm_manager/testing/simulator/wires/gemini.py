"""Google's Gemini API, as its reference describes it and its SDK accepts it (checked 2026-11-21).

What Gemini would refuse is in `gemini_rules`. Thoughts are counted apart from the answer, and a call carries the
signature of the thoughts that led to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.received import Received
from llm_manager.testing.simulator.replies import Answered, CallTools, Say, Status
from llm_manager.testing.simulator.wires.gemini_rules import asked_by, is_generation, version_of, wants_list
from llm_manager.testing.simulator.wires.values import Fields, as_bytes, words
from llm_manager.testing.simulator.wires.wire import Wire

MODELS = ("gemini-3.8-flash", "gemini-2.5-pro")

_FINISHED = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
"""The vendor's words for what scripts call by OpenAI's."""

_BY_STATUS: Mapping[int, tuple[str, str]] = {
    400: ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    401: ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    403: ("PERMISSION_DENIED", "The caller does not have permission"),
    404: ("NOT_FOUND", "models/none is not found for API version v1beta"),
    429: ("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
    500: ("INTERNAL", "An internal error has occurred."),
    503: ("UNAVAILABLE", "The model is overloaded. Please try again later."),
    504: ("DEADLINE_EXCEEDED", "The request timed out."),
}

_QUOTA = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quotaValue": "20"}],
}
_BAD_KEY = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "API_KEY_INVALID",
    "domain": "googleapis.com",
}

_BY_CODE: Mapping[str, tuple[str, str, Sequence[Fields]]] = {
    "insufficient_quota": ("RESOURCE_EXHAUSTED", "You exceeded your current quota.", (_QUOTA,)),
    "invalid_api_key": ("INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", (_BAD_KEY,)),
    "context_length_exceeded": (
        "INVALID_ARGUMENT",
        "The input token count exceeds the maximum number of tokens allowed 1048576.",
        (),
    ),
}


def _owns(received: Received) -> bool:
    return is_generation(received.path) or "x-goog-api-key" in received.headers or "/v1beta/" in received.path


def _listing(received: Received) -> bytes | None:
    """``GET /v1beta/models``."""
    if received.method != "GET" or not received.path.split("?")[0].endswith("/models"):
        return None
    rows = [
        {
            "name": f"models/{name}",
            "version": "001",
            "displayName": name,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["generateContent", "countTokens"],
        }
        for name in MODELS
    ]
    return as_bytes({"models": rows})


def _body(asked: Asked, reply: Answered, number: int) -> bytes:
    return as_bytes(_response(asked, number, _parts(asked, reply, number), _finish(reply), reply))


def _response(asked: Asked, number: int, parts: Sequence[Fields], finish: str | None, reply: Answered) -> Fields:
    """The whole response, or one piece of a stream, which counts what there is so far."""
    ended = {} if finish is None else {"finishReason": finish}
    usage = {} if reply.usage is None else {"usageMetadata": _usage(reply)}
    candidate = {"content": {"parts": parts, "role": "model"}, **ended, "index": 0}
    return {"candidates": [candidate], **usage, "modelVersion": asked.model, "responseId": f"resp_{number}"}


def _parts(asked: Asked, reply: Answered, number: int) -> list[Fields]:
    if isinstance(reply, CallTools):
        ids = [f"call_{number}_{index}" for index in range(len(reply.pairs))]
        named = ids if version_of(asked.model) >= (3, 0) else [None] * len(ids)
        return [
            _call(*pair, id_, signed=index == 0)
            for index, (pair, id_) in enumerate(zip(reply.pairs, named, strict=True))
        ]
    thought: list[Fields] = [{"text": reply.reasoning, "thought": True}]
    return [*(thought if reply.reasoning else []), {"text": reply.text}]


def _call(name: str, arguments: object, id_: str | None, *, signed: bool) -> Fields:
    """Only the first call of a turn is signed, and from Gemini 3 on each has an id."""
    value = json.loads(arguments) if isinstance(arguments, str) else arguments
    said = {"name": name, "args": value, **({} if id_ is None else {"id": id_})}
    return {"functionCall": said, **({"thoughtSignature": "c2lnbmVk"} if signed else {})}


def _finish(reply: Answered) -> str:
    return "STOP" if isinstance(reply, CallTools) else _FINISHED.get(reply.finish, reply.finish)


def _usage(reply: Answered) -> Fields:
    prompt, answer = reply.usage or (0, 0)
    cached, reasoned = (reply.cached_tokens, reply.reasoning_tokens) if isinstance(reply, Say) else (0, 0)
    return {
        "promptTokenCount": prompt,
        "candidatesTokenCount": answer - reasoned,
        "thoughtsTokenCount": reasoned,
        "cachedContentTokenCount": cached,
        "totalTokenCount": prompt + answer,
    }


def _events(asked: Asked, reply: Answered, number: int) -> Sequence[bytes]:
    """The stream: pieces of the answer, the last of which says why it ended. Nothing follows it."""
    return [b"data: " + piece + b"\r\n\r\n" for piece in _streamed(asked, reply, number)]


def _listed(asked: Asked, reply: Answered, number: int) -> Sequence[bytes]:
    """The same as one long list, which is what a client gets that does not ask for events."""
    first, *others = _streamed(asked, reply, number)
    return [b"[" + first, *(b"\n,\r\n" + piece for piece in others), b"\n]"]


def _streamed(asked: Asked, reply: Answered, number: int) -> list[bytes]:
    pieces = _pieces(asked, reply, number)
    last = len(pieces) - 1
    return [
        as_bytes(_response(asked, number, [piece], _finish(reply) if place == last else None, reply))
        for place, piece in enumerate(pieces)
    ]


def _pieces(asked: Asked, reply: Answered, number: int) -> list[Fields]:
    if isinstance(reply, CallTools):
        return _parts(asked, reply, number)
    thoughts: list[Fields] = [{"text": word, "thought": True} for word in words(reply.reasoning)]
    said: list[Fields] = [{"text": word} for word in words(reply.text)]
    return [*thoughts, *said, {"text": ""}]


def _error(status: Status) -> bytes:
    return as_bytes(_said(status))


def _said(status: Status) -> Fields:
    other = ("INTERNAL" if status.status >= 500 else "INVALID_ARGUMENT", "Something went wrong.")
    plain = (*_BY_STATUS.get(status.status, other), _details(status))
    name, message, details = _BY_CODE.get(status.code or "", plain)
    said = message if status.message is None else status.message
    return {"error": {"code": status.status, "message": said, "status": name, "details": list(details)}}


def _details(status: Status) -> Sequence[Fields]:
    """Google says in the body, and not in a header, when to come back."""
    wait = status.headers.get("retry-after", "")
    if status.status != 429 or not wait.isdigit():
        return ()
    return ({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{wait}s"},)


def _error_event(status: Status) -> bytes:
    return b"data: " + _error(status) + b"\r\n\r\n"


def _headers(number: int) -> Mapping[str, str]:
    return {"server-timing": f"gfet4t7; dur={number}"}


WIRE = Wire(
    owns=_owns,
    read=asked_by,
    listing=_listing,
    body=_body,
    events=_events,
    error=_error,
    error_event=_error_event,
    headers=_headers,
    stream_type="text/event-stream",
    empty=as_bytes({"candidates": [], "usageMetadata": {"promptTokenCount": 3}}),
    ping=b": ping\r\n\r\n",
)


def _owns_list(received: Received) -> bool:
    return wants_list(received.path)


def _error_in_list(status: Status) -> bytes:
    return b"[" + _error(status) + b"\n]"


LIST_WIRE = replace(
    WIRE,
    owns=_owns_list,
    events=_listed,
    error_event=_error_in_list,
    stream_type="application/json; charset=UTF-8",
)
"""Streams as Portkey's gateway asks for them."""
