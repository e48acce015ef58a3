"""What comes back from Gemini: answers, lists of models, and errors told apart by their status and details.

Checked on 2026-11-21 against the Gemini API reference ("GenerateContentResponse", "Troubleshooting", "Rate limits") and
Google's error model (``google.rpc``). Statuses and reasons decide, never the wording of a message; the one exception
are the figures of a prompt that is too long.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from returns.result import Failure, Success

from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text, parse_json
from llm_manager.adapters.dialects.signatures import signed
from llm_manager.adapters.dialects.statuses import MESSAGE_LENGTH, by_status, read_object, retry_after_s
from llm_manager.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLarge,
    LLMError,
    MalformedResponse,
    QuotaExhausted,
    RateLimitExceeded,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import ToolCall
from llm_manager.domain.response import FinishReason, LLMResponse, ResponseMetadata, Usage
from llm_manager.domain.target import Target

OUR_ID = "gemini_call_"
"""What the id of a call begins with to which the vendor gave none."""

FINISH: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}

_STATUS_OF: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


def read_answer(status: int, headers: Headers, body: bytes, target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response that *body* holds, or the error it is."""
    if status != 200:
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    answer = read.unwrap()
    if answer.get("error") is not None:
        return Failure(read_error_inside(answer, headers, target))
    return _response(answer, headers, target)


def _response(answer: Json, headers: Headers, target: Target) -> Outcome[LLMResponse, LLMError]:
    blocked = blocked_by(answer)
    if blocked is not None:
        return Failure(ContentFiltered(target.model, blocked))
    candidates = as_list(answer.get("candidates"))
    if not candidates:
        return Failure(MalformedResponse(target.model, "empty", "the answer has no candidates"))
    candidate = as_object(candidates[0])
    parts = parts_of(candidate)
    calls = tuple(call_of(part, index) for index, part in enumerate(part for part in parts if "functionCall" in part))
    text = "".join(text_of(part) for part in parts if not part.get("thought"))
    finish = finish_of(candidate) or "unknown"
    if finish == "content_filter":
        return Failure(ContentFiltered(target.model, why_ended(candidate)))
    if not text and not calls and finish != "length":
        return Failure(MalformedResponse(target.model, "empty", f"no text and no call: {why_ended(candidate)}"))
    return Success(
        LLMResponse(
            content=text,
            model=target.model,
            usage=usage_of(as_object(answer.get("usageMetadata"))),
            finish_reason="tool_calls" if calls and finish == "stop" else finish,
            tool_calls=calls,
            reasoning="".join(text_of(part) for part in parts if part.get("thought")),
            metadata=ResponseMetadata(
                provider=target.provider.name, request_id=request_id_of(headers) or as_text(answer.get("responseId"))
            ),
        )
    )


def request_id_of(headers: Headers) -> str | None:
    """The id of the request, in a header that not every front end of Google sends."""
    return headers.get("x-request-id") or headers.get("x-goog-request-id")


def blocked_by(answer: Json) -> str | None:
    """Why the prompt itself was refused, None if it was not."""
    return as_text(as_object(answer.get("promptFeedback")).get("blockReason"))


def parts_of(candidate: Json) -> Sequence[Json]:
    """What a candidate is made of."""
    return [as_object(part) for part in as_list(as_object(candidate.get("content")).get("parts"))]


def finish_of(candidate: Json) -> FinishReason | None:
    """Why the answer ended, in our own words; None while it goes on."""
    reason = as_text(candidate.get("finishReason"))
    return None if reason is None else FINISH.get(reason, "unknown")


def why_ended(candidate: Json) -> str:
    """The same in the vendor's words."""
    return as_text(candidate.get("finishMessage")) or as_text(candidate.get("finishReason")) or ""


def text_of(part: Json) -> str:
    """The text of a part that has one."""
    return as_text(part.get("text")) or ""


