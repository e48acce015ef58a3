"""What comes back from Gemini: answers, lists of models, and errors told apart by their status and details.

Checked on 2026-11-21 against the Gemini API reference ("GenerateContentResponse", "Troubleshooting", "Rate limits") and
Google's error model (``google.rpc``). Statuses and reasons decide; a prompt that is too long is told by its sentence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from returns.result import Failure, Success

from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.error_words import ErrorWords, words_in, words_of
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.adapters.dialects.refusals import error_of
from llm_manager.adapters.dialects.signatures import signed
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.adapters.dialects.totals import in_total_only
from llm_manager.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    LLMError,
    MalformedResponse,
    ServerError,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.request import ToolCall
from llm_manager.domain.response import FinishReason, LLMResponse, ResponseMetadata, Usage
from llm_manager.domain.target import Target

OUR_ID = "gemini_call_"
"""What the id of a call begins with to which the vendor gave none."""

_ID_LENGTH = 20
"""How much of an answer's id goes into those of its calls."""

FINISH: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "LANGUAGE": "content_filter",
    "ESCALATION": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}

_BROKEN_OFF = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)
"""The model was about to say more, and could not: what text there is only leads up to it."""

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
    told = usage_of(as_object(answer.get("usageMetadata")))
    return paid_for(_response(answer, told, headers, target), told)


def _response(answer: Json, told: Usage, headers: Headers, target: Target) -> Outcome[LLMResponse, LLMError]:
    if answer.get("error") is not None:
        return Failure(read_error_inside(answer, headers, target))
    blocked = blocked_by(answer)
    if blocked is not None:
        return Failure(ContentFiltered(target.model, blocked))
    candidates = as_list(answer.get("candidates"))
    if not candidates:
        return Failure(MalformedResponse(target.model, "empty", "the answer has no candidates"))
    candidate = as_object(candidates[0])
    failed = failed_by(candidate, target)
    if failed is not None:
        return Failure(failed)
    parts, id_ = parts_of(candidate), as_text(answer.get("responseId"))
    called = [part for part in parts if "functionCall" in part]
    calls = tuple(call_of(part, index, id_) for index, part in enumerate(called))
    if not all(call.name for call in calls):
        return Failure(MalformedResponse(target.model, "protocol", "a tool call without a name"))
    text = "".join(text_of(part) for part in parts if not part.get("thought"))
    finish = finish_of(candidate) or "unknown"
    if not text and not calls and finish != "length":
        return Failure(MalformedResponse(target.model, "empty", f"no text and no call: {why_ended(candidate)}"))
    return Success(
        LLMResponse(
            content=text,
            model=target.model,
            usage=told,
            finish_reason="tool_calls" if calls and finish == "stop" else finish,
            tool_calls=calls,
            reasoning="".join(text_of(part) for part in parts if part.get("thought")),
            metadata=ResponseMetadata(
                provider=target.provider.name,
                request_id=request_id_of(headers) or id_,
                response_id=id_,
                served_model=as_text(answer.get("modelVersion")) or None,
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


def failed_by(candidate: Json, target: Target) -> LLMError | None:
    """The error that a reason to end is, None for one that leaves an answer."""
    reason = as_text(candidate.get("finishReason")) or ""
    if FINISH.get(reason) == "content_filter":
        return ContentFiltered(target.model, why_ended(candidate))
    if reason in _BROKEN_OFF:
        return MalformedResponse(target.model, "empty", f"no whole answer: {why_ended(candidate)}")
    if reason == "PUP_LIMITED_DISABLED":  # the account has broken the vendor's rules of use
        return AuthenticationFailed(target.model, forbidden=True, message=why_ended(candidate))
    return None


def text_of(part: Json) -> str:
    """The text of a part that has one."""
    return as_text(part.get("text")) or ""


def call_of(part: Json, index: int, response_id: str | None) -> ToolCall:
    """The tool call in *part*, the one at *index*. Before Gemini 3 the vendor gives it no id; ours is another one in
    every answer, since other vendors refuse a conversation in which two calls share one, and short, since they refuse
    more than 40 characters."""
    ours = f"{OUR_ID}{response_id[-_ID_LENGTH:]}_{index}" if response_id else f"{OUR_ID}{index}"
    call = as_object(part.get("functionCall"))
    return ToolCall(
        id=as_text(call.get("id")) or ours,
        name=as_text(call.get("name")) or "",
        arguments=json.dumps(as_object(call.get("args")), ensure_ascii=False),
        signature=signed("gemini", as_text(part.get("thoughtSignature"))),
    )


COUNTS = (
    "promptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "toolUsePromptTokenCount",
    "totalTokenCount",
    "cachedContentTokenCount",
)
"""What of its usage is read. Each piece of a stream tells some, and what it says beside them is not kept."""


def usage_of(usage: Json) -> Usage:
    """The tokens that *usage* tells. The vendor counts thoughts apart from the answer, and leaves out counts of 0; what
    only its total holds are thoughts too (google-genai 3.4, ``GenerateContentResponseUsageMetadata``)."""
    asked, said = as_count(usage.get("promptTokenCount")), as_count(usage.get("candidatesTokenCount"))
    thought = as_count(usage.get("thoughtsTokenCount"))
    searched = as_count(usage.get("toolUsePromptTokenCount")) or 0
    prompt = None if asked is None else asked + searched
    completion = None if said is None and thought is None else (said or 0) + (thought or 0)
    total = as_count(usage.get("totalTokenCount"))
    if prompt is not None and (completion is not None or total is not None):
        completion = (completion or 0) + in_total_only(total, prompt + (completion or 0))
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
    """What an answer with an error *status* means; of a stream that is not one of events it is a list."""
    return _error(status, words_of(body), headers, target)


def read_error_inside(answer: Json, headers: Headers, target: Target) -> LLMError:
    """What an error under status 200, or in a stream, means."""
    words = words_in(answer)
    return _error(words.status or _STATUS_OF.get(words.code, 500), words, headers, target)


def _error(status: int, words: ErrorWords, headers: Headers, target: Target) -> LLMError:
    details = [as_object(detail) for detail in as_list(words.error.get("details"))]
    if any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        return AuthenticationFailed(target.model, message=words.message)
    if "FAILED_PRECONDITION" in words.codes:  # of the account: no billing where there is no free tier
        return AuthenticationFailed(target.model, forbidden=True, message=words.message)
    if status == 499:  # CANCELLED, and not by us, who have the answer: they lost it on the way
        return ServerError(target.model, 504, words.message)
    return error_of(status, words, headers, target)
