"""Streams over real sockets: what each broken one ends in, and that none keeps its connection."""

from __future__ import annotations

import tracemalloc
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, get_args

import anyio
import httpx
import httpx2
import pytest
from returns.result import Failure, Success

from llm_manager import (
    CacheSettings,
    ContentFiltered,
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    MalformedResponse,
    ModelSettings,
    NetworkError,
    Preferences,
    RateLimitExceeded,
    ReasoningDelta,
    RequestTimedOut,
    RetrySettings,
    Secret,
    StreamBroken,
    StreamEvent,
    StreamFailed,
    StreamFinished,
    TextDelta,
    TimeoutSettings,
    Tool,
    ToolCallDelta,
    Usage,
    collect,
    custom,
    generate,
    generate_stream,
    provide,
    run,
)
from llm_manager.domain.models import MODELS
from llm_manager.domain.response import ComputedCost, FinishReason
from llm_manager.testing.simulator import CallTools, Fault, Reply, Say, Simulator, Status
from llm_manager.testing.simulator.replies import FaultKind
from tests.adapters.chosen import CHOSEN
from tests.paid import paid, unpaid

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="hi", preferences=Preferences(model="gpt", fallback="none"))
CANARY = "sk-canary-0123456789-abcdef"


def config(url: str, **timeouts: float) -> LLMConfig:
    return LLMConfig(
        models={"gpt": ModelSettings(provider="openai", model="gpt-4o")},
        keys=KeySettings(providers={"openai": (Secret(CANARY),)}),
        http=HttpSettings(engine=CHOSEN.engine, base_urls={"openai": url}, max_connections=5),
        retry=RetrySettings(max_retries=0),
        cache=CacheSettings(enabled=False),
        timeouts=replace(TimeoutSettings(first_byte_s=0.3, idle_s=0.3), **timeouts),
    )


async def told(reply: Reply, **timeouts: float) -> LLMError | list[StreamEvent]:
    """The events of a stream, or the failure to begin one."""
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [reply])
        async with custom(config(simulator.url, **timeouts)) as context:
            match await run(generate_stream(ASK), context):
                case Failure(error):
                    return error
                case Success(stream):
                    async with stream:
                        return [event async for event in stream]


BEFORE: dict[FaultKind, LLMError] = {
    "reset": NetworkError("gpt-4o", ambiguous=True, cause="reset"),
    "reset_in_headers": NetworkError("gpt-4o", ambiguous=True, cause="reset"),
    "hang": RequestTimedOut("gpt-4o", 0.3, "first_byte"),
    "slow_headers": RequestTimedOut("gpt-4o", 0.3, "first_byte"),
    "drip": RequestTimedOut("gpt-4o", 0.3, "first_byte"),
    "pings": RequestTimedOut("gpt-4o", 0.3, "first_byte"),
    "short_body": MalformedResponse("gpt-4o", "truncated"),
    "gzip_bomb": MalformedResponse("gpt-4o", "oversize"),
    "giant_line": MalformedResponse("gpt-4o", "oversize"),
    "corrupt_gzip": MalformedResponse("gpt-4o", "undecodable"),
    "html": MalformedResponse("gpt-4o", "undecodable"),
    "bad_utf8": MalformedResponse("gpt-4o", "undecodable"),
    "deep_json": MalformedResponse("gpt-4o", "unparsable"),
    "nan": MalformedResponse("gpt-4o", "unparsable"),
    "huge_integer": MalformedResponse("gpt-4o", "unparsable"),
    "redirect": MalformedResponse("gpt-4o", "redirect"),
    "no_choices": MalformedResponse("gpt-4o", "empty"),
    "null_content": MalformedResponse("gpt-4o", "empty"),
    "error_in_stream": RateLimitExceeded("gpt-4o"),
    "error_in_ok": RateLimitExceeded("gpt-4o"),
}
"""What is broken before the first piece: the operation fails, and another model could be asked."""

LATER: dict[FaultKind, LLMError] = {
    "idle_stream": RequestTimedOut("gpt-4o", 0.3, "idle"),
    "cut_chunks": StreamBroken("gpt-4o", "hello"),
    "reset_in_body": StreamBroken("gpt-4o", "hello"),
    "stream_without_end": StreamBroken("gpt-4o", "hello"),
}
"""What breaks after it: the last event says so."""

