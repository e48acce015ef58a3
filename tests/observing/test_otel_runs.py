"""Runs as OpenTelemetry spans: what is in what, how long each lasts, and how each ends."""

from __future__ import annotations

import gc
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from returns.result import Success

from llm_manager import (
    Attempt,
    CacheSettings,
    ContentFiltered,
    Context,
    LLMConfig,
    LLMRequest,
    Preferences,
    ReportedCost,
    RetrySettings,
    RoutingSettings,
    ServerError,
    Usage,
    collect,
    generate,
    hedged,
    listening,
    observed,
    query_with_schema,
    race,
    replacing,
    run,
)
from llm_manager.adapters.observers.otel import names
from llm_manager.domain.events import (
    AttemptFinished,
    AttemptStarted,
    GatewayTimed,
    RequestStarted,
    SchemaModeChosen,
    SpanFinished,
    SpanStarted,
    StoreChanged,
    TargetSkipped,
    VendorBatchSeen,
)
from llm_manager.domain.run import Run
from llm_manager.domain.vendor_batch import VendorBatch
from llm_manager.testing import Line, Pause, Pieces, ScriptedProvider, VirtualClock, scripted
from tests.observing.traced import said, trace_of, traced
from tests.operations.streaming import ASK, BROKEN, WORDS, opened, uncached

pytestmark = pytest.mark.anyio


BUSY = ServerError("gpt", 503)
SLOW = Pause(3600, "late")


async def test_what_happens_in_a_run_is_inside_its_span_and_the_outermost_inside_the_callers() -> None:
    mine = traced()
    script: dict[str, list[Line]] = {"gpt": [BUSY, "no number", "7"]}
    config = replace(uncached(), retry=RetrySettings(max_retries=1))
    tracer = mine.tracers.get_tracer("the caller")
    async with scripted(script, config=config) | listening(mine.observer) as context:
        with tracer.start_as_current_span("request of a user", start_time=1):
            asked = replace(ASK, preferences=Preferences(model="gpt", fallback="none"))
            assert await run(observed("mine")(query_with_schema(asked, int)), context) == Success(7)
    assert mine.tree() == [
        ("request of a user", None),
        ("mine", "request of a user"),
        ("query_with_schema", "mine"),
        ("generate", "query_with_schema"),
        ("chat gpt", "generate"),
        ("chat gpt", "generate"),
        ("generate", "query_with_schema"),
        ("chat gpt", "generate"),
    ]
    marks = [event.name for span in mine.finished() for event in span.events]
    assert marks == ["Reasked", "SchemaModeChosen", "RetryScheduled", "SchemaModeChosen", "SchemaModeChosen"]
    assert len({trace_of(span) for span in mine.finished()}) == 1


async def test_a_span_lasts_as_long_as_what_it_is_of_took_on_the_contexts_clock() -> None:
    mine = traced()
    async with scripted({"gpt": [BUSY, Pause(5, "late")]}) | listening(mine.observer) as context:
        await run(generate(ASK), context)
        took_s = context.clock.monotonic()
    whole, first, second = mine.finished()
    assert [length_s(span) for span in (whole, first, second)] == pytest.approx([took_s, 0.0, 5.0], abs=1e-6)
    assert whole.end_time == second.end_time
    assert whole.start_time == first.start_time


