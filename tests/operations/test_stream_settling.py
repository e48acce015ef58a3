"""What is settled when a stream ends or is left, and not before."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from llm_manager import (
    BreakerSettings,
    HttpSettings,
    LimiterSettings,
    ModelUnavailable,
    RequestTimedOut,
    RetrySettings,
    SchemaMismatch,
    StreamFailed,
    TextDelta,
    cached,
    collect,
    gather,
    generate,
    generate_stream,
    observed,
    race,
    replacing,
    run,
    stream_with_schema,
)
from llm_manager.domain.events import RequestLeft, SpanFinished
from llm_manager.policies.targets import resolve
from llm_manager.testing import Line, Pieces, scripted
from tests.operations.streaming import (
    ASK,
    BROKEN,
    GPT,
    ONE_KEY,
    WORDS,
    Listener,
    keyed,
    opened,
    uncached,
)

pytestmark = pytest.mark.anyio


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
    [left] = [event for event in listener.events if isinstance(event, RequestLeft)]
    assert left.reason == "left"
    assert left.partial is not None
    assert (left.partial.content, left.partial.finish_reason) == ("one ", "unknown")
    assert left.partial.usage.estimated


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
        assert (await context.breakers.state(resolve(config, "gpt-4o").unwrap().key, 0.0))[0] == "open"


async def test_the_limiter_settles_on_what_a_whole_stream_has_used() -> None:
    config = replace(ONE_KEY, rate_limit=LimiterSettings(tokens_per_minute=100))
    async with keyed([WORDS, WORDS, WORDS], config) as context:
        for _ in range(3):  # sixty-five tokens were reserved for each, and about ten used
            request = replace(GPT, preferences=replace(GPT.preferences, max_tokens=60))
            await collect(await opened(context, request))
        assert context.clock.monotonic() == 0.0


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
    words: list[Line] = [WORDS, WORDS, WORDS, ModelUnavailable("gpt-4o"), "next"]
    async with keyed(words, replace(ONE_KEY, http=HttpSettings(max_connections=2))) as context:
        ask = generate_stream(GPT)
        async with (await run(race(ask, ask), context)).unwrap() as winner:
            assert (await collect(winner)).unwrap().content == "one two three"
        assert isinstance((await run(gather([ask, ask]), context)).failure(), ModelUnavailable)
        assert (await run(generate(GPT), context)).unwrap().content == "next", "both places of the key are free"