OK: dict[FaultKind, str] = {"stream_without_done": "hello", "split_utf8": "Grüße, 世界 😀"}


def patience(error: LLMError | None) -> dict[str, float]:
    """A busy machine may take longer than a short limit, which is there for faults that are time-outs alone."""
    return {} if isinstance(error, RequestTimedOut) else {"first_byte_s": 30.0, "idle_s": 30.0}


def test_every_fault_has_its_place() -> None:
    assert {*BEFORE, *LATER, *OK} == set(get_args(FaultKind))


@pytest.mark.parametrize("kind", BEFORE)
async def test_a_fault_before_the_first_piece_is_the_error_of_the_matrix(kind: FaultKind) -> None:
    error = await told(Fault(kind), **patience(BEFORE[kind]))
    assert not isinstance(error, list)
    assert unpaid(replace(error, message="")) == BEFORE[kind]


@pytest.mark.parametrize("kind", LATER)
async def test_a_fault_after_it_is_the_end_of_the_stream_with_what_had_come(kind: FaultKind) -> None:
    events = await told(Fault(kind), **patience(LATER[kind]))
    assert isinstance(events, list)
    *pieces, last = events
    assert pieces == [TextDelta("hello")]
    assert isinstance(last, StreamFailed)
    assert last.partial == "hello"
    assert replace(last.error, message="") == paid(LATER[kind], "hello", price=MODELS["gpt-4o"].price)


@pytest.mark.parametrize("kind", OK)
async def test_what_only_looks_broken_is_a_whole_answer(kind: FaultKind) -> None:
    events = await told(Fault(kind), **patience(None))
    assert isinstance(events, list)
    last = events[-1]
    assert isinstance(last, StreamFinished)
    assert last.response.content == OK[kind] == "".join(e.text for e in events if isinstance(e, TextDelta))


MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize("kind", ["giant_line", "gzip_bomb"])
async def test_what_is_too_large_is_refused_before_it_is_held(kind: FaultKind) -> None:
    """A line of 32 MiB, 64 MiB of spaces in a few bytes: what is held at once stays below 16 MiB."""
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Fault(kind)] * 2)
        async with custom(config(simulator.url, first_byte_s=30.0)) as context:
            await run(generate_stream(ASK), context)  # what is loaded or made once is not what is measured
            tracemalloc.start()
            error = (await run(generate_stream(replace(ASK, namespace="second")), context)).failure()
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
    assert replace(error, message="") == MalformedResponse("gpt-4o", "oversize")
    assert most < 16 * MEBIBYTE


async def test_steady_pings_do_not_outlive_the_deadline() -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Say("one two three", gap_s=0.1)])
        async with custom(config(simulator.url)) as context:
            stream = (await run(generate_stream(replace(ASK, deadline_s=0.25)), context)).unwrap()
            error = (await collect(stream)).failure()
    assert isinstance(error, RequestTimedOut)
    assert error.phase == "total"


@pytest.mark.parametrize("status", [400, 401, 429, 503])
async def test_a_status_is_the_same_error_as_without_a_stream(status: int) -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Status(status, headers={"retry-after": "3600"})] * 2)
        streamed = await provide(generate_stream(ASK), custom(config(simulator.url)))
        assert streamed.failure() == (await provide(generate(ASK), custom(config(simulator.url)))).failure()


@pytest.mark.parametrize(
    ("reply", "finish"),
    [
        (Say("It scatters.", cached_tokens=3, reasoning_tokens=5, reasoning="Rayleigh, I think."), "stop"),
        (Say("It scatt", finish="length"), "length"),
        (Say("I cannot.", refusal=True), "refusal"),
        (CallTools([("look", {"at": "sky"}), ("look", {"at": "sea"})]), "tool_calls"),
        (Say("no usage", usage=None), "stop"),
    ],
)
async def test_a_stream_ends_in_the_response_that_the_same_answer_gives_whole(
    reply: Reply, finish: FinishReason
) -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [reply, reply])
        async with custom(config(simulator.url)) as context:
            request = replace(ASK, tools=(Tool(name="look"),))
            whole = (await run(generate(request), context)).unwrap()
            async with (await run(generate_stream(request), context)).unwrap() as stream:
                *pieces, last = [event async for event in stream]
    assert isinstance(last, StreamFinished)
    response = last.response
    assert response.finish_reason == finish
    assert (response.content, response.reasoning, response.tool_calls, response.usage) == (
        whole.content,
        whole.reasoning,
        whole.tool_calls,
        whole.usage,
    )
    assert response.content == "".join(event.text for event in pieces if isinstance(event, TextDelta))
    assert response.reasoning == "".join(event.text for event in pieces if isinstance(event, ReasoningDelta))
    for index, call in enumerate(response.tool_calls):
        parts = [event for event in pieces if isinstance(event, ToolCallDelta) and event.index == index]
        assert (parts[0].id, parts[0].name) == (call.id, call.name)
        assert "".join(part.arguments for part in parts) == call.arguments


