"""Streams: what is told, and how they end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure

from llm_manager import (
    AllModelsFailed,
    CacheSettings,
    InvalidRequest,
    JsonSchema,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    Preferences,
    RateLimitExceeded,
    RequestTimedOut,
    RetrySettings,
    ServerError,
    StreamBroken,
    StreamFailed,
    StreamFinished,
    TextDelta,
    TimeoutSettings,
    Tool,
    ToolCall,
    ToolCallDelta,
    collect,
    generate,
    generate_stream,
    get_metrics,
    run,
    texts,
)
from llm_manager.domain.events import AttemptFinished, FellBack, RequestFinished
from llm_manager.testing import Line, Pieces, scripted
from tests.operations.streaming import (
    ASK,
    BROKEN,
    ONE_KEY,
    WORDS,
    Listener,
    events_of,
    opened,
    said,
    uncached,
)
from tests.paid import paid

pytestmark = pytest.mark.anyio


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
    error = paid(replace(BROKEN, partial="one two"), "one two")
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
        assert await collect(await opened(context)) == Failure(paid(replace(BROKEN, partial="one"), "one"))


async def test_a_stream_that_was_left_cannot_be_collected() -> None:
    async with scripted({"gpt": [WORDS]}) as context:
        async with await opened(context) as stream:
            await anext(stream)
        left = await collect(stream)
        assert left == Failure(StreamBroken("gpt", "one ", "the stream was left before its end"))
        assert [event async for event in stream] == []


async def test_the_first_piece_has_a_limit_of_its_own() -> None:
    config = replace(ONE_KEY, timeouts=TimeoutSettings(first_byte_s=3), retry=RetrySettings(max_retries=0))
    async with scripted({"gpt": [Pieces(["late"], gap_s=4)]}, config=config) as context:
        alone = replace(ASK, preferences=Preferences(model="gpt", fallback="none"))
        outcome = await run(generate_stream(alone), context)
        assert outcome == Failure(RequestTimedOut("gpt", 3, "first_byte"))
        assert context.clock.monotonic() == 3


async def test_the_deadline_is_total_however_steadily_the_pieces_come() -> None:
    async with scripted({"gpt": [Pieces(["a", "b", "c", "d"], gap_s=2)]}) as context:
        *pieces, last = await events_of(context, replace(ASK, deadline_s=5))
        assert context.clock.monotonic() == 5
    assert said(pieces) == "ab"
    assert isinstance(last, StreamFailed)
    assert last == StreamFailed(paid(RequestTimedOut("gpt", 5.0), "ab"), "ab")


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


async def test_a_stream_that_nobody_closes_is_told_to_the_programmer() -> None:
    async with scripted({"gpt": [WORDS]}) as context:
        stream = await opened(context)
        with pytest.warns(ResourceWarning, match="a stream of gpt was never closed"):
            del stream
