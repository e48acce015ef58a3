"""Failures that were paid for: which errors can carry the usage of an answer, and how they come by it.

An answer that is of no use, withheld, empty or broken off, has been generated and is billed like any other.
"""

from __future__ import annotations

from typing import Final, TypeAlias, TypeVar

from returns.result import Failure, Success

from llm_manager.domain.changed import changed
from llm_manager.domain.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLarge,
    ExtractionFailed,
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
    StreamBroken,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import Usage
from llm_manager.domain.verdicts import is_ambiguous

A = TypeVar("A")

Payable: TypeAlias = (
    ModelUnavailable
    | RateLimitExceeded
    | QuotaExhausted
    | InvalidRequest
    | AuthenticationFailed
    | RequestTimedOut
    | ContextTooLarge
    | NetworkError
    | ServerError
    | MalformedResponse
    | ContentFiltered
    | StreamBroken
    | ExtractionFailed
    | SchemaMismatch
    | ResponseTruncated
)
"""What a model that has been asked can fail with: in place of an answer, with one, or in the middle of a stream."""

NOTHING_TOLD: Final = Usage()


def usage_of(error: LLMError) -> Usage | None:
    """What has been used for the answer that *error* came with, None where there was none or nothing is known of it.

    >>> usage_of(ServerError("gpt", 500, usage=Usage(prompt_tokens=7))).prompt_tokens
    7
    """
    return error.usage if isinstance(error, Payable) else None


def with_usage(error: LLMError, usage: Usage) -> LLMError:
    """*error* with *usage*, as it is where that tells nothing or the error says already what was used."""
    if usage == NOTHING_TOLD or not isinstance(error, Payable) or error.usage is not None:
        return error
    return changed(error, usage=usage)


def may_have_been_paid(error: LLMError) -> bool:
    """May what failed with *error*, once it was sent, have been answered and billed, although nothing says so?

    >>> may_have_been_paid(RequestTimedOut("gpt", 5.0)), may_have_been_paid(ServerError("gpt", 503))
    (True, False)
    """
    match error:
        case RequestTimedOut():  # also at the caller's own deadline: the model may have been at work
            return True
        case MalformedResponse(reason=reason):
            return reason not in ("empty", "redirect")  # an answer came, and could not be read
        case _:
            return is_ambiguous(error)


def paid_for(outcome: Outcome[A, LLMError], usage: Usage) -> Outcome[A, LLMError]:
    """*outcome*, with what has been used in its error if it is one."""
    return outcome if isinstance(outcome, Success) else Failure(with_usage(outcome.failure(), usage))
