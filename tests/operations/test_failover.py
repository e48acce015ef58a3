"""Failover in mid-stream: another model goes on, and nothing is said twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    CacheSettings,
    FinalValue,
    InvalidRequest,
    JsonSchema,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    Outcome,
    PartialValue,
    RateLimitExceeded,
    RoutingSettings,
    StreamBroken,
    StreamFailed,
    StreamFinished,
    StreamResumed,
    TextDelta,
    ToolCallDelta,
    Usage,
    replacing,
    run,
    stream_with_schema,
)
from llm_manager.domain.events import FellBack
from llm_manager.domain.stream import Delta
from llm_manager.ports import Dispatch, Incoming
from llm_manager.testing import Line, Pieces, ScriptedProvider, VirtualClock, scripted
from tests.operations.streaming import (
    ASK,
    BROKEN,
    GOES_ON,
    GPT,
    Listener,
    events_of,
    opened,
    said,
)
from tests.paid import paid

pytestmark = pytest.mark.anyio


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
    assert last == StreamFailed(AllModelsFailed((("gpt", paid(BROKEN, "one")), ("claude", down))), "one")


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


RESTARTS = LLMConfig(cache=CacheSettings(enabled=False), routing=RoutingSettings(mid_stream="restart"))


async def test_a_restarted_stream_is_answered_from_the_start_by_the_next_model() -> None:
    asked: list[LLMRequest] = []

    def note(request: LLMRequest) -> Line:
        asked.append(request)
        return Pieces(["uno ", "dos"])

    script: dict[str, list[Line]] = {"gpt": [Pieces(["one ", "two"], BROKEN)], "claude": [note]}
    async with scripted(script, config=RESTARTS) as context, await opened(context) as stream:
        events = [event async for event in stream]
    *pieces, last = events
    assert pieces == [
        TextDelta("one "),
        TextDelta("two"),
        StreamResumed("claude", restarted=True),
        TextDelta("uno "),
        TextDelta("dos"),
    ]
    assert isinstance(last, StreamFinished)
    assert last.response.content == "uno dos" == stream.text
    assert asked == [ASK], "the next model is asked as if it were the first"


async def test_a_value_that_grows_starts_again_with_its_stream() -> None:
    script: dict[str, list[Line]] = {"gpt": [Pieces(["[1, 2", ", 3"], BROKEN)], "claude": [Pieces(["[1, 2", "]"])]}
    async with (
        scripted(script, config=RESTARTS) as context,
        (await run(stream_with_schema(ASK, list[int]), context)).unwrap() as stream,
    ):
        events = [event async for event in stream]
    grown = [event.value for event in events if isinstance(event, PartialValue)]
    assert grown == [[1], [1, 2], [1], [1, 2]]
    assert isinstance(events[-1], FinalValue)
    assert events[-1].value == [1, 2]


async def test_when_nobody_can_start_again_the_failure_keeps_what_had_come() -> None:
    down = RateLimitExceeded("claude", 3600)
    async with scripted({"gpt": [Pieces(["one"], BROKEN)], "claude": [down]}, config=RESTARTS) as context:
        *_, last = await events_of(context)
    assert last == StreamFailed(AllModelsFailed((("gpt", paid(BROKEN, "one")), ("claude", down))), "one")


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
