"""What comes back from Gemini: answers, lists of models, and errors told apart by their status and details.

Checked on 2026-11-21 against the Gemini API reference ("GenerateContentResponse", "Troubleshooting", "Rate limits") and
Google's error model (``google.rpc``). Statuses and reasons decide; a prompt that is too long is told by its sentence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from returns.result import Failure, Success

from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers, is_answered
from llm_manager.adapters.dialects.error_envelopes import error_in
from llm_manager.adapters.dialects.error_words import ErrorWords, words_in, words_of
from llm_manager.adapters.dialects.fields import (
    arguments_text_of,
    flag_of,
    object_of,
    objects_of,
    strictly,
    text_of,
)
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
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta, ToolCallDelta
from llm_manager.domain.target import Target

OUR_ID = "gemini_call_"
"""What the id of a call begins with to which the vendor gave none."""

_ID_LENGTH = 20
"""How much of an answer's id goes into those of its calls."""

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
    if not is_answered(status):
        return Failure(read_error(status, headers, body, target))
    read = read_object(body, target)
    if isinstance(read, Failure):
        return read
    answer = read.unwrap()
    told = usage_of(as_object(answer.get("usageMetadata")))
    return paid_for(strictly(target, _response, answer, told, headers, target), told)


def _response(answer: Json, told: Usage, headers: Headers, target: Target) -> Outcome[LLMResponse, LLMError]:
    error = error_in(answer)
    if error is not None:
        return Failure(read_error_inside(error, headers, target))
    blocked = blocked_by(answer)
    if blocked is not None:
        return Failure(ContentFiltered(target.model, blocked))
    candidates = objects_of(answer.get("candidates"), "candidates")
    if not candidates:
        return Failure(MalformedResponse(target.model, "empty", "the answer has no candidates"))
    found = Assembly(target, request_id_of(headers))
    found.usage = told
    found.response_id = as_text(answer.get("responseId"))
    found.served_model = as_text(answer.get("modelVersion")) or None
    read = read_candidate(candidates[0], found, target)
    if isinstance(read, Failure):
        return read
    found.finish = found.finish or "unknown"  # it is whole, whatever it says of its end
    return found.whole()


def read_candidate(candidate: Json, answer: Assembly, target: Target) -> Outcome[Sequence[Delta], LLMError]:
    """What a candidate, or a piece of one, adds to *answer*: its parts, and why it ended."""
    deltas: list[Delta] = []
    content = object_of(candidate.get("content"), "candidates[0].content")
    for part in objects_of(content.get("parts"), "candidates[0].content.parts"):
        text = text_of(part.get("text"), "candidates[0].content.parts.text")
        if part.get("functionCall") is not None:
            called = _call(part, answer)
            if isinstance(called, Failure):
                return called
            deltas.append(called.unwrap())
        elif text:
            is_thought = flag_of(part.get("thought"), "candidates[0].content.parts.thought")
            deltas.append(answer.think(text) if is_thought else answer.say(text))
    word = text_of(candidate.get("finishReason"), "candidates[0].finishReason")
    if word is not None:
        answer.end_with(word)
        answer.failure = failed_by(word, candidate, answer, target)
    return Success(deltas)


def request_id_of(headers: Headers) -> str | None:
    """The id of the request, in a header that not every front end of Google sends."""
    return headers.get("x-request-id") or headers.get("x-goog-request-id")


def blocked_by(answer: Json) -> str | None:
    """Why the prompt itself was refused, None if it was not."""
    return as_text(as_object(answer.get("promptFeedback")).get("blockReason"))


def why_ended(candidate: Json) -> str:
    """Why the answer ended in the vendor's words."""
    return as_text(candidate.get("finishMessage")) or as_text(candidate.get("finishReason")) or ""


def failed_by(word: str, candidate: Json, answer: Assembly, target: Target) -> LLMError | None:
    """The error that the reason to end *word* is, None for one that leaves an answer."""
    if answer.finish == "content_filter":
        return ContentFiltered(target.model, why_ended(candidate))
    if word == "PUP_LIMITED_DISABLED":  # the account has broken the vendor's rules of use
        return AuthenticationFailed(target.model, forbidden=True, message=why_ended(candidate))
    if word in _BROKEN_OFF:
        return MalformedResponse(target.model, "empty", f"no whole answer: {why_ended(candidate)}")
    return answer.failure


def _call(part: Json, answer: Assembly) -> Outcome[ToolCallDelta, MalformedResponse]:
    """The tool call in *part*. Before Gemini 3 the vendor gives it no id; ours is another one in every answer, since
    other vendors refuse a conversation in which two calls share one, and short, since they refuse more than 40
    characters."""
    index, response_id = len(answer.calls), answer.response_id
    ours = f"{OUR_ID}{response_id[-_ID_LENGTH:]}_{index}" if response_id else f"{OUR_ID}{index}"
    call = object_of(part.get("functionCall"), "functionCall")
    name = text_of(call.get("name"), "functionCall.name")
    if not name:
        return Failure(answer.protocol("a tool call without a name"))
    return answer.begin_call(
        text_of(call.get("id"), "functionCall.id") or ours,
        name,
        arguments_text_of(call.get("args"), "functionCall.args") or "{}",
        signed("gemini", text_of(part.get("thoughtSignature"), "thoughtSignature")),
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
    if not is_answered(status):
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