async def test_an_answer_that_is_withheld_at_its_end_is_a_failure_with_what_had_come() -> None:
    events = await told(Say("It scatt", finish="content_filter"))
    assert isinstance(events, list)
    cost = ComputedCost((11 * 2.5 + 22 * 10) / 1e6)
    usage = Usage(
        prompt_tokens=11, completion_tokens=22, cached_tokens=0, reasoning_tokens=0, total_tokens=33, cost=cost
    )
    assert events[-1] == StreamFailed(ContentFiltered("gpt-4o", "It scatt", usage=usage), "It scatt")


async def test_an_answer_that_holds_the_key_comes_as_it_was_sent() -> None:
    events = await told(Say(f"{CANARY}!"))
    assert isinstance(events, list)
    assert isinstance(events[-1], StreamFinished)
    assert events[-1].response.content == f"{CANARY}!"


@pytest.mark.parametrize("library", [None, httpx, httpx2])
async def test_a_hundred_abandoned_streams_leave_a_pool_of_five_whole(library: Any) -> None:
    async with Simulator() as simulator, AsyncExitStack() as stack:
        client = None
        if library is not None:
            limits = library.Limits(max_connections=5)
            client = await stack.enter_async_context(library.AsyncClient(limits=limits))
        patient = config(simulator.url, first_byte_s=20.0, idle_s=20.0)  # it is about connections, not about time
        context = await stack.enter_async_context(custom(patient, http_client=client))
        simulator.script("gpt-4o", [Say("one two three", gap_s=0.01)] * 100)
        for _ in range(100):
            async with (await run(generate_stream(ASK), context)).unwrap() as stream:
                assert await anext(stream) == TextDelta("one ")
        assert (await run(generate(ASK), context)).unwrap().content == "You said: hi"


async def test_a_cancelled_reader_leaves_the_pool_whole() -> None:
    async def read(context: Context) -> None:
        await collect((await run(generate_stream(ASK), context)).unwrap())

    async with Simulator() as simulator, custom(config(simulator.url)) as context:
        simulator.script("gpt-4o", [Fault("idle_stream")] * 20)
        for _ in range(4):
            with anyio.move_on_after(0.05):
                async with anyio.create_task_group() as group:
                    for _ in range(5):
                        group.start_soon(read, context)
        simulator.clear_scripts()  # who was cancelled early has not taken its reply
        assert (await run(generate(ASK), context)).unwrap().content == "You said: hi"


async def test_a_stream_read_to_its_end_leaves_its_connection_to_the_next() -> None:
    async with Simulator() as simulator, custom(config(simulator.url)) as context:
        for _ in range(5):
            await collect((await run(generate_stream(ASK), context)).unwrap())
        assert simulator.connections == 1


async def test_a_stream_outlives_its_layer_as_a_failure() -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o", [Say("one two", gap_s=0.05)])
        async with custom(config(simulator.url)) as context:
            stream = (await run(generate_stream(ASK), context)).unwrap()
        error = (await collect(stream)).failure()
    assert isinstance(error, StreamBroken)
    assert error.partial == "one "


async def test_usage_is_asked_for_and_told() -> None:
    async with Simulator() as simulator, custom(config(simulator.url)) as context:
        response = (await collect((await run(generate_stream(ASK), context)).unwrap())).unwrap()
        assert simulator.received[0].json["stream_options"] == {"include_usage": True}
    assert replace(response.usage, cost=Usage().cost) == Usage(
        prompt_tokens=11, completion_tokens=22, cached_tokens=0, reasoning_tokens=0, total_tokens=33
    )
