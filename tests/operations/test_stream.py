"""Streams: what is told, how they end, and what is settled when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    BreakerSettings,
    CacheSettings,
    Context,
    InvalidRequest,
    JsonSchema,
    KeySettings,
    Layer,
    LimiterSettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    LLMStream,
    ModelSettings,
    ModelUnavailable,
    Outcome,
    Preferences,
    RateLimitExceeded,
    RequestTimedOut,
    RetrySettings,
    RoutingSettings,
    SchemaMismatch,
    Secret,
    ServerError,
    StreamBroken,
    StreamEvent,
    StreamFailed,
    StreamFinished,
    StreamResumed,
    TextDelta,
    TimeoutSettings,
    Tool,
    ToolCall,
    ToolCallDelta,
    Usage,
    cached,
    collect,
    gather,
    generate,
    generate_stream,
    get_metrics,
    observed,
    race,
    replacing,
    run,
    stream_with_schema,
    texts,
)
from llm_manager.domain.events import AttemptFinished, Event, FellBack, RequestFinished, SpanFinished
from llm_manager.domain.stream import Delta
from llm_manager.ports import Dispatch, Incoming
from llm_manager.testing import Line, Pieces, ScriptedProvider, VirtualClock, scripted

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="hi")
BROKEN = StreamBroken("gpt", message="cut off")
WORDS = Pieces(["one ", "two ", "three"])
GOES_ON = LLMConfig(routing=RoutingSettings(mid_stream_failover=True))


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)

    def attempts(self) -> list[tuple[str, str]]:
        told = (event.attempt for event in self.events if isinstance(event, AttemptFinished))
        return [(attempt.model, attempt.outcome) for attempt in told]


async def opened(context: Context, request: LLMRequest = ASK) -> LLMStream:
    return (await run(generate_stream(request), context)).unwrap()


async def events_of(context: Context, request: LLMRequest = ASK) -> list[StreamEvent]:
    async with await opened(context, request) as stream:
        return [event async for event in stream]


def said(events: Sequence[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_a_stream_tells_its_pieces_and_ends_in_the_response_that_generate_gives() -> None:
    async with scripted({"gpt": [WORDS, WORDS]}, config=LLMConfig(cache=CacheSettings(enabled=False))) as context:
        *pieces, last = await events_of(context)
        whole = (await run(generate(ASK), context)).unwrap()
    assert pieces == [TextDelta("one "), TextDelta("two "), TextDelta("three")]
    assert isinstance(last, StreamFinished)
    assert last.response.content == "one two three" == whole.content
    assert last.response.usage == whole.usage
    assert [line.outcome for line in last.response.metadata.attempts] == ["ok"]


async def test_a_broken_stream_ends_in_its_error_and_the_text_that_had_come() -> None:
    listener = Listener()
    async with scripted({"gpt": [Pieces(["one ", "two"], BROKEN)], "claude": ["x"]}, observer=listener) as context:
        *pieces, last = await events_of(context)
    assert said(pieces) == "one two"
    error = replace(BROKEN, partial="one two")
    assert last == StreamFailed(error, "one two")
    assert listener.attempts() == [("gpt", "StreamBroken")], "nobody else is asked once a piece has been handed over"
    [attempt] = [event.attempt for event in listener.events if isinstance(event, AttemptFinished)]
    assert attempt.usage is not None, "what had come was paid for"
    assert attempt.usage.estimated
    [end] = [event for event in listener.events if isinstance(event, RequestFinished)]
    assert end.answer == error


async def test_until_the_first_piece_a_model_is_retried_and_replaced() -> None:
    busy = ServerError("gpt", 503)
    script: dict[str, list[Line]] = {"gpt": [busy, Pieces([], busy), busy, busy], "claude": [WORDS]}
    listener = Listener()
    async with scripted(script, observer=listener) as context:
        stream = await opened(context)
        assert stream.model == "claude"
        response = (await collect(stream)).unwrap()
    assert response.content == "one two three"
    assert response.metadata.retry_count == 4
    assert [event.next_model for event in listener.events if isinstance(event, FellBack)] == ["claude"]


async def test_when_all_models_fail_before_the_first_piece_so_does_the_operation() -> None:
    script: dict[str, list[Line]] = {"gpt": [RateLimitExceeded("gpt", 3600)], "claude": [RateLimitExceeded("c", 3600)]}
    listener = Listener()
    async with scripted(script, observer=listener) as context:
        outcome = await run(generate_stream(ASK), context)
    assert isinstance(outcome.failure(), AllModelsFailed)
    assert [event.answer for event in listener.events if isinstance(event, RequestFinished)] == [outcome.failure()]


async def test_a_request_that_cannot_be_sent_is_refused_with_all_its_problems() -> None:
    wrong = LLMRequest(preferences=Preferences(temperature=9))
    async with scripted({"gpt": [WORDS]}) as context:
        error = (await run(generate_stream(wrong), context)).failure()
    assert isinstance(error, InvalidRequest)
    assert {problem.path for problem in error.problems} == {"prompt", "preferences.temperature"}


async def test_texts_are_the_text_alone_and_the_stream_says_whether_that_was_all() -> None:
    async with scripted({"gpt": [WORDS, Pieces(["one"], BROKEN)]}, config=uncached()) as context:
        async with await opened(context) as whole:
            assert [text async for text in texts(whole)] == ["one ", "two ", "three"]
        assert isinstance(whole.ended, StreamFinished)
        async with await opened(context) as cut:
            assert [text async for text in texts(cut)] == ["one"]
        assert isinstance(cut.ended, StreamFailed)


async def test_collecting_gives_the_failure_of_the_stream() -> None:
    async with scripted({"gpt": [Pieces(["one"], BROKEN)]}) as context:
        assert await collect(await opened(context)) == Failure(replace(BROKEN, partial="one"))


async def test_a_stream_that_was_left_cannot_be_collected() -> None:
    async with scripted({"gpt": [WORDS]}) as context:
        async with await opened(context) as stream:
            await anext(stream)
        left = await collect(stream)
        assert left == Failure(StreamBroken("gpt", "one ", "the stream was left before its end"))
        assert [event async for event in stream] == []


def uncached() -> LLMConfig:
    return LLMConfig(cache=CacheSettings(enabled=False))


ONE_KEY = replace(uncached(), keys=KeySettings(providers={"openai": (Secret("k" * 20),)}, max_connections_per_key=1))
GPT = LLMRequest(prompt="hi", preferences=Preferences(model="gpt-4o", fallback="none"))


def keyed(lines: Sequence[Line], config: LLMConfig = ONE_KEY) -> Layer[Context, LLMError, None]:
    """One model behind one key that serves one call at a time."""
    models = {"openai": ScriptedProvider({"gpt-4o": lines}, VirtualClock(autojump=True))}
    return scripted({}, config=config) | replacing(providers=models)


@pytest.mark.parametrize("lines", [WORDS, Pieces(["one"], BROKEN)], ids=["whole", "broken"])
async def test_a_stream_gives_its_key_back_when_it_has_ended(lines: Pieces) -> None:
    async with keyed([lines, "next"]) as context:
        await collect(await opened(context, GPT))
        assert (await run(generate(GPT), context)).unwrap().content == "next"


async def test_a_stream_that_is_left_gives_its_key_back_and_is_accounted_for() -> None:
    listener = Listener()
    async with keyed([WORDS, "next"]) | replacing(observer=listener) as context:
        async with await opened(context, GPT) as stream:
            assert await anext(stream) == TextDelta("one ")
        assert stream.ended is None
        assert (await run(generate(GPT), context)).unwrap().content == "next"
    assert listener.attempts() == [("gpt-4o", "left"), ("gpt-4o", "ok")]
    [left, _] = [event for event in listener.events if isinstance(event, RequestFinished)]
    assert isinstance(left.answer, LLMResponse)
    assert (left.answer.content, left.answer.finish_reason) == ("one ", "unknown")
    assert left.answer.usage.estimated


async def test_a_key_is_held_while_its_stream_is_open() -> None:
    async with keyed([WORDS, "next"]) as context, await opened(context, GPT), anyio.create_task_group() as group:
        group.start_soon(context.clock.sleep, 10.0)  # time moves while somebody sleeps
        late = await run(generate(replace(GPT, deadline_s=5)), context)
        assert isinstance(late.failure(), RequestTimedOut)


async def test_a_stream_that_breaks_counts_against_the_breaker_and_one_that_is_left_does_not() -> None:
    config = replace(ONE_KEY, circuit_breaker=BreakerSettings(failure_threshold=2), retry=RetrySettings(max_retries=0))
    broken = Pieces(["one"], BROKEN)
    async with keyed([broken, WORDS, broken, "next"], config) as context:
        await collect(await opened(context, GPT))
        async with await opened(context, GPT) as stream:
            await anext(stream)
        await collect(await opened(context, GPT))
        assert (await run(generate(GPT), context)).failure().tag == "CircuitOpen"


async def test_the_limiter_settles_on_what_a_whole_stream_has_used() -> None:
    config = replace(ONE_KEY, rate_limit=LimiterSettings(tokens_per_minute=100))
    async with keyed([WORDS, WORDS, WORDS], config) as context:
        for _ in range(3):  # sixty-five tokens were reserved for each, and about ten used
            request = replace(GPT, preferences=replace(GPT.preferences, max_tokens=60))
            await collect(await opened(context, request))
        assert context.clock.monotonic() == 0.0


async def test_the_first_piece_has_a_limit_of_its_own() -> None:
    config = replace(ONE_KEY, timeouts=TimeoutSettings(first_byte_s=3), retry=RetrySettings(max_retries=0))
    async with scripted({"gpt": [Pieces(["late"], gap_s=4)]}, config=config) as context:
        outcome = await run(generate_stream(ASK), context)
        assert outcome == Failure(RequestTimedOut("gpt", 3, "first_byte"))
        assert context.clock.monotonic() == 3


async def test_the_deadline_is_total_however_steadily_the_pieces_come() -> None:
    async with scripted({"gpt": [Pieces(["a", "b", "c", "d"], gap_s=2)]}) as context:
        *pieces, last = await events_of(context, replace(ASK, deadline_s=5))
        assert context.clock.monotonic() == 5
    assert said(pieces) == "ab"
    assert isinstance(last, StreamFailed)
    assert last == StreamFailed(RequestTimedOut("gpt", 5.0), "ab")


async def test_a_reader_that_pauses_beyond_the_deadline_gets_no_more() -> None:
    layer, request = scripted({"gpt": [Pieces(["a", "b"])]}), replace(ASK, deadline_s=5)
    async with layer as context, await opened(context, request) as stream:
        await anext(stream)
        await context.clock.sleep(6)
        last = await anext(stream)
    assert isinstance(last, StreamFailed)
    assert isinstance(last.error, RequestTimedOut)


async def test_a_cached_answer_comes_in_one_piece_and_says_so() -> None:
    async with scripted({"gpt": [WORDS]}) as context:
        await collect(await opened(context))
        [piece, last] = await events_of(context)
        whole = (await run(generate(ASK), context)).unwrap()
    assert piece == TextDelta("one two three")
    assert isinstance(last, StreamFinished)
    assert last.response.metadata.cached
    assert whole == last.response, "both operations share what was asked once"


async def test_neither_a_broken_nor_a_left_stream_is_cached() -> None:
    async with scripted({"gpt": [Pieces(["one"], BROKEN), WORDS, "third"]}) as context:
        await collect(await opened(context))
        async with await opened(context) as stream:
            await anext(stream)
        assert (await run(generate(ASK), context)).unwrap().content == "third"


async def test_tool_calls_come_in_pieces_and_whole() -> None:
    call = ToolCall(id="c1", name="look", arguments='{"at": "sky"}')
    answer = LLMResponse(content="", model="gpt", tool_calls=(call,), finish_reason="tool_calls")
    async with scripted({"gpt": [answer]}) as context:
        [piece, last] = await events_of(context, replace(ASK, tools=(Tool(name="look"),)))
    assert piece == ToolCallDelta(index=0, id="c1", name="look", arguments='{"at": "sky"}')
    assert isinstance(last, StreamFinished)
    assert last.response.tool_calls == (call,)


async def test_a_schema_put_as_a_tool_streams_its_arguments_as_the_text() -> None:
    config = LLMConfig(models={"gpt": ModelSettings(capabilities=frozenset({"tools"}))})
    call = ToolCall(id="c1", name="answer", arguments='{"sky": "blue"}')
    told = LLMResponse(content="Here:", model="gpt", tool_calls=(call,), finish_reason="tool_calls")
    async with scripted({"gpt": [told]}, config=config) as context:
        [piece, last] = await events_of(context, replace(ASK, response_format=JsonSchema(schema={"type": "object"})))
    assert piece == TextDelta('{"sky": "blue"}')
    assert isinstance(last, StreamFinished)
    assert (last.response.content, last.response.tool_calls) == ('{"sky": "blue"}', ())


async def test_where_that_tool_is_not_called_the_text_comes_at_the_end() -> None:
    config = LLMConfig(models={"gpt": ModelSettings(capabilities=frozenset({"tools"}))})
    async with scripted({"gpt": [WORDS]}, config=config) as context:
        [piece, last] = await events_of(context, replace(ASK, response_format=JsonSchema(schema={"type": "object"})))
    assert piece == TextDelta("one two three")
    assert isinstance(last, StreamFinished)


async def test_a_request_that_wants_streaming_is_sent_in_pieces_and_comes_back_whole() -> None:
    broken = Pieces(["one"], ServerError("gpt", 500))
    async with scripted({"gpt": [broken, WORDS]}) as context:
        response = (await run(generate(replace(ASK, streaming=True)), context)).unwrap()
    assert response.content == "one two three"
    assert [line.outcome for line in response.metadata.attempts] == ["ServerError", "ok"], "nothing was handed over"


async def test_metrics_count_a_stream_once_it_has_ended() -> None:
    async with scripted({"gpt": [WORDS]}) as context, await opened(context) as stream:
        before = (await run(get_metrics(), context)).unwrap().totals.requests
        async for _ in stream:
            pass
        after = (await run(get_metrics(), context)).unwrap().totals.requests
    assert (before, after) == (0, 1)


async def test_a_users_own_combinators_settle_when_the_stream_has_ended() -> None:
    listener = Listener()
    script: dict[str, list[Line]] = {"gpt": [WORDS, Pieces(["one"], BROKEN), WORDS]}
    async with scripted(script, config=uncached(), observer=listener) as context:
        watched = observed("tell")(generate_stream(ASK))
        for leave in (False, False, True):
            async with (await run(watched, context)).unwrap() as stream:
                assert not spans(listener)
                async for _ in stream:
                    if leave:
                        break
            [span] = spans(listener)
            assert span.error == (stream.ended.error if isinstance(stream.ended, StreamFailed) else None)
            listener.events.clear()


def spans(listener: Listener) -> list[SpanFinished]:
    return [event for event in listener.events if isinstance(event, SpanFinished)]


async def test_a_stream_is_never_put_into_a_cache_itself() -> None:
    async with scripted({"gpt": [WORDS, WORDS]}, config=uncached()) as context:
        twice = cached("k", 60)(generate_stream(ASK))
        for _ in range(2):
            assert (await collect((await run(twice, context)).unwrap())).unwrap().content == "one two three"


async def test_a_schema_stream_settles_on_its_value() -> None:
    listener = Listener()
    async with scripted({"gpt": ['{"x": "no number"}']}, observer=listener) as context:
        op = observed("value")(stream_with_schema(ASK, dict[str, int]))
        await collect((await run(op, context)).unwrap())
    [span] = spans(listener)
    assert isinstance(span.error, SchemaMismatch)


async def test_streams_that_nobody_will_get_are_closed() -> None:
    """The loser of a dead heat, and those beside one that did not begin."""
    keys = KeySettings(providers={"openai": (Secret("k" * 20),)}, max_connections_per_key=2)
    words: list[Line] = [WORDS, WORDS, WORDS, ModelUnavailable("gpt-4o"), "next"]
    async with keyed(words, replace(uncached(), keys=keys)) as context:
        ask = generate_stream(GPT)
        async with (await run(race(ask, ask), context)).unwrap() as winner:
            assert (await collect(winner)).unwrap().content == "one two three"
        assert isinstance((await run(gather([ask, ask]), context)).failure(), ModelUnavailable)
        assert (await run(generate(GPT), context)).unwrap().content == "next", "both places of the key are free"


async def test_a_stream_that_nobody_closes_is_told_to_the_programmer() -> None:
    async with scripted({"gpt": [WORDS]}) as context:
        stream = await opened(context)
        with pytest.warns(ResourceWarning, match="a stream of gpt was never closed"):
            del stream


@pytest.mark.parametrize(
    "goes_on",
    [
        Pieces([" three", " four"]),
        Pieces(["one two three", " four"]),
        Pieces(["one ", "two", " th", "ree four"]),
        "one two three four",
    ],
    ids=["new text", "the whole again", "the whole in other pieces", "at once"],
)
async def test_another_model_goes_on_where_one_broke_off_and_nothing_is_said_twice(goes_on: Line) -> None:
    script: dict[str, list[Line]] = {"gpt": [Pieces(["one ", "two"], BROKEN)], "claude": [goes_on]}
    listener = Listener()
    async with scripted(script, config=GOES_ON, observer=listener) as context:
        events = await events_of(context)
    assert StreamResumed("claude") in events
    assert said(events) == "one two three four"
    assert isinstance(events[-1], StreamFinished)
    assert (events[-1].response.content, events[-1].response.model) == ("one two three four", "claude")
    assert listener.attempts() == [("gpt", "StreamBroken"), ("claude", "ok")]
    assert [(event.model, event.next_model) for event in listener.events if isinstance(event, FellBack)] == [
        ("gpt", "claude")
    ]


async def test_the_next_model_is_shown_what_had_been_said() -> None:
    asked: list[LLMRequest] = []

    def note(request: LLMRequest) -> Line:
        asked.append(request)
        return "rest"

    async with scripted({"gpt": [Pieces(["one "], BROKEN)], "claude": [note]}, config=GOES_ON) as context:
        await events_of(context, replace(ASK, system_prompt="be brief"))
    [request] = asked
    assert [(message.role, message.content) for message in request.messages] == [("user", "hi"), ("assistant", "one ")]
    assert request.system_prompt == "be brief"
    assert "cut off" in request.prompt


async def test_when_nobody_can_go_on_the_failure_names_everybody() -> None:
    down = RateLimitExceeded("claude", 3600)
    script: dict[str, list[Line]] = {"gpt": [Pieces(["one"], BROKEN)], "claude": [down]}
    async with scripted(script, config=GOES_ON) as context:
        *_, last = await events_of(context)
    assert last == StreamFailed(AllModelsFailed((("gpt", BROKEN), ("claude", down))), "one")


@pytest.mark.parametrize(
    ("error", "request_"),
    [
        (BROKEN, replace(ASK, response_format=JsonSchema(schema={"type": "object"}))),
        (InvalidRequest(()), ASK),
        (BROKEN, GPT),
    ],
    ids=["an answer with a form", "an error no other model would change", "no other model"],
)
async def test_some_streams_are_not_handed_over(error: LLMError, request_: LLMRequest) -> None:
    names = ("gpt-4o",) if request_ is GPT else ("gpt", "claude")
    script: dict[str, list[Line]] = {name: [Pieces(["{"], error)] for name in names}
    async with scripted(script, config=GOES_ON) as context:
        *_, last = await events_of(context, request_)
    assert isinstance(last, StreamFailed)
    assert last.partial == "{"
    assert type(last.error) is type(error)


async def test_half_a_tool_call_is_not_handed_over() -> None:
    class Calling:
        usage = Usage()
        longest_pull_s = None

        def __init__(self) -> None:
            self.begun = False

        async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
            if self.begun:
                return Failure(StreamBroken("gpt"))
            self.begun = True
            return Success((ToolCallDelta(index=0, id="c", name="look", arguments="{"),))

        async def aclose(self) -> None: ...

    class Caller(ScriptedProvider):  # type: ignore[misc]  # a test's own
        async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
            return Success(Calling())

    layer = scripted({"gpt": [], "claude": ["x"]}, config=GOES_ON) | replacing(
        providers={"custom": Caller({}, VirtualClock())}
    )
    async with layer as context:
        [piece, last] = await events_of(context)
    assert isinstance(piece, ToolCallDelta)
    assert isinstance(last, StreamFailed)
