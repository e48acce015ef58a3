"""The fold: which span an event begins, marks or ends.

A run is a span; what it is in is its parent, or else whatever span was the caller's when it began. Each request that is
sent is a span of its own inside it, and the only one that the conventions have words for. Retries, fallbacks and the
like are events on the span of their run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import final
from weakref import WeakKeyDictionary

from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from llm_manager.adapters.observers.otel import attributes, names
from llm_manager.adapters.observers.otel.attributes import Attributes
from llm_manager.adapters.observers.otel.current import Within
from llm_manager.adapters.observers.otel.instruments import Instruments
from llm_manager.adapters.observers.otel.names import Names
from llm_manager.domain.catalog import SamplingOption
from llm_manager.domain.descriptions import describe
from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import (
    AttemptFinished,
    AttemptStarted,
    CacheRead,
    ConcurrencyLimited,
    Event,
    FeedPaused,
    FellBack,
    GatewayTimed,
    ObserverFailed,
    OptionsDropped,
    Reasked,
    RequestFinished,
    RequestLeft,
    RequestStarted,
    RetryScheduled,
    SchemaModeChosen,
    SpanFinished,
    SpanStarted,
    StoreChanged,
    TargetSkipped,
    VendorBatchSeen,
)
from llm_manager.domain.masking import Mask
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.run import Run
from llm_manager.domain.secret import Secret
from llm_manager.ports import Dispatch, Provider

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request on its way, and what was known of it when it was sent."""

    span: Span
    asked: Attributes


@dataclass(frozen=True, slots=True)
class _Open:
    """The span of a run that goes on. *offset_ns* is what the wall clock says beyond the context's; *wished* is how the
    caller of an operation would like to be answered, and *dropped* what of it is not sent to a model. It knows nothing
    of its run, which would then live on with it."""

    span: Span
    offset_ns: int
    wished: Attributes
    dropped: dict[str, tuple[SamplingOption, ...]] = field(default_factory=dict[str, tuple[SamplingOption, ...]])
    sent: dict[tuple[str, float], _Sent] = field(default_factory=dict[tuple[str, float], _Sent])

    def wall_ns(self, at_s: float) -> int:
        return self.offset_ns + int(at_s * _NS)


