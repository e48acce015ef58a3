"""What happened, as values: the one source of logs, metrics, costs, traces and the ledger.

The rule of this room: an event is told once, where it happens, through the context's observer; everything that is
shown or counted is a fold over events. To show something new, add a field or a case here. Times are seconds on the
context's clock. *run* is what the event happened in; None outside of every operation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from llm_manager.domain.catalog import SamplingOption
from llm_manager.domain.errors import LLMError, StoreUnavailable
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import Attempt, LLMResponse, SchemaMode
from llm_manager.domain.run import Run
from llm_manager.domain.vendor_batch import VendorBatch

Server: TypeAlias = tuple[str, int | None]

Reason: TypeAlias = Literal["left", "cancelled", "raised"]
"""Why nobody wants the rest: the reader of a stream left it, the run was cancelled, or a bug of somebody's went through
it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStarted:
    """An operation on one request began."""

    at_s: float
    operation: str
    request: LLMRequest
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFinished:
    """It ended: with a response, or with the error it came back with."""

    at_s: float
    operation: str
    latency_ms: float
    request: LLMRequest
    answer: LLMResponse | LLMError
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLeft:
    """It ended without an answer, for nobody wanted one any more; *partial* is what a stream had brought by then."""

    at_s: float
    operation: str
    latency_ms: float
    request: LLMRequest
    reason: Reason
    partial: LLMResponse | None = None
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRead:
    """The cache was asked; *hit* says whether it knew."""

    at_s: float
    key: str
    hit: bool
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSkipped:
    """A model was passed over without sending anything."""

    at_s: float
    model: str
    provider: str
    error: LLMError
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsDropped:
    """What is about to be sent to a model goes without the sampling options that this model does not take."""

    at_s: float
    model: str
    dropped: tuple[SamplingOption, ...]
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """One request is about to be sent to one model, which is reached at *server*: a host and a port.

    An engine in this process has none.
    """

    at_s: float
    model: str
    provider: str
    server: Server | None = None
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFinished:
    """It came back, or nobody waits for it any more: one line of the ledger, with the *answer* or the *error*.

    An attempt that was left has neither.
    """

    at_s: float
    attempt: Attempt
    error: LLMError | None
    answer: LLMResponse | None = None
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled:
    """The same model will be asked again after *delay_s*."""

    at_s: float
    model: str
    delay_s: float
    error: LLMError
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FellBack:
    """A model failed for good and the next one takes its place."""

    at_s: float
    model: str
    next_model: str
    error: LLMError
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasked:
    """An answer did not satisfy its schema and its problems were sent back; *round* counts from 1."""

    at_s: float
    round: int
    error: LLMError
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaModeChosen:
    """How a schema was put to a model: its native JSON schema, a tool, JSON mode, or in words."""

    at_s: float
    model: str
    mode: SchemaMode
    run: Run | None = None


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
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanStarted:
    """A piece of a pipeline that its author named with ``observed`` began."""

    at_s: float
    name: str
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFinished:
    """It ended; *error* is None when it succeeded, and when it was left, for the *reason* given."""

    at_s: float
    name: str
    latency_ms: float
    error: LLMError | None
    reason: Reason | None = None
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPaused:
    """A feed (``batch``, Ray) sends no more rows to *model* for *wait_s*, because of *error*: told once until a row is
    answered again."""

    at_s: float
    model: str
    wait_s: float
    error: LLMError
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcurrencyLimited:
    """A feed was given a *concurrency* of which the keys of *model* let only *limit* rows be under way."""

    at_s: float
    model: str
    concurrency: int
    limit: int
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChanged:
    """A store that processes share went away, or, *error* being None, is back; in between each does without it."""

    at_s: float
    store: str
    error: StoreUnavailable | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorBatchSeen:
    """A vendor was asked how a batch of ours is."""

    at_s: float
    model: str
    provider: str
    batch: VendorBatch
    run: Run | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverFailed:
    """An *observer* raised *error*, both by the names of their classes. Only metrics are notified of it: the call that
    it observed goes on, and what the error says may hold a prompt."""

    at_s: float
    observer: str
    error: str


Event: TypeAlias = (
    RequestStarted
    | RequestFinished
    | RequestLeft
    | CacheRead
    | TargetSkipped
    | OptionsDropped
    | AttemptStarted
    | AttemptFinished
    | RetryScheduled
    | FellBack
    | Reasked
    | SchemaModeChosen
    | GatewayTimed
    | SpanStarted
    | SpanFinished
    | FeedPaused
    | ConcurrencyLimited
    | StoreChanged
    | ObserverFailed
    | VendorBatchSeen
)
