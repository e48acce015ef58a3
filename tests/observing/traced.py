"""What the tests of OpenTelemetry share: its own SDK, with exporters that keep what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from llm_manager import ObserveSettings, otel_observer
from llm_manager.adapters.observers.otel.names import LATEST
from llm_manager.adapters.observers.otel.observer import OtelObserver


class Begun(SpanProcessor):
    """Keeps the spans in the order of their beginnings."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.ids.append(id_of(span))


@dataclass(frozen=True)
class Traced:
    """An observer, and what has been exported of what it heard."""

    observer: OtelObserver
    tracers: TracerProvider
    begun: Begun
    spans: InMemorySpanExporter
    reader: InMemoryMetricReader

    def finished(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order of their beginnings."""
        ended = {id_of(span): span for span in self.spans.get_finished_spans()}
        return [ended[id_] for id_ in self.begun.ids if id_ in ended]

    def tree(self) -> list[tuple[str, str | None]]:
        """Each span and the one it is in."""
        names = {id_of(span): span.name for span in self.finished()}
        return [(span.name, names.get(span.parent.span_id) if span.parent else None) for span in self.finished()]

    def points(self, name: str) -> list[Any]:
        """The data points of one metric."""
        data = self.reader.get_metrics_data()
        found = [] if data is None else [each for one in data.resource_metrics for each in one.scope_metrics]
        return [
            point
            for scope in found
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


def traced(opt_in: str = LATEST, *, prompts: bool = False) -> Traced:
    """An observer on an SDK of its own."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, begun = TracerProvider(), Begun()
    tracers.add_span_processor(begun)
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    meters = MeterProvider(metric_readers=[reader])
    observer = otel_observer(
        ObserveSettings(prompts=prompts), tracer_provider=tracers, meter_provider=meters, opt_in=opt_in
    )
    return Traced(observer, tracers, begun, exporter, reader)


def id_of(span: ReadableSpan) -> int:
    """What *span* is known by in its trace."""
    assert span.context is not None
    known: int = span.context.span_id
    return known


def trace_of(span: ReadableSpan) -> int:
    """The trace that *span* is in."""
    assert span.context is not None
    known: int = span.context.trace_id
    return known


def said(span: ReadableSpan) -> Mapping[str, Any]:
    """The attributes of *span*."""
    return dict(span.attributes or {})
