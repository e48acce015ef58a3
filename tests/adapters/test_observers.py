"""Metrics and log lines: what they make of events."""

from __future__ import annotations

import io
import json
from typing import get_args

import pytest

from llm_manager import (
    Attempt,
    ComputedCost,
    LLMRequest,
    LLMResponse,
    MetricsSnapshot,
    ObserveSettings,
    ServerError,
    StoreUnavailable,
    UnknownCost,
    Usage,
)
from llm_manager.adapters.observers.log import LogObserver
from llm_manager.adapters.observers.metrics import MemoryMetrics
from llm_manager.adapters.observers.plain import Several, Silent
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
from llm_manager.domain.vendor_batch import VendorBatch

BUSY = ServerError("gpt", 503, "busy")
REQUEST = LLMRequest(prompt="a secret question")
ANSWER = LLMResponse(
    content="a secret answer",
    model="gpt",
    usage=Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15, cost=ComputedCost(0.5)),
)


def attempt(latency_ms: float, error: ServerError | None = None, usage: Usage | None = None) -> AttemptFinished:
    line = Attempt(
        model="gpt", provider="p", latency_ms=latency_ms, outcome="ok" if error is None else error.tag, usage=usage
    )
    return AttemptFinished(at_s=0, attempt=line, error=error)


EVENTS: tuple[Event, ...] = (
    RequestStarted(at_s=0, operation="generate", request=REQUEST),
    CacheRead(at_s=0, key="k", hit=False),
    TargetSkipped(at_s=0, model="claude", provider="", error=BUSY),
    OptionsDropped(at_s=0, model="gpt", dropped=("temperature", "stop")),
    AttemptStarted(at_s=0, model="gpt", provider="p"),
    SchemaModeChosen(at_s=0, model="gpt", mode="tool"),
    attempt(10.0, BUSY),
    RetryScheduled(at_s=0, model="gpt", delay_s=1.0, error=BUSY),
    attempt(20.0, usage=ANSWER.usage),
    FellBack(at_s=0, model="gpt", next_model="claude", error=BUSY),
    Reasked(at_s=0, round=1, error=BUSY),
    GatewayTimed(at_s=0, model="gpt", trace_id="t", latency_ms=1.0, retries=0, option_index=None, cache_status=None),
    SpanStarted(at_s=0, name="mine"),
    SpanFinished(at_s=0, name="mine", latency_ms=1.0, error=None),
    StoreChanged(at_s=0, store="redis", error=StoreUnavailable("redis", "cache.example: cannot be reached")),
    ObserverFailed(at_s=0, observer="Mine", error="OSError"),
    FeedPaused(at_s=0, model="gpt", wait_s=7.0, error=BUSY),
    ConcurrencyLimited(at_s=0, model="gpt", concurrency=10, limit=5),
    VendorBatchSeen(at_s=0, model="gpt", provider="p", batch=VendorBatch(id="b", status="validating", ended=False)),
    RequestFinished(at_s=1, operation="generate", latency_ms=30.0, request=REQUEST, answer=ANSWER),
    RequestFinished(at_s=1, operation="generate", latency_ms=30.0, request=REQUEST, answer=BUSY),
    RequestLeft(at_s=1, operation="generate", latency_ms=30.0, request=REQUEST, reason="cancelled"),
)


def test_the_events_above_are_all_there_are() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Event))


def test_metrics_add_up_totals_and_models() -> None:
    metrics = MemoryMetrics()
    for event in EVENTS:
        metrics.notify(event)
    now = metrics.snapshot()
    assert (now.totals.requests, now.totals.successes, now.totals.failures) == (3, 1, {"ServerError": 1})
    assert now.totals.left == 1
    assert (now.totals.retries, now.totals.fallbacks, now.cache_hits, now.cache_misses) == (1, 1, 0, 1)
    assert (now.totals.prompt_tokens, now.totals.completion_tokens, now.totals.cost) == (10, 5, ComputedCost(0.5))
    gpt = now.models["gpt"]
    assert (gpt.requests, gpt.successes, gpt.retries, gpt.fallbacks) == (2, 1, 1, 1)
    assert gpt.latency_mean_ms == 15.0
    metrics.reset()
    assert metrics.snapshot() == MetricsSnapshot()


def test_an_unpriced_answer_is_counted_as_such_and_costs_nothing_known() -> None:
    metrics = MemoryMetrics()
    metrics.notify(attempt(1.0, usage=Usage(prompt_tokens=1, completion_tokens=1)))
    gpt = metrics.snapshot().models["gpt"]
    assert (gpt.cost, gpt.unpriced) == (UnknownCost(), 1)


def test_quantiles_are_right_within_a_twentieth() -> None:
    metrics = MemoryMetrics()
    for latency_ms in range(1, 1001):
        metrics.notify(attempt(float(latency_ms)))
    gpt = metrics.snapshot().models["gpt"]
    assert gpt.latency_p50_ms == pytest.approx(500, rel=0.05)
    assert gpt.latency_p95_ms == pytest.approx(950, rel=0.05)
    assert gpt.latency_p99_ms == pytest.approx(990, rel=0.05)


def logged(**settings: object) -> str:
    stream = io.StringIO()
    observer = LogObserver(ObserveSettings(**settings), stream)  # type: ignore[arg-type]
    for event in EVENTS:
        observer.notify(event)
    return stream.getvalue()


def test_every_event_is_one_json_line_and_failures_are_warnings() -> None:
    lines = [json.loads(line) for line in logged(log="json").splitlines()]
    assert [line["event"] for line in lines] == [type(event).__name__ for event in EVENTS]
    assert [line["level"] for line in lines].count("warning") == 8
    assert lines[-3]["cost_usd"] == 0.5


def test_prompts_and_answers_are_shown_only_when_asked_for() -> None:
    assert "secret" not in logged(log="json")
    assert logged(log="json", prompts=True).count("secret") == 2


def test_what_people_and_models_say_is_logged_at_the_level_debug_alone() -> None:
    lines = logged(log="json", prompts=True).splitlines()
    assert {json.loads(line)["level"] for line in lines if "secret" in line} == {"debug"}


def test_the_console_shows_one_line_an_event() -> None:
    text = logged(log="console")
    assert len(text.splitlines()) == len(EVENTS)
    assert "RetryScheduled" in text


def test_several_observers_hear_everything_in_order() -> None:
    first, second = MemoryMetrics(), MemoryMetrics()
    both = Several(first, Silent(), second)
    for event in EVENTS:
        both.notify(event)
    assert first.snapshot() == second.snapshot() != MetricsSnapshot()
