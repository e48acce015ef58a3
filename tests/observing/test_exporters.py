"""To where spans and metrics go in the end: over OTLP to a collector on loopback, and on a page for Prometheus."""

from __future__ import annotations

import gzip
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from prometheus_client import REGISTRY, generate_latest

from llm_manager import RetrySettings, ServerError, generate, listening, otel_observer, run
from llm_manager.adapters.observers.otel.names import LATEST
from llm_manager.testing import scripted
from tests.operations.streaming import ASK, uncached

pytestmark = pytest.mark.anyio

ONE_RETRY = replace(uncached(), retry=RetrySettings(max_retries=1))


class Collector(BaseHTTPRequestHandler):
    """Takes what is posted to it, by path."""

    posted: dict[str, list[bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.posted.setdefault(self.path, []).append(body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002  # its name in the standard library
        """Nothing on the console."""


@contextmanager
def collector() -> Generator[tuple[str, dict[str, list[bytes]]]]:
    """A collector on a free port of 127.0.0.1, and what it has been told."""
    posted: dict[str, list[bytes]] = {}
    handler = type("Handler", (Collector,), {"posted": posted})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", posted
        finally:
            server.shutdown()
            thread.join()


async def ask_twice(tracers: TracerProvider, meters: MeterProvider) -> None:
    """One call whose first request fails."""
    observer = otel_observer(tracer_provider=tracers, meter_provider=meters, opt_in=LATEST)
    layer = scripted({"gpt": [ServerError("gpt", 503), "It scatters."]}, config=ONE_RETRY)
    async with layer | listening(observer) as context:
        assert (await run(generate(ASK), context)).unwrap().content == "It scatters."


async def test_a_collector_gets_spans_and_metrics_over_otlp() -> None:
    with collector() as (url, posted):
        tracers = TracerProvider()
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{url}/v1/traces")))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{url}/v1/metrics"))
        meters = MeterProvider(metric_readers=[reader])
        await ask_twice(tracers, meters)
        tracers.shutdown()
        meters.shutdown()
    spans = [
        span
        for body in posted["/v1/traces"]
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        if scope.scope.name == "llm_manager"
        for span in scope.spans
    ]
    assert sorted(span.name for span in spans) == ["chat gpt", "chat gpt", "generate"]
    [whole] = [span for span in spans if span.name == "generate"]
    assert {span.parent_span_id for span in spans if span.name == "chat gpt"} == {whole.span_id}
    assert sorted(span.status.code for span in spans) == [0, 0, 2]
    metrics = {
        metric.name
        for body in posted["/v1/metrics"]
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert {"gen_ai.client.operation.duration", "gen_ai.client.token.usage", "llm_manager.retries"} <= metrics


async def test_prometheus_reads_the_same_metrics_on_its_page() -> None:
    reader = PrometheusMetricReader()
    meters = MeterProvider(metric_readers=[reader])
    try:
        await ask_twice(TracerProvider(), meters)
        page = generate_latest(REGISTRY).decode()
    finally:
        meters.shutdown()  # takes the reader off the page
    counts = [line for line in page.splitlines() if line.startswith("gen_ai_client_operation_duration_seconds_count")]
    assert len(counts) == 2
    assert all('gen_ai_request_model="gpt"' in line and line.endswith(" 1.0") for line in counts)
    [retried] = [line for line in page.splitlines() if line.startswith("llm_manager_retries_total")]
    assert 'error_type="ServerError"' in retried
    assert retried.endswith(" 1.0")
    assert "llm_manager_operation_duration_seconds_bucket" in page
