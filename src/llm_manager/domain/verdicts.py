"""What is to be done about an error: the fault matrix, as total functions over the union.

Three questions are kept apart: may the same target be asked again, may the next model be asked, and does the failure
speak against the target's health. After an *ambiguous* failure the model may have done, and billed, the work already,
so it is asked again at most once, and not at all where another model can be asked or ``retry.ambiguous`` is off.
"""

from __future__ import annotations

from typing import Literal, TypeAlias, assert_never

from llm_manager.domain.errors import (
    AllModelsFailed,
    AuthenticationFailed,
    BudgetExceeded,
    CircuitOpen,
    ConfigurationError,
    ContentFiltered,
    ContextTooLarge,
    ConversationConflict,
    ConversationNotFound,
    ExtractionFailed,
    GatewayError,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    ModelUnavailable,
    NetworkError,
    QuotaExhausted,
    RateLimitExceeded,
    RequestTimedOut,
    ResponseTruncated,
    SchemaMismatch,
    ServerError,
    StoreUnavailable,
    StreamBroken,
    UnsupportedCapability,
)

Again: TypeAlias = Literal["yes", "once", "other_key", "if_ambiguous_allowed", "no"]
"""May the same target be asked again: always, one more time, with another key, only by opt-in, or not at all."""

NextModel: TypeAlias = Literal["yes", "larger_window", "if_ambiguous_allowed", "if_filtered_allowed", "no"]
"""May the next model be asked: always, only one with a larger window, only by opt-in, or not at all."""

LONGEST_WAIT_S = 60.0
"""A schedule does not wait for a Retry-After above this: the next model is asked instead."""

OVERLOADED = (498, 503, 529)
"""Refused before work began. 498 is Groq's ("flex tier capacity exceeded"), 529 Anthropic's."""

AMBIGUOUS_STATUS = (502, 504, *range(520, 525))
"""A proxy lost its upstream: the work may have been done. 520 to 524 are Cloudflare's."""


def again(error: LLMError) -> Again:  # noqa: C901, PLR0912  # one flat table
    """May the same target be asked again after *error*?"""
    match error:
        case NetworkError(ambiguous=True):
            return "if_ambiguous_allowed"
        case NetworkError(cause=cause):
            return "no" if cause == "tls" else "once" if cause == "dns" else "yes"
        case RequestTimedOut(phase=phase):
            return "no" if phase == "total" else "if_ambiguous_allowed"
        case RateLimitExceeded(local=True):
            return "no"
        case RateLimitExceeded(retry_after_s=wait_s):
            return "yes" if wait_s is None or wait_s <= LONGEST_WAIT_S else "no"
        case ServerError(status_code=status) | GatewayError(status_code=status):
            return _again_by_status(status)
        case MalformedResponse(reason=reason):
            if reason in ("empty", "protocol"):
                return "once"
            return "if_ambiguous_allowed" if reason in ("truncated", "undecodable", "unfinished") else "no"
        case StreamBroken():
            return "if_ambiguous_allowed"
        case AuthenticationFailed(forbidden=forbidden):
            return "no" if forbidden else "other_key"
        case QuotaExhausted():
            return "other_key"
        case (
            ModelUnavailable()
            | InvalidRequest()
            | ContextTooLarge()
            | ContentFiltered()
            | CircuitOpen()
            | ExtractionFailed()
            | SchemaMismatch()
            | ResponseTruncated()
            | UnsupportedCapability()
            | AllModelsFailed()
            | BudgetExceeded()
            | ConversationNotFound()
            | ConversationConflict()
            | StoreUnavailable()
            | ConfigurationError()
        ):
            return "no"
        case _:
            assert_never(error)


