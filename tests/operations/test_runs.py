"""Every run that begins is told to have ended, once, whichever way it does; and what happened in it names it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from returns.result import Success

from llm_manager import (
    Context,
    LLMConfig,
    LLMError,
    LLMRequest,
    Outcome,
    Preferences,
    RequestTimedOut,
    RetrySettings,
    RoutingSettings,
    ServerError,
    collect,
    continue_conversation,
    continue_conversation_stream,
    effect,
    gather,
    generate,
    generate_stream,
    get_metrics,
    hedged,
    observed,
    query_multiple,
    query_with_schema,
    race,
    run,
    start_conversation,
)
from llm_manager.domain.events import (
    AttemptFinished,
    AttemptStarted,
    Event,
    ObserverFailed,
    RequestFinished,
    RequestLeft,
    RequestStarted,
    SpanFinished,
    SpanStarted,
    StoreChanged,
)
from llm_manager.domain.run import Run
from llm_manager.testing import Line, Pause, Pieces, scripted
from tests.operations.streaming import ASK, BROKEN, WORDS, Listener, opened, uncached

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
SLOW = Pause(3600, "late")


def only(model: str) -> LLMRequest:
    return replace(ASK, preferences=Preferences(model=model, fallback="none"))


def run_of(event: Event) -> Run | None:
    return None if isinstance(event, StoreChanged | ObserverFailed) else event.run


def assert_all_ended(events: Sequence[Event]) -> None:
    """Each run has one beginning and one end, all that happened in it stands between, and attempts come in pairs."""
    runs: dict[Run | None, list[Event]] = {}
    for event in events:
        runs.setdefault(run_of(event), []).append(event)
    assert None not in runs
    for mine in runs.values():
        assert isinstance(mine[0], RequestStarted | SpanStarted)
        assert isinstance(mine[-1], RequestFinished | RequestLeft | SpanFinished)
        assert not any(isinstance(event, RequestFinished | RequestLeft | SpanFinished) for event in mine[:-1])
        begun = [(event.model, event.at_s) for event in mine if isinstance(event, AttemptStarted)]
        ended = [(event.attempt.model, event.attempt.started_s) for event in mine if isinstance(event, AttemptFinished)]
        assert begun == ended


def ends(listener: Listener) -> list[str]:
    """How the operations ended."""
    told = (event for event in listener.events if isinstance(event, RequestFinished | RequestLeft))
    return [event.reason if isinstance(event, RequestLeft) else type(event.answer).__name__ for event in told]


async def cancelled_after(context: Context, seconds: float, request: LLMRequest = ASK, *, streamed: bool) -> None:
    with context.clock.move_on_after(seconds):
        if not streamed:
            await run(generate(request), context)
            return
        async with await opened(context, request) as stream:
            async for _ in stream:
                pass


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_run_that_is_cancelled_is_told_to_be(streamed: bool) -> None:
    listener = Listener()
    async with scripted({"gpt": [SLOW]}, observer=listener, config=uncached()) as context:
        await cancelled_after(context, 1.0, streamed=streamed)
        counted = (await run(get_metrics(), context)).unwrap()
    assert_all_ended(listener.events)
    assert (ends(listener), listener.attempts()) == (["cancelled"], [("gpt", "left")])
    assert (counted.totals.requests, counted.totals.left, counted.models["gpt"].left) == (1, 1, 1)


async def test_a_stream_whose_reader_is_cancelled_was_left() -> None:
    listener = Listener()
    async with scripted({"gpt": [Pieces(["one ", "two "], gap_s=1.0)]}, observer=listener) as context:
        await cancelled_after(context, 1.5, streamed=True)
    assert_all_ended(listener.events)
    assert (ends(listener), listener.attempts()) == (["left"], [("gpt", "left")])


async def test_a_turn_of_a_conversation_is_a_run_around_its_request() -> None:
    listener = Listener()
    async with scripted({"gpt": ["one", "two"]}, observer=listener) as context:
        id_ = (await run(start_conversation(), context)).unwrap()
        await run(continue_conversation(id_, "a"), context)
        await collect((await run(continue_conversation_stream(id_, "b"), context)).unwrap())
    assert_all_ended(listener.events)
    begun = [event.run for event in listener.events if isinstance(event, SpanStarted | RequestStarted)]
    told = [(each.name, None if each.parent is None else each.parent.name) for each in begun if each is not None]
    assert told == [
        ("continue_conversation", None),
        ("generate", "continue_conversation"),
        ("continue_conversation", None),
        ("generate_stream", "continue_conversation"),
    ]


async def test_a_run_out_of_time_fails_and_so_does_its_attempt() -> None:
    listener = Listener()
    async with scripted({"gpt": [SLOW]}, observer=listener) as context:
        outcome = await run(generate(replace(ASK, deadline_s=5.0)), context)
    assert isinstance(outcome.failure(), RequestTimedOut)
    assert_all_ended(listener.events)
    assert (ends(listener), listener.attempts()) == (["RequestTimedOut"], [("gpt", "RequestTimedOut")])


async def test_a_bug_that_goes_through_a_run_ends_it_and_goes_on() -> None:
    def buggy(_request: LLMRequest) -> str:
        raise ZeroDivisionError

    listener = Listener()
    async with scripted({"gpt": [buggy, buggy, buggy]}, observer=listener, config=uncached()) as context:
        for op in (generate(ASK), generate_stream(ASK), observed("mine")(generate(ASK))):
            with pytest.raises(ZeroDivisionError):
                await run(op, context)
    assert_all_ended(listener.events)
    assert (ends(listener), listener.attempts()) == (["raised"] * 3, [("gpt", "left")] * 3)
    [mine] = [event for event in listener.events if isinstance(event, SpanFinished)]
    assert mine.reason == "raised"


async def test_the_losers_of_a_race_and_of_a_hedge_are_told_to_be_cancelled() -> None:
    listener = Listener()
    script: dict[str, list[Line]] = {"gpt": [SLOW, SLOW, "again"], "claude": ["first"]}
    async with scripted(script, observer=listener, config=uncached()) as context:
        await run(race(ASK, ["gpt", "claude"]), context)
        await run(hedged(1.0)(generate(only("gpt"))), context)
    assert_all_ended(listener.events)
    assert sorted(ends(listener)) == ["LLMResponse", "LLMResponse", "cancelled", "cancelled"]


async def test_what_happens_in_a_run_names_it_and_what_it_is_in() -> None:
    listener = Listener()
    script: dict[str, list[Line]] = {"gpt": ["no number", "7"], "claude": ["x"]}
    async with scripted(script, observer=listener, config=uncached()) as context:
        assert await run(query_with_schema(only("gpt"), int), context) == Success(7)
        await run(observed("mine")(query_multiple(ASK, ["gpt", "claude"])), context)
    assert_all_ended(listener.events)
    runs = list(dict.fromkeys(run_of(event) for event in listener.events))
    nested = [(each.name, each.parent.name if each.parent else None) for each in runs if each is not None]
    assert nested[:4] == [
        ("query_with_schema", None),
        ("generate", "query_with_schema"),
        ("generate", "query_with_schema"),
        ("mine", None),
    ]
    assert len({each.trace_id for each in runs if each is not None}) == 2
    assert nested[4:] == [("query_multiple", "mine"), *[("generate", "query_multiple")] * 2]


async def test_runs_at_the_same_time_do_not_mix() -> None:
    listener = Listener()
    pauses: list[Line] = [Pause(number % 3, f"answer {number}") for number in range(20)]
    async with scripted({"gpt": pauses}, observer=listener, config=uncached()) as context:
        await run(gather([generate(ASK) for _ in range(20)]), context)
    assert_all_ended(listener.events)
    assert len({run_of(event) for event in listener.events}) == 20


async def test_a_stream_that_another_model_takes_over_is_one_run() -> None:
    listener = Listener()
    config = replace(uncached(), routing=RoutingSettings(mid_stream="restart"), retry=RetrySettings(max_retries=0))
    script: dict[str, list[Line]] = {"gpt": [Pieces(["one"], BROKEN)], "claude": [WORDS]}
    async with scripted(script, observer=listener, config=config) as context, await opened(context) as stream:
        _ = [event async for event in stream]
    assert_all_ended(listener.events)
    assert len({run_of(event) for event in listener.events}) == 1
    assert listener.attempts() == [("gpt", "StreamBroken"), ("claude", "ok")]


async def test_the_ledger_says_when_the_first_piece_came_and_metrics_when_they_come() -> None:
    slow = Pieces(["one ", "two"], gap_s=2.0)
    script: dict[str, list[Line]] = {"gpt": [slow, slow, "whole"]}
    async with scripted(script, config=uncached()) as context:
        firsts = [
            (await run(generate(request), context)).unwrap().metadata.attempts[0].first_ms
            for request in (replace(ASK, streaming=True), replace(ASK, streaming=True), ASK)
        ]
        gpt = (await run(get_metrics(), context)).unwrap().models["gpt"]
    assert firsts == [2000.0, 2000.0, None]
    assert (gpt.first_mean_ms, gpt.first_p50_ms) == (2000.0, 2000.0)
    assert gpt.latency_p99_ms == pytest.approx(4000.0, rel=0.025)


async def test_an_observed_stream_that_is_left_says_so() -> None:
    listener = Listener()
    async with scripted({"gpt": [WORDS]}, observer=listener, config=uncached()) as context:
        stream = (await run(observed("mine")(generate_stream(ASK)), context)).unwrap()
        await anext(stream)
        await stream.aclose()
    assert_all_ended(listener.events)
    assert [event.reason for event in listener.events if isinstance(event, SpanFinished)] == ["left"]


async def test_an_observed_piece_that_is_cancelled_says_so() -> None:
    listener = Listener()

    async def sleeping(context: Context) -> Outcome[None, LLMError]:
        await context.clock.sleep(10)
        return Success(None)

    async with scripted({}, observer=listener, config=LLMConfig()) as context:
        with context.clock.move_on_after(1):
            await run(observed("mine")(effect(sleeping)), context)
    assert [event.reason for event in listener.events if isinstance(event, SpanFinished)] == ["cancelled"]
