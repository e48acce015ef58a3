"""Everything that can go wrong outside the program, as one closed union: ``LLMError``.

The class is the tag. Every case carries ``message``, what the other side said in its own words (redacted and capped
where it comes from a vendor); those that an answer can come with carry the ``usage`` of it, priced like that of an
answer, None where nothing was used or told. Questions that the rest of the library asks about an error live in
:mod:`llm_manager.domain.verdicts`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llm_manager.domain.problem import Problem
from llm_manager.domain.response import LLMResponse, Usage

TimeoutPhase: TypeAlias = Literal["first_byte", "idle", "attempt", "total"]
"""Which limit ran out: that of the head of a stream, of a silence in it, of one attempt, or the caller's deadline."""
NetworkCause: TypeAlias = Literal["connect", "dns", "tls", "reset", "local"]
MalformedReason: TypeAlias = Literal[
    "truncated", "oversize", "undecodable", "unparsable", "redirect", "empty", "protocol", "unfinished"
]
ExtractionKind: TypeAlias = Literal["empty", "not_found", "too_deep", "too_large"]


@dataclass(frozen=True, slots=True)
class ModelUnavailable:
    """The provider does not know the model, or does not offer it to this account."""

    model: str
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["ModelUnavailable"] = field(default="ModelUnavailable", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class RateLimitExceeded:
    """Too many requests or tokens; ``retry_after_s`` is what the vendor asked for, None when it did not say.

    ``local``: a limit of this library's own configuration refused it (``rate_limit``), and nothing was sent.
    """

    model: str
    retry_after_s: float | None = None
    message: str = ""
    local: bool = field(default=False, kw_only=True)
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["RateLimitExceeded"] = field(default="RateLimitExceeded", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class QuotaExhausted:
    """The account has no credit or quota left for this model."""

    model: str
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["QuotaExhausted"] = field(default="QuotaExhausted", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class InvalidRequest:
    """The request cannot be sent, or the provider refused it as wrong; every problem is named.

    *request_id* is the name of the request in logs and at a gateway (the ``trace`` of its run), None of a request that
    was never run. It does not take part in comparisons: two requests can be wrong in the same way.
    """

    problems: tuple[Problem, ...]
    message: str = ""
    request_id: str | None = field(default=None, kw_only=True, compare=False, repr=False)
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["InvalidRequest"] = field(default="InvalidRequest", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class AuthenticationFailed:
    """The key was refused; ``forbidden`` when it is valid but not allowed to use this model."""

    model: str
    forbidden: bool = False
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["AuthenticationFailed"] = field(default="AuthenticationFailed", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class RequestTimedOut:
    """Nothing came in time. ``timeout_s`` is the limit that ran out, ``phase`` which one it was.

    ``attempt`` is the limit of one attempt, after which another model may be asked; ``total`` the operation's own.
    """

    model: str
    timeout_s: float
    phase: TimeoutPhase = "total"
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["RequestTimedOut"] = field(default="RequestTimedOut", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ContextTooLarge:
    """The request does not fit the model's window; None where a figure is unknown."""

    model: str
    token_count: int | None = None
    max_tokens: int | None = None
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["ContextTooLarge"] = field(default="ContextTooLarge", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class NetworkError:
    """No connection, or one that broke. ``ambiguous``: the request may have reached the model and been paid for."""

    model: str
    ambiguous: bool = False
    cause: NetworkCause = "connect"
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["NetworkError"] = field(default="NetworkError", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ServerError:
    """The provider failed: an HTTP status of 500 and above, 498 of Groq, or the same said inside an answer.

    ``retry_after_s`` is what an overloaded one asked for, None when it did not say.
    """

    model: str
    status_code: int
    message: str = ""
    retry_after_s: float | None = field(default=None, kw_only=True)
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["ServerError"] = field(default="ServerError", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class GatewayError:
    """Portkey itself failed or refused; no model behind it was reached."""

    status_code: int
    message: str = ""
    tag: Literal["GatewayError"] = field(default="GatewayError", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class MalformedResponse:
    """An answer came that is not one: cut off, too big, not decodable, empty, against its own protocol, or unfinished:
    it says itself that the model broke off. ``partial`` is the text that an unfinished one holds."""

    model: str
    reason: MalformedReason
    message: str = ""
    partial: str = field(default="", kw_only=True, repr=False)
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["MalformedResponse"] = field(default="MalformedResponse", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ContentFiltered:
    """The provider withheld the answer for its content rules."""

    model: str
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["ContentFiltered"] = field(default="ContentFiltered", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class CircuitOpen:
    """The breaker of this target is open: nothing was sent. It lets a probe through after ``retry_after_s``; while one
    is *probing* that is at the latest, for the circuit may close when it ends."""

    model: str
    retry_after_s: float | None = None
    message: str = ""
    probing: bool = field(default=False, kw_only=True)
    tag: Literal["CircuitOpen"] = field(default="CircuitOpen", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class StreamBroken:
    """A stream ended before it was complete; ``partial`` is the text that had arrived."""

    model: str
    partial: str = ""
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["StreamBroken"] = field(default="StreamBroken", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ExtractionFailed:
    """No value was found in the text ``response``."""

    response: str
    kind: ExtractionKind = "not_found"
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["ExtractionFailed"] = field(default="ExtractionFailed", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class SchemaMismatch:
    """A value was found in ``response`` that the schema refuses; every problem is named."""

    response: str
    problems: tuple[Problem, ...]
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["SchemaMismatch"] = field(default="SchemaMismatch", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ResponseTruncated:
    """The model stopped at its token limit before the value was complete; ask again with a larger ``max_tokens``."""

    response: str
    message: str = ""
    usage: Usage | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["ResponseTruncated"] = field(default="ResponseTruncated", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class UnsupportedCapability:
    """The request needs something the model cannot do, such as ``vision`` or ``tools``."""

    model: str
    capability: str
    message: str = ""
    tag: Literal["UnsupportedCapability"] = field(default="UnsupportedCapability", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class AllModelsFailed:
    """Every model that could answer failed or was passed over: (model, error) in the order they were tried."""

    failures: tuple[tuple[str, LLMError], ...]
    message: str = ""
    tag: Literal["AllModelsFailed"] = field(default="AllModelsFailed", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class BudgetExceeded:
    """Sending could cost more than is left; nothing was sent. The limit is None where not it but an unknown price is
    why. ``reserved_usd`` is what other requests under way may cost at most, beside what is spent."""

    limit_usd: float | None
    spent_usd: float
    message: str = ""
    reserved_usd: float = field(default=0.0, kw_only=True)
    tag: Literal["BudgetExceeded"] = field(default="BudgetExceeded", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ConversationNotFound:
    """No conversation has this id."""

    conversation_id: str
    message: str = ""
    tag: Literal["ConversationNotFound"] = field(default="ConversationNotFound", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ConversationConflict:
    """Somebody else changed the conversation first; nothing was stored. *response* is the answer that was paid for."""

    conversation_id: str
    message: str = ""
    response: LLMResponse | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["ConversationConflict"] = field(default="ConversationConflict", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class StoreUnavailable:
    """A cache, conversation or limiter store cannot be used; *response* is an answer that it should have kept."""

    store: str
    message: str = ""
    response: LLMResponse | None = field(default=None, kw_only=True, repr=False)
    tag: Literal["StoreUnavailable"] = field(default="StoreUnavailable", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ConfigurationError:
    """The configuration is wrong; every problem is named with its path and source."""

    problems: tuple[Problem, ...]
    message: str = ""
    tag: Literal["ConfigurationError"] = field(default="ConfigurationError", kw_only=True, repr=False)


LLMError: TypeAlias = (
    ModelUnavailable
    | RateLimitExceeded
    | QuotaExhausted
    | InvalidRequest
    | AuthenticationFailed
    | RequestTimedOut
    | ContextTooLarge
    | NetworkError
    | ServerError
    | GatewayError
    | MalformedResponse
    | ContentFiltered
    | CircuitOpen
    | StreamBroken
    | ExtractionFailed
    | SchemaMismatch
    | ResponseTruncated
    | UnsupportedCapability
    | AllModelsFailed
    | BudgetExceeded
    | ConversationNotFound
    | ConversationConflict
    | StoreUnavailable
    | ConfigurationError
)
