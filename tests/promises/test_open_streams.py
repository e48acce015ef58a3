"""Streams that nobody closes: what they hold comes back, and a program that ends with one says nothing of libraries."""

from __future__ import annotations

import gc
import subprocess
import sys
import warnings
from collections.abc import Generator
from contextlib import contextmanager

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import ConfigurationError, Context, custom, generate, generate_stream, get_model_health, run
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import RequestTimedOut
from llm_manager.domain.request import LLMRequest, Preferences
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import CacheSettings, HttpSettings, KeySettings, RoutingSettings
from llm_manager.domain.stream import StreamFailed
from llm_manager.effect.open_streams import TICK_S
from llm_manager.operations.stream import LLMStream
from llm_manager.testing import Simulator
from llm_manager.testing.simulator.replies import Say

ASK = LLMRequest(prompt="hi", preferences=Preferences(model="gpt-4o", fallback="none"))
PLACES = 3


def config_for(url: str) -> LLMConfig:
    return LLMConfig(
        keys=KeySettings(providers={"openai": (Secret("sk-canary-0123456789"),)}),
        http=HttpSettings(base_urls={"openai": f"{url}/v1"}, allow_http=True, max_connections=PLACES),
        cache=CacheSettings(enabled=False),
        routing=RoutingSettings(),
    )


@contextmanager
def unwarned() -> Generator[None, None, None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield
        gc.collect()


async def begun(context: Context, request: LLMRequest = ASK) -> LLMStream:
    stream = (await run(generate_stream(request), context)).unwrap()
    await anext(stream)
    return stream


@pytest.mark.anyio
async def test_forgotten_streams_give_their_places_back() -> None:
    async with Simulator() as vendor, custom(config_for(vendor.url)) as context:
        vendor.script("gpt-4o", [Say("word " * 50, gap_s=0.1)] * PLACES)
        with unwarned():
            for _ in range(PLACES):
                stream = await begun(context)
                del stream
                gc.collect()
            with anyio.fail_after(20 * TICK_S):
                assert isinstance(await run(generate(ASK), context), Success)


@pytest.mark.anyio
async def test_a_stream_that_is_held_and_not_read_ends_at_its_deadline() -> None:
    request = LLMRequest(prompt="hi", preferences=ASK.preferences, deadline_s=0.5)
    async with Simulator() as vendor, custom(config_for(vendor.url)) as context:
        vendor.script("gpt-4o", [Say("word " * 50, gap_s=0.1)] * PLACES)
        held = [await begun(context, request) for _ in range(PLACES)]
        with anyio.fail_after(20):
            assert isinstance(await run(generate(ASK), context), Success)
        for stream in held:
            events = [event async for event in stream]
            assert isinstance(events[-1], StreamFailed)
            assert isinstance(events[-1].error, RequestTimedOut)
            await stream.aclose()


@pytest.mark.anyio
async def test_a_context_that_closes_ends_what_is_under_way() -> None:
    async with Simulator() as vendor:
        vendor.script("gpt-4o", [Say("word " * 50, gap_s=0.1)])
        async with custom(config_for(vendor.url)) as context:
            stream = await begun(context)
        async for _ in stream:
            pass
        await stream.aclose()


@pytest.mark.anyio
async def test_a_context_is_used_in_the_event_loop_that_it_was_opened_in(anyio_backend: str) -> None:
    async with Simulator() as vendor, custom(config_for(vendor.url)) as context:

        async def elsewhere() -> None:
            for op in (generate(ASK), generate_stream(ASK)):
                outcome = await run(op, context)
                assert isinstance(outcome, Failure)
                assert isinstance(outcome.failure(), ConfigurationError)
                assert "was opened in another event loop" in str(outcome.failure())
            [status, *_] = (await run(get_model_health(), context)).unwrap()
            assert not status.healthy

        await anyio.to_thread.run_sync(lambda: anyio.run(elsewhere, backend=anyio_backend))
        assert isinstance(await run(generate(ASK), context), Success)


PROGRAM = """
import sys, anyio
from llm_manager import Preferences, LLMRequest, custom, generate_stream, run
from promises.test_open_streams import begun, config_for

async def main():
    global stream, context
    context = await custom(config_for(sys.argv[1])).__aenter__()
    stream = await begun(context)
    print("begun", flush=True)

anyio.run(main, backend=sys.argv[2])
"""


@pytest.mark.anyio
async def test_a_program_that_ends_with_an_open_stream_says_nothing_of_it(anyio_backend: str) -> None:
    async with Simulator() as vendor:
        vendor.script("gpt-4o", [Say("word " * 200, gap_s=0.1)])
        program = [sys.executable, "-W", "ignore::ResourceWarning", "-c", PROGRAM, vendor.url, anyio_backend]
        ended = await anyio.run_process(program, check=False, env={"PYTHONPATH": "tests"}, stderr=subprocess.PIPE)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"begun\n", b"")