@final
class OtelObserver:
    """Makes spans and metrics of events. *unix_s* is the wall clock, in seconds since 1970.

    A span is begun and ended at the moments that the events tell, on the context's clock; what the wall clock said when
    the outermost run began is what they are counted from. A run whose stream was neither ended nor closed keeps no
    memory once it is gone, but its span is never told. What is told without a run is counted and makes no span, such as
    the requests of a vendor's batch, which are told when they are long over.
    """

    __slots__ = ("_instruments", "_mask", "_open", "_propagator", "_tracer", "_unix_s", "_with_text", "_words")

    def __init__(
        self, tracer: Tracer, meter: Meter, words: Names, *, with_text: bool, unix_s: Callable[[], float]
    ) -> None:
        self._tracer = tracer
        self._instruments = Instruments(meter, words)
        self._words = words
        self._mask = Mask(())
        self._with_text = with_text
        self._unix_s = unix_s
        self._open: WeakKeyDictionary[Run, _Open] = WeakKeyDictionary()
        self._propagator = TraceContextTextMapPropagator()

    def hide(self, secrets: Iterable[Secret], /) -> None:
        """Mask *secrets* in prompts and answers."""
        self._mask = self._mask.hiding(secrets)

    def notify(self, event: Event, /) -> None:
        """Begin, mark or end a span, and count."""
        match event:
            case RequestStarted(run=run, at_s=at_s, request=request):
                self._begin(run, at_s, attributes.begun(request), self._wished(event))
            case SpanStarted(run=run, at_s=at_s):
                self._begin(run, at_s, {}, {})
            case AttemptStarted():
                self._send(event)
            case AttemptFinished():
                self._receive(event)
            case RequestFinished() | RequestLeft():
                self._instruments.ended(event)
                self._end(event.run, event.at_s, attributes.ended(event), _error(event))
            case SpanFinished(run=run, at_s=at_s, error=error):
                self._end(run, at_s, _span_ended(event), error)
            case RetryScheduled() | FellBack() | CacheRead():
                self._instruments.counted(event)
                self._mark(event.run, event.at_s, event)
            case (
                TargetSkipped() | OptionsDropped() | Reasked() | SchemaModeChosen() | GatewayTimed() | VendorBatchSeen()
            ):
                self._mark(event.run, event.at_s, event)
            case StoreChanged() | FeedPaused() | ConcurrencyLimited() | ObserverFailed():  # of no span: for the log
                pass

    @property
    def open_runs(self) -> int:
        """How many runs have begun, are still known to somebody, and have not been told to have ended."""
        return len(self._open)

    def headers(self, run: Run, /) -> Mapping[str, str]:
        """``traceparent`` and ``tracestate`` of the request that *run* has sent last (W3C Trace Context)."""
        open_ = self._open.get(run)
        if open_ is None:
            return {}
        span = next(reversed(open_.sent.values())).span if open_.sent else open_.span
        told: dict[str, str] = {}
        self._propagator.inject(told, set_span_in_context(span, Context()))
        return told

    def span_of(self, dispatch: Dispatch, /) -> Span | None:
        """The span of a request that is on its way."""
        open_ = None if dispatch.run is None else self._open.get(dispatch.run)
        sent = None if open_ is None else open_.sent.get((dispatch.target.model, dispatch.sent_s))
        return None if sent is None else sent.span

    def around(self, provider: Provider, /) -> Provider:
        """*provider*, whose own spans, if it is instrumented, are in those of its requests."""
        return Within(provider, self)

    def _begin(self, run: Run | None, at_s: float, told: Attributes, wished: Attributes) -> None:
        if run is None:
            return
        outer = None if run.parent is None else self._open.get(run.parent)
        offset_ns = int(self._unix_s() * _NS) - int(at_s * _NS) if outer is None else outer.offset_ns
        span = self._tracer.start_span(
            run.name,
            context=None if outer is None else set_span_in_context(outer.span),
            attributes={names.RUN_OPERATION: run.name, **told},
            start_time=offset_ns + int(at_s * _NS),
        )
        self._open[run] = _Open(span, offset_ns, wished)

    def _send(self, event: AttemptStarted) -> None:
        open_ = None if event.run is None else self._open.get(event.run)
        if open_ is None:
            return
        asked = attributes.asked(event, self._words)
        span = self._tracer.start_span(
            f"{asked[names.OPERATION]} {event.model}",
            context=set_span_in_context(open_.span),
            kind=SpanKind.CLIENT,
            attributes={**asked, **attributes.without(open_.wished, open_.dropped.get(event.model, ()))},
            start_time=open_.wall_ns(event.at_s),
        )
        open_.sent[event.model, event.at_s] = _Sent(span, asked)

    def _wished(self, started: RequestStarted) -> Attributes:
        streamed = started.request.streaming or started.operation == "generate_stream"
        return attributes.wished(started.request, self._words, self._mask, streamed=streamed, with_text=self._with_text)

    def _receive(self, event: AttemptFinished) -> None:
        attempt = event.attempt
        open_ = None if event.run is None else self._open.get(event.run)
        sent = None if open_ is None else open_.sent.pop((attempt.model, attempt.started_s), None)
        if open_ is None or sent is None:
            self._instruments.attempted(event, attributes.named(attempt.model, attempt.provider, self._words))
            return
        self._instruments.attempted(event, sent.asked)
        sent.span.set_attributes(attributes.answered(event, self._words, self._mask, with_text=self._with_text))
        _close(sent.span, event.error, open_.wall_ns(event.at_s))

    def _mark(self, run: Run | None, at_s: float, event: Event) -> None:
        open_ = None if run is None else self._open.get(run)
        if open_ is not None:
            if isinstance(event, OptionsDropped):
                open_.dropped[event.model] = event.dropped
            told = attributes.marked(event)
            open_.span.add_event(type(event).__name__, told, timestamp=open_.wall_ns(at_s))

    def _end(self, run: Run | None, at_s: float, told: Attributes, error: LLMError | None) -> None:
        open_ = None if run is None else self._open.pop(run, None)
        if open_ is not None:
            open_.span.set_attributes(told)
            _close(open_.span, error, open_.wall_ns(at_s))


def _close(span: Span, error: LLMError | None, at_ns: int) -> None:
    if error is not None:
        span.set_status(StatusCode.ERROR, describe(error))
    span.end(at_ns)


def _error(event: RequestFinished | RequestLeft) -> LLMError | None:
    return event.answer if isinstance(event, RequestFinished) and not isinstance(event.answer, LLMResponse) else None


def _span_ended(event: SpanFinished) -> Attributes:
    if event.error is not None:
        return {names.RUN_ENDED: "failed", names.ERROR_TYPE: event.error.tag}
    return {names.RUN_ENDED: "answered" if event.reason is None else event.reason}
