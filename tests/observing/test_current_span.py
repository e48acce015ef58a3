"""The span of a request is the current one while its provider works, and nowhere else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import final

import anyio
import pytest
from opentelemetry.trace import get_current_span
from returns.result import Failure, Success

from llm_manager import (
    Context,
    LLMError,
    LLMRequest,
    LLMResponse,
    LLMStream,
    Outcome,
    generate,
    get_model_health,
    listening,
    query_multiple,
    replacing,
    run,
)
from llm_manager.domain.secret import Secret
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target
from llm_manager.policies.targets import resolve
from llm_manager.ports import Dispatch, Incoming
from llm_manager.testing import Line, Pause, Pieces, ScriptedProvider, VirtualClock, scripted
from tests.observing.traced import Traced, id_of, traced
from tests.operations.streaming import ASK, opened, uncached

pytestmark = pytest.mark.anyio


def current() -> int:
    return get_current_span().get_span_context().span_id


@final
class Instrumented:
    """A provider that looks which span is current whenever it is at work."""

    def __init__(self, inner: ScriptedProvider) -> None:
        self._inner = inner
        self.seen: list[tuple[str, int]] = []

    def see(self, where: str) -> None:
        self.seen.append((where, current()))

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        self.see(f"complete {dispatch.target.model}")
        outcome = await self._inner.complete(dispatch)
        self.see(f"completed {dispatch.target.model}")
        return outcome

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        self.see("open")
        opened = await self._inner.stream(dispatch)
        return opened if isinstance(opened, Failure) else Success(_Pulled(opened.unwrap(), self))

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        self.see("models")
        return await self._inner.models(target, keys)


@final
class _Pulled:
    def __init__(self, incoming: Incoming, provider: Instrumented) -> None:
        self._incoming = incoming
        self._provider = provider
        self.longest_pull_s = incoming.longest_pull_s
        self.usage = incoming.usage

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        self._provider.see("pull")
        return await self._incoming.pull()

    async def aclose(self) -> None:
        self._provider.see("close")
        await self._incoming.aclose()


@asynccontextmanager
async def watched(lines: Mapping[str, Sequence[Line]]) -> AsyncGenerator[tuple[Context, Instrumented, Traced]]:
    telling, clock = traced(), VirtualClock(autojump=True)
    provider = Instrumented(ScriptedProvider(lines, clock))
    layer = scripted(lines, config=uncached(), clock=clock) | replacing(providers={"custom": provider})
    async with layer | listening(telling.observer) as context:
        yield context, provider, telling


def span_of(telling: Traced, name: str) -> int:
    [span] = [each for each in telling.finished() if each.name == name]
    return id_of(span)


async def test_a_request_is_sent_within_its_span() -> None:
    async with watched({"gpt": ["one"]}) as (context, provider, telling):
        with telling.tracers.get_tracer("mine").start_as_current_span("mine"):
            mine = current()
            await run(generate(ASK), context)
            assert current() == mine
    sent = span_of(telling, "chat gpt")
    assert provider.seen == [("complete gpt", sent), ("completed gpt", sent)]


async def test_a_stream_is_pulled_within_its_span_and_read_within_the_readers() -> None:
    async with watched({"gpt": [Pieces(["one ", "two"])]}) as (context, provider, telling):
        seen: list[int] = []
        with telling.tracers.get_tracer("mine").start_as_current_span("mine"):
            mine = current()
            async with await opened(context) as stream:
                async for _ in stream:
                    seen.append(current())
            seen.append(current())
    assert set(seen) == {mine}
    assert {where for where, _ in provider.seen} == {"open", "pull", "close"}
    assert {span for _, span in provider.seen} == {span_of(telling, "chat gpt")}


async def test_a_stream_that_is_pulled_in_another_task_leaves_nothing_there() -> None:
    async with watched({"gpt": [Pieces(["one ", "two"])]}) as (context, provider, _):
        seen: list[int] = []

        async def read(stream: LLMStream) -> None:
            async for _ in stream:
                seen.append(current())

        async with await opened(context) as stream, anyio.create_task_group() as group:
            group.start_soon(read, stream)
    assert set(seen) == {0}
    assert 0 not in {span for _, span in provider.seen}


async def test_a_call_that_is_cancelled_leaves_the_callers_span_current() -> None:
    async with watched({"gpt": [Pause(60.0, "late")]}) as (context, _, telling):
        with telling.tracers.get_tracer("mine").start_as_current_span("mine"):
            mine = current()
            with context.clock.move_on_after(1.0):
                await run(generate(ASK), context)
            assert current() == mine


async def test_requests_that_are_sent_at_once_are_each_within_their_own() -> None:
    lines = {"gpt": [Pause(1.0, "one")], "claude": [Pause(2.0, "two")]}
    async with watched(lines) as (context, provider, telling):
        await run(query_multiple(ASK, ["gpt", "claude"]), context)
    assert dict(provider.seen) == {
        f"{when} {model}": span_of(telling, f"chat {model}")
        for when in ("complete", "completed")
        for model in ("gpt", "claude")
    }


async def test_a_question_of_health_and_one_in_no_run_are_sent_as_they_are() -> None:
    lines: Mapping[str, Sequence[Line]] = {"gpt": [Pieces(["one"]), "two"]}
    async with watched(lines) as (context, provider, _):
        await run(get_model_health(), context)
        target = resolve(context.config, "gpt").unwrap()
        dispatch = Dispatch(request=LLMRequest(prompt="x"), target=target, timeout_s=1.0, observer=context.observer)
        await context.providers["custom"].stream(dispatch)
        await context.providers["custom"].complete(dispatch)
    assert provider.seen == [("models", 0), ("open", 0), ("complete gpt", 0), ("completed gpt", 0)]
