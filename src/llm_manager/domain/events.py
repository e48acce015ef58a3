"""What happened, as values: the one source of logs, metrics, costs, traces and the ledger.

The rule of this room: an event is told once, where it happens, through the context's observer; everything that is
shown or counted is a fold over events. To show something new, add a field or a case here. Times are seconds on the
context's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from llm_manager.domain.errors import LLMError, StoreUnavailable
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import Attempt, LLMResponse, SchemaMode


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted:
    """An operation on one request began."""

    at_s: float
    operation: str
    request: LLMRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """It ended: with a response, or with the error it came back with."""

    at_s: float
    operation: str
    latency_ms: float
    request: LLMRequest
    answer: LLMResponse | LLMError


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRead:
    """The cache was asked; *hit* says whether it knew."""

    at_s: float
    key: str
    hit: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSkipped:
    """A model was passed over without sending anything."""

    at_s: float
    model: str
    provider: str
    error: LLMError


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """One request is about to be sent to one model."""

    at_s: float
    model: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished:
    """It came back: one line of the ledger, and the error if it failed."""

    at_s: float
    attempt: Attempt
    error: LLMError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled:
    """The same model will be asked again after *delay_s*."""

    at_s: float
    model: str
    delay_s: float
    error: LLMError


@dataclass(frozen=True, slots=True, kw_only=True)
class FellBack:
    """A model failed for good and the next one takes its place."""

    at_s: float
    model: str
    next_model: str
    error: LLMError


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasked:
    """An answer did not satisfy its schema and its problems were sent back; *round* counts from 1."""

    at_s: float
    round: int
    error: LLMError


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaModeChosen:
    """How a schema was put to a model: its native JSON schema, a tool, JSON mode, or in words."""

    at_s: float
    model: str
    mode: SchemaMode


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTimed:
    """What one call spent in the Portkey gateway and behind it."""

    at_s: float
    model: str
    trace_id: str
    latency_ms: float
    retries: int
    option_index: int | None
    cache_status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFinished:
    """A piece of a pipeline that its author named with ``observed`` ended; *error* is None when it succeeded."""

    at_s: float
    name: str
    latency_ms: float
    error: LLMError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChanged:
    """A store that processes share went away, or, *error* being None, is back; in between each does without it."""

    at_s: float
    store: str
    error: StoreUnavailable | None


Event: TypeAlias = (
    RequestStarted
    | RequestFinished
    | CacheRead
    | TargetSkipped
    | AttemptStarted
    | AttemptFinished
    | RetryScheduled
    | FellBack
    | Reasked
    | SchemaModeChosen
    | GatewayTimed
    | SpanFinished
    | StoreChanged
)