def call_of(part: Json, index: int) -> ToolCall:
    """The tool call in *part*, the one at *index*; the vendor need not give it an id."""
    call = as_object(part.get("functionCall"))
    return ToolCall(
        id=as_text(call.get("id")) or f"{OUR_ID}{index}",
        name=as_text(call.get("name")) or "",
        arguments=json.dumps(as_object(call.get("args")), ensure_ascii=False),
        signature=signed("gemini", as_text(part.get("thoughtSignature"))),
    )


def usage_of(usage: Json) -> Usage:
    """The tokens that *usage* tells. The vendor counts thoughts apart from the answer."""
    asked, said = as_count(usage.get("promptTokenCount")), as_count(usage.get("candidatesTokenCount"))
    thought = as_count(usage.get("thoughtsTokenCount"))
    searched = as_count(usage.get("toolUsePromptTokenCount")) or 0
    prompt = None if asked is None else asked + searched
    completion = None if said is None and thought is None else (said or 0) + (thought or 0)
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        cached_tokens=as_count(usage.get("cachedContentTokenCount")),
        reasoning_tokens=thought,
        total_tokens=None if prompt is None or completion is None else prompt + completion,
    )


def read_models(status: int, headers: Headers, body: bytes, target: Target) -> Outcome[tuple[str, ...], LLMError]:
    """The names in the answer to ``GET /models``."""
    if status != 200:
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    listed = as_list(read.unwrap().get("models"))
    names = (as_text(as_object(row).get("name")) for row in listed)
    return Success(tuple(name.removeprefix("models/") for name in names if name is not None))


def read_error(status: int, headers: Headers, body: bytes, target: Target) -> LLMError:
    """What an answer with an error *status* means."""
    try:
        answer = parse_json(body)
    except ValueError:
        answer = None
    listed = as_list(answer)  # a stream that is not one of events is a list
    error = as_object(as_object(listed[0] if listed else answer).get("error"))
    said = as_text(error.get("message")) or body.decode(errors="replace")
    return _error(status, error, said[:MESSAGE_LENGTH], headers, target)


def read_error_inside(answer: Json, headers: Headers, target: Target) -> LLMError:
    """What an error under status 200, or in a stream, means."""
    error = as_object(answer.get("error"))
    status = as_count(error.get("code")) or _STATUS_OF.get(as_text(error.get("status")) or "", 500)
    return _error(status, error, (as_text(error.get("message")) or "")[:MESSAGE_LENGTH], headers, target)


_TOO_LONG = re.compile(r"token count \((\d{3,9})\) exceeds the maximum number of tokens allowed \((\d{3,9})\)")


def _error(status: int, error: Json, said: str, headers: Headers, target: Target) -> LLMError:
    details = [as_object(detail) for detail in as_list(error.get("details"))]
    if status == 429:
        if any("PerDay" in quota for quota in _quotas(details)):
            return QuotaExhausted(target.model, said)
        delay_s = _retry_delay_s(details)
        return RateLimitExceeded(target.model, retry_after_s(headers) if delay_s is None else delay_s, said)
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        return AuthenticationFailed(target.model, message=said)
    too_long = _TOO_LONG.search(said) if status == 400 else None
    if too_long is not None:
        return ContextTooLarge(target.model, int(too_long[1]), int(too_long[2]), said)
    return by_status(status, said, target)


def _quotas(details: Sequence[Json]) -> Iterator[str]:
    """The names of the quotas that were exceeded: those of a day are not worth a wait."""
    for detail in details:
        for violation in as_list(detail.get("violations")):
            yield as_text(as_object(violation).get("quotaId")) or ""


def _retry_delay_s(details: Sequence[Json]) -> float | None:
    """``retryDelay`` of ``google.rpc.RetryInfo``: seconds with an s behind them."""
    for detail in details:
        text = as_text(detail.get("retryDelay")) or ""
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?s", text):
            return float(text[:-1])
    return None
