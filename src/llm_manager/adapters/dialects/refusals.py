"""What an error in a vendor's own words means: by its code where it has one, else by the sentence it is.

A status alone says too little: a window that is too small, an empty account and a parameter that one model does not
take are all 400, and some servers tell them as 500. The words are in
:mod:`~llm_manager.adapters.dialects.refusal_words`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final, assert_never

from llm_manager.adapters.dialects.error_words import ErrorWords
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.adapters.dialects.rate_headers import asked_wait_s, wait_s
from llm_manager.adapters.dialects.refusal_words import CODES, SENTENCES, Meaning, Sentence
from llm_manager.adapters.dialects.statuses import by_status
from llm_manager.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLarge,
    LLMError,
    MalformedResponse,
    ModelUnavailable,
    QuotaExhausted,
    RateLimitExceeded,
    UnsupportedCapability,
)
from llm_manager.domain.target import Target

_OVER_A_LIMIT: Final = re.compile(r"\w{1,40}_(?:spend|spending|usage|budget)_limit_(?:exceeded|reached)")
"""How OpenAI calls every limit of spending, whoever set it."""

_PARAMETERS: Final[Mapping[str, str]] = {
    "response_format": "json_schema",
    "format": "json_schema",
    "output_config": "json_schema",
    "tools": "tools",
    "functions": "tools",
    "stop_sequences": "stop",
    "stopSequences": "stop",
    "topP": "top_p",
    "random_seed": "seed",
}
"""Fields of a request, as our own words have them."""


STATUS_OF: Final[Mapping[str, int]] = {
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
    "invalid_api_key": 401,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "too_many_requests": 429,
    "insufficient_quota": 429,
    "api_error": 500,
    "service_unavailable": 503,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def error_inside(words: ErrorWords, headers: Mapping[str, str], target: Target) -> LLMError:
    """The error that *words* inside an answer of status 200 are: they tell a status, or a code does."""
    by_code = (STATUS_OF[code] for code in words.codes if code in STATUS_OF)
    return error_of(words.status or next(by_code, 500), words, headers, target)


def error_of(status: int, words: ErrorWords, headers: Mapping[str, str], target: Target) -> LLMError:
    """The error that *words* under *status* are."""
    refused = refusal_of(status, words, headers, target)
    if refused is not None:
        return refused
    if status == 429:
        return RateLimitExceeded(target.model, wait_s(headers, words.error, words.text), words.message)
    return by_status(status, words.message, asked_wait_s(headers, words.error, words.text), target)


def refusal_of(status: int, words: ErrorWords, headers: Mapping[str, str], target: Target) -> LLMError | None:
    """What the vendor's own words mean, None if they say no more than *status*."""
    if status == 429 and _is_used_up(words.error):
        return QuotaExhausted(target.model, words.message)
    meaning = _by_code(words)
    if status == 401 and meaning != "quota":
        return None
    sentence, found = _sentence(status, words.text)
    if meaning is None:
        meaning = None if sentence is None else sentence.meaning
    if meaning is None or (meaning == "rate" and status >= 500):
        return None
    named = {} if found is None or sentence is None or sentence.meaning != meaning else found.groupdict()
    return _error(meaning, words, named, headers, target)


def _is_used_up(error: Json) -> bool:
    """Does Google say that there is no more, and not that it was too much at once? A quota of a day, or one of nothing,
    is not worth a wait."""
    details = map(as_object, as_list(error.get("details")))
    violations = [as_object(each) for detail in details for each in as_list(detail.get("violations"))]
    names = ((as_text(each.get("quotaId")) or "", as_text(each.get("quotaValue")) or "") for each in violations)
    return any("PerDay" in name or value == "0" for name, value in names)


def _by_code(words: ErrorWords) -> Meaning | None:
    for code in words.codes:
        meaning = CODES.get(code.lower())
        if meaning is not None:
            return meaning
        if _OVER_A_LIMIT.fullmatch(code):
            return "quota"
    number = words.error.get("code")
    return CODES.get(number) if isinstance(number, str) else None


def _sentence(status: int, text: str) -> tuple[Sentence | None, re.Match[str] | None]:
    """The first sentence of the tables that is in *text*."""
    for sentence in SENTENCES:
        if status in sentence.at and (found := _compiled(sentence.pattern).search(text)):
            return sentence, found
    return None, None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when the first error is read: with the module it would cost tens of milliseconds at every start."""
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


def _error(  # noqa: C901  # one flat table
    meaning: Meaning, words: ErrorWords, named: Mapping[str, str | None], headers: Mapping[str, str], target: Target
) -> LLMError:
    model, said = target.model, words.message
    match meaning:
        case "window":
            return _too_large(words, named, target)
        case "quota":
            return QuotaExhausted(model, said)
        case "rate":
            return RateLimitExceeded(model, wait_s(headers, words.error, words.text), said)
        case "unmade":
            return MalformedResponse(model, "empty", said)
        case "schema":
            return UnsupportedCapability(model, "json_schema", said)
        case "parameter":
            name = (words.param or named.get("name") or "").rpartition(".")[2]
            return UnsupportedCapability(model, _PARAMETERS.get(name, name) or "a parameter", said)
        case "vision" | "tools":
            return UnsupportedCapability(model, meaning, said)
        case "model":
            return ModelUnavailable(model, said)
        case "filtered":
            return ContentFiltered(model, said)
        case "key":
            return AuthenticationFailed(model, message=said)
        case "closed":
            return AuthenticationFailed(model, forbidden=True, message=said)
        case _:
            assert_never(meaning)


_COUNT: Final = re.compile(r"(\d{1,3}(?:,\d{3}){1,3}|\d{3,10}) tokens")


def _too_large(words: ErrorWords, named: Mapping[str, str | None], target: Target) -> ContextTooLarge:
    """With both figures where they are told: as fields (llama.cpp), by the pattern, or, in a sentence that is not
    known, the window first and the request second. The catalog knows the window too."""
    asked, window = as_count(words.error.get("n_prompt_tokens")), as_count(words.error.get("n_ctx"))
    asked, window = asked or _count(named.get("asked")), window or _count(named.get("window"))
    if asked is None and window is None:
        told = [_count(figure) for figure in _COUNT.findall(words.text)[:2]]
        window, asked = (told[0] if told else None), (told[1] if len(told) == 2 else None)
    return ContextTooLarge(target.model, asked, window or target.facts.window_tokens, words.message)


def _count(figure: str | None) -> int | None:
    return int(figure.replace(",", "")) if figure else None
