"""What a call and a piece of a stream cost over a real socket, beside the bare transports and other libraries.

CPU time of this process, on asyncio; the server is another process. A peer that is not installed is left out.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import aiohttp
import httpx2

from benchmarks.row import Row, row
from benchmarks.server import CHUNKS, serving
from llm_manager import (
    CacheSettings,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    ModelSettings,
    Preferences,
    Secret,
    collect,
    custom,
    generate,
    generate_stream,
    run,
)
from llm_manager.domain.settings import HttpEngine

Call: TypeAlias = Callable[[], Awaitable[object]]

ROUNDS = 5
BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAMED = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}],"stream":true}'
HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-benchmark"}
ASK = LLMRequest(prompt="hi", preferences=Preferences(model="gpt", fallback="none"))
MESSAGES: Any = [{"role": "user", "content": "hi"}]


@asynccontextmanager
async def _ours(url: str, engine: HttpEngine) -> AsyncGenerator[tuple[Call, Call], None]:
    config = LLMConfig(
        models={"gpt": ModelSettings(provider="openai", model="gpt-4o")},
        keys=KeySettings(providers={"openai": (Secret("sk-benchmark"),)}, max_connections_per_key=1_000),
        http=HttpSettings(engine=engine, base_urls={"openai": url}, max_connections=1_000),
        cache=CacheSettings(enabled=False),
    )
    async with custom(config) as context:

        async def call() -> None:
            (await run(generate(ASK), context)).unwrap()

        async def stream() -> None:
            (await collect((await run(generate_stream(ASK), context)).unwrap())).unwrap()

        yield call, stream


@asynccontextmanager
async def _httpx2(url: str) -> AsyncGenerator[tuple[Call, Call], None]:
    limits = httpx2.Limits(max_connections=1_000, max_keepalive_connections=1_000)
    async with httpx2.AsyncClient(limits=limits) as client:

        async def call() -> None:
            await client.post(f"{url}/chat/completions", content=BODY, headers=HEADERS)

        async def stream() -> None:
            async with client.stream("POST", f"{url}/chat/completions", content=STREAMED, headers=HEADERS) as answer:
                async for _ in answer.aiter_raw():
                    pass

        yield call, stream


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncGenerator[tuple[Call, Call], None]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1_000)) as session:

        async def call() -> None:
            async with session.post(f"{url}/chat/completions", data=BODY, headers=HEADERS) as answer:
                await answer.read()

        async def stream() -> None:
            async with session.post(f"{url}/chat/completions", data=STREAMED, headers=HEADERS) as answer:
                async for _ in answer.content.iter_any():
                    pass

        yield call, stream


@asynccontextmanager
async def _openai(url: str) -> AsyncGenerator[tuple[Call, Call], None]:
    import openai  # noqa: PLC0415  # a peer that need not be there

    async with openai.AsyncOpenAI(base_url=url, api_key="sk-benchmark", max_retries=0) as client:

        async def call() -> None:
            await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

        async def stream() -> None:
            async for _ in await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
                pass

        yield call, stream


@asynccontextmanager
async def _litellm(url: str) -> AsyncGenerator[tuple[Call, Call], None]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else importing it asks the network
    litellm: Any = import_module("litellm")
    named = {"model": "openai/gpt-4o", "messages": MESSAGES, "api_base": url, "api_key": "sk-benchmark"}

    async def call() -> None:
        await litellm.acompletion(**named)

    async def stream() -> None:
        async for _ in await litellm.acompletion(**named, stream=True):
            pass

    yield call, stream


async def _cpu_us(calls: Mapping[str, Call], count: int, at_once: int) -> dict[str, list[float]]:
    """CPU microseconds a call, *at_once* at a time; in every round each has its turn, the first round warms up."""
    figures: dict[str, list[float]] = {name: [] for name in calls}
    for round_ in range(ROUNDS + 1):
        for name, call in calls.items():
            started = time.process_time()
            for _ in range(max(count // at_once, 1)):
                await asyncio.gather(*(call() for _ in range(at_once)))
            spent = (time.process_time() - started) / (max(count // at_once, 1) * at_once) * 1e6
            if round_:
                figures[name].append(spent)
    return figures


async def _measured(url: str) -> list[Row]:
    async with AsyncExitStack() as stack:
        made = {
            "generate": await stack.enter_async_context(_ours(url, "httpx2")),
            "generate, fast": await stack.enter_async_context(_ours(url, "aiohttp")),
            "httpx2": await stack.enter_async_context(_httpx2(url)),
            "aiohttp": await stack.enter_async_context(_aiohttp(url)),
        }
        if find_spec("openai") is not None:
            made["openai"] = await stack.enter_async_context(_openai(url))
        if find_spec("litellm") is not None:
            made["litellm"] = await stack.enter_async_context(_litellm(url))
        calls = {name: call for name, (call, _) in made.items()}
        streams = {name: stream for name, (_, stream) in made.items()}
        one = await _cpu_us(calls, 50, 1)
        hundred = await _cpu_us(calls, 200, 100)
        fast = {name: calls[name] for name in ("generate, fast", "aiohttp")}
        crowd = await _cpu_us(fast, 1_000, 500)
        streamed = await _cpu_us(streams, 5, 1)
    chunks = {name: [figure / CHUNKS for figure in figures] for name, figures in streamed.items()}
    crowded = {**crowd, "itself at 100": hundred["generate, fast"]}
    return [
        *_beside("one at a time", one, "generate", {"httpx2": 1.3, "openai": 0.5, "litellm": 0.25}),
        *_beside("100 at once", hundred, "generate, fast", {"aiohttp": 2.5, "openai": 0.15, "litellm": 0.10}),
        *_beside(
            "500 at once",
            crowded,
            "generate, fast",
            {"itself at 100": 1.2},
        ),
        *_beside("a piece of a stream", chunks, "generate", {"openai": 0.10, "litellm": 0.02}),
    ]


def _beside(what: str, figures: Mapping[str, list[float]], ours: str, most: Mapping[str, float]) -> list[Row]:
    """A line for every client, then ours beside each peer with the most that the ratio may be."""
    lines = {name: row(f"{what}: {name}", "us", each) for name, each in figures.items()}
    ratios = [
        row(f"{what}: {ours}", "us", figures[ours], peer=lines[peer], most=limit)
        for peer, limit in most.items()
        if peer in lines
    ]
    return [*ratios, *(line for name, line in lines.items() if name != ours)]


def rows() -> list[Row]:
    """All of them."""
    with serving() as url:
        return asyncio.run(_measured(url))