def length_s(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


async def test_fallbacks_skips_and_cache_reads_are_marks_and_counts() -> None:
    mine = traced()
    config = LLMConfig(retry=RetrySettings(max_retries=0), cache=CacheSettings())
    async with scripted({"gpt": [BUSY], "claude": ["x"]}, config=config) | listening(mine.observer) as context:
        await run(generate(ASK), context)
        await run(generate(ASK), context)
    first, failed, _, again = mine.finished()
    assert [event.name for event in first.events] == ["CacheRead", "FellBack"]
    assert failed.status.status_code is StatusCode.ERROR
    assert said(again)["llm_manager.cached"]
    assert {
        point.attributes["llm_manager.cache.hit"]: point.value for point in mine.points("llm_manager.cache.reads")
    } == {
        False: 1,
        True: 1,
    }
    [fell] = mine.points("llm_manager.fallbacks")
    assert (fell.value, dict(fell.attributes)) == (1, {"gen_ai.request.model": "gpt", "error.type": "ServerError"})
    counted = {
        point.attributes["llm_manager.cached"]: point.count for point in mine.points("llm_manager.operation.duration")
    }
    assert counted == {False: 1, True: 1}


async def leave(context: Context) -> None:
    async with await opened(context) as stream:
        await anext(stream)


async def drop(context: Context) -> None:
    with context.clock.move_on_after(1):
        await run(generate(ASK), context)


async def test_every_span_ends_however_its_run_does() -> None:
    mine = traced()
    script: dict[str, list[Line]] = {"gpt": [WORDS, SLOW, SLOW, SLOW, "again"], "claude": ["first"]}
    async with scripted(script, config=uncached()) | listening(mine.observer) as context:
        await leave(context)
        await drop(context)
        await run(race(ASK, ["gpt", "claude"]), context)
        await run(hedged(1.0)(generate(replace(ASK, preferences=Preferences(model="gpt", fallback="none")))), context)
    whole = [said(span) for span in mine.finished() if span.name.startswith("generate")]
    assert sorted(told["llm_manager.ended"] for told in whole) == [
        "answered",
        "answered",
        "cancelled",
        "cancelled",
        "cancelled",
        "left",
    ]
    assert mine.observer.open_runs == 0
    assert [span.status.status_code for span in mine.finished()] == [StatusCode.UNSET] * len(mine.finished())


async def test_a_bug_that_goes_through_a_run_is_on_its_span() -> None:
    def buggy(_request: LLMRequest) -> str:
        raise ZeroDivisionError

    mine = traced()
    async with scripted({"gpt": [buggy]}, config=uncached()) | listening(mine.observer) as context:
        with pytest.raises(ZeroDivisionError):
            await run(generate(ASK), context)
    assert (said(mine.finished()[0])["llm_manager.ended"], said(mine.finished()[0])["error.type"]) == (
        "raised",
        "_OTHER",
    )


async def test_a_stream_taken_over_by_another_model_is_two_requests_in_one_span() -> None:
    mine = traced()
    config = replace(uncached(), routing=RoutingSettings(mid_stream="restart"), retry=RetrySettings(max_retries=0))
    script: dict[str, list[Line]] = {"gpt": [Pieces(["one"], BROKEN)], "claude": [WORDS]}
    async with scripted(script, config=config) | listening(mine.observer) as context:
        await collect(await opened(context))
    assert mine.tree() == [
        ("generate_stream", None),
        ("chat gpt", "generate_stream"),
        ("chat claude", "generate_stream"),
    ]


async def test_what_an_answer_used_that_is_called_a_failure_is_on_its_span() -> None:
    mine = traced()
    filtered = ContentFiltered("gpt", usage=Usage(prompt_tokens=11, completion_tokens=22, cost=ReportedCost(0.5)))
    async with scripted({"gpt": [filtered]}, config=uncached()) | listening(mine.observer) as context:
        await run(generate(replace(ASK, preferences=Preferences(model="gpt", fallback="none"))), context)
    [span] = [span for span in mine.finished() if span.name == "chat gpt"]
    told = said(span)
    names_ = (names.ERROR_TYPE, names.INPUT_TOKENS, names.OUTPUT_TOKENS, names.COST_USD)
    assert [told[name] for name in names_] == ["ContentFiltered", 11, 22, 0.5]


def forget(held: list[Any]) -> None:
    held.clear()
    gc.collect()


async def test_a_stream_that_nobody_closes_holds_no_memory_once_it_is_gone() -> None:
    mine = traced()
    provider = ScriptedProvider({"gpt": [WORDS]}, VirtualClock())
    layer = scripted({"gpt": []}, config=uncached()) | replacing(providers={"custom": provider})
    async with layer | listening(mine.observer) as context:
        held = [await opened(context)]
        assert mine.observer.open_runs == 1
        provider.received.clear()  # it keeps what it was sent, and who listened
        with pytest.warns(ResourceWarning):
            forget(held)
    assert mine.observer.open_runs == 0


async def test_a_batch_that_was_looked_at_is_a_mark_on_the_span_it_was_looked_at_in() -> None:
    mine, mine_run = traced(), Run(name="nightly")
    batch = VendorBatch(id="b", status="validating", ended=False)
    mine.observer.notify(SpanStarted(at_s=0.0, name="nightly", run=mine_run))
    for run_ in (mine_run, None):  # one of no run is told nowhere
        mine.observer.notify(VendorBatchSeen(at_s=1.0, model="gpt", provider="p", batch=batch, run=run_))
    mine.observer.notify(SpanFinished(at_s=2.0, name="nightly", latency_ms=2000.0, error=None, run=mine_run))
    [span] = mine.finished()
    [event] = span.events
    assert (event.name, dict(event.attributes or {})) == (
        "VendorBatchSeen",
        {"gen_ai.request.model": "gpt", "llm_manager.batch.id": "b", "llm_manager.batch.status": "validating"},
    )


async def test_an_observer_that_comes_in_the_middle_says_nothing_of_what_it_did_not_see_begin() -> None:
    mine, line = traced(), Attempt(model="gpt", provider="custom")
    for run_ in (None, Run(name="generate")):
        mine.observer.notify(AttemptStarted(at_s=0, model="gpt", provider="custom", run=run_))
        mine.observer.notify(SchemaModeChosen(at_s=0, model="gpt", mode="tool", run=run_))
        mine.observer.notify(AttemptFinished(at_s=0, attempt=line, error=None, run=run_))
        mine.observer.notify(SpanFinished(at_s=0, name="mine", latency_ms=0, error=None, run=run_))
    mine.observer.notify(RequestStarted(at_s=0, operation="generate", request=ASK))
    mine.observer.notify(StoreChanged(at_s=0, store="redis", error=None))
    seen = VendorBatch(id="b", status="in_progress", ended=False)
    mine.observer.notify(VendorBatchSeen(at_s=0, model="m", provider="p", batch=seen))
    assert mine.finished() == []
    assert mine.observer.open_runs == 0
    assert [point.count for point in mine.points("gen_ai.client.operation.duration")] == [2]
    assert mine.observer.headers(Run(name="generate")) == {}


async def test_what_a_gateway_tells_and_what_is_skipped_are_marks_on_the_run() -> None:
    mine, here = traced(), Run(name="generate")
    mine.observer.notify(RequestStarted(at_s=0, operation="generate", request=ASK, run=here))
    mine.observer.notify(TargetSkipped(at_s=0, model="gpt", provider="openai", error=BUSY, run=here))
    timed = GatewayTimed(
        at_s=0, model="gpt", trace_id="t", latency_ms=20.0, retries=1, option_index=None, cache_status=None, run=here
    )
    mine.observer.notify(timed)
    mine.observer.notify(AttemptStarted(at_s=0, model="gpt", provider="openai", server=("h.example", None), run=here))
    sent = mine.observer.headers(here)["traceparent"]
    mine.observer.notify(AttemptFinished(at_s=0, attempt=Attempt(model="gpt", provider="openai"), error=None, run=here))
    assert mine.observer.headers(here)["traceparent"] != sent
    mine.observer.notify(SpanFinished(at_s=1, name="x", latency_ms=0, error=BUSY, run=here))
    whole, attempt = mine.finished()
    assert [(event.name, dict(event.attributes or {})) for event in whole.events] == [
        ("TargetSkipped", {"gen_ai.request.model": "gpt", "error.type": "ServerError"}),
        (
            "GatewayTimed",
            {
                "gen_ai.request.model": "gpt",
                "llm_manager.gateway.latency_s": 0.02,
                "llm_manager.gateway.retries": 1,
            },
        ),
    ]
    assert said(whole)["error.type"] == "ServerError"
    assert "server.port" not in said(attempt)