def next_model(error: LLMError) -> NextModel:  # noqa: C901  # one flat table
    """May the next model be asked after *error*?"""
    match error:
        case NetworkError(cause="local"):
            return "no"
        case NetworkError(ambiguous=ambiguous):
            return "if_ambiguous_allowed" if ambiguous else "yes"
        case RequestTimedOut(phase=phase):
            return "no" if phase == "total" else "if_ambiguous_allowed"
        case ServerError(status_code=status) | GatewayError(status_code=status):
            return _again_by_status(status)
        case MalformedResponse(reason=reason):
            if reason in ("oversize", "redirect"):
                return "no"
            return "if_ambiguous_allowed" if reason == "truncated" else "yes"
        case StreamBroken():
            return "if_ambiguous_allowed"
        case ContextTooLarge():
            return "larger_window"
        case ContentFiltered():
            return "if_filtered_allowed"
        case (
            RateLimitExceeded()
            | AuthenticationFailed()
            | QuotaExhausted()
            | ModelUnavailable()
            | CircuitOpen()
            | UnsupportedCapability()
        ):
            return "yes"
        case (
            InvalidRequest()
            | ExtractionFailed()
            | SchemaMismatch()
            | ResponseTruncated()
            | AllModelsFailed()
            | BudgetExceeded()
            | ConversationNotFound()
            | ConversationConflict()
            | StoreUnavailable()
            | ConfigurationError()
        ):
            return "no"
        case _:
            assert_never(error)


def may_ask_next(error: LLMError, *, ambiguous: bool, after_filter: bool) -> bool:
    """May the next model be asked after *error*, with the user's opt-ins ``retry.ambiguous`` and
    ``routing.after_filter``? One whose window is larger may not be known here."""
    match next_model(error):
        case "yes" | "larger_window":
            return True
        case "if_ambiguous_allowed":
            return ambiguous
        case "if_filtered_allowed":
            return after_filter
        case "no":
            return False


def _again_by_status(status: int) -> Literal["yes", "if_ambiguous_allowed", "no"]:
    if status in AMBIGUOUS_STATUS:
        return "if_ambiguous_allowed"
    return "yes" if status >= 500 or status in OVERLOADED else "no"


def is_transient(error: LLMError) -> bool:
    """Could the very same request, sent again to the same target without any opt-in, succeed?

    >>> is_transient(ServerError("gpt", 503)), is_transient(InvalidRequest(()))
    (True, False)
    """
    return again(error) in ("yes", "once")


def is_ambiguous(error: LLMError) -> bool:
    """May the model have done the work, and billed it, although no answer came?"""
    return again(error) == "if_ambiguous_allowed" or isinstance(error, RequestTimedOut)


def retry_after_s(error: LLMError) -> float | None:
    """Seconds the other side asked us to stay away, None when it did not say, or may be well sooner."""
    if isinstance(error, CircuitOpen) and error.probing:
        return None
    return error.retry_after_s if isinstance(error, RateLimitExceeded | CircuitOpen | ServerError) else None


def counts_against_breaker(error: LLMError) -> bool:  # one flat table
    """Does *error* speak against the health of its target, and not against the request, the key or us?

    The caller's own deadline does not: it may be shorter than the model usually takes.
    """
    match error:
        case NetworkError(cause=cause):
            return cause not in ("tls", "local")
        case MalformedResponse(reason=reason):
            return reason in ("truncated", "undecodable", "protocol")
        case GatewayError(status_code=status):
            return status >= 500
        case RequestTimedOut(phase=phase):
            return phase != "total"
        case ServerError() | StreamBroken():
            return True
        case (
            RateLimitExceeded()
            | AuthenticationFailed()
            | QuotaExhausted()
            | ModelUnavailable()
            | InvalidRequest()
            | ContextTooLarge()
            | ContentFiltered()
            | CircuitOpen()
            | ExtractionFailed()
            | SchemaMismatch()
            | ResponseTruncated()
            | UnsupportedCapability()
            | AllModelsFailed()
            | BudgetExceeded()
            | ConversationNotFound()
            | ConversationConflict()
            | StoreUnavailable()
            | ConfigurationError()
        ):
            return False
        case _:
            assert_never(error)


def model_of(error: LLMError) -> str:
    """The model that *error* is about, empty for one that is not about a model."""
    return str(getattr(error, "model", ""))


def nothing_was_sent(error: LLMError) -> bool:
    """Is it certain that the request never left: so that what was reserved for it can be given back?"""
    match error:
        case NetworkError(ambiguous=ambiguous):
            return not ambiguous
        case RateLimitExceeded(local=is_local):
            return is_local
        case CircuitOpen() | BudgetExceeded() | UnsupportedCapability() | ConfigurationError():
            return True
        case _:
            return False
