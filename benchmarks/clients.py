"""The clients that are measured, each in a process of its own: ``python -m benchmarks.clients NAME URL``.

In one process each would pay for the others: what the garbage collector walks through is all that has been loaded, and
a peer that loads much makes the calls of all dearer. A process reads jobs from its standard input, one to a line, and
answers each with figures. To add a client, write what opens it and name it in ``CLIENTS``.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:  # a process loads no client but its own
    from llm_manager import Context, LLMConfig
    from llm_manager.domain.settings import HttpEngine

Call: TypeAlias = Callable[[], Awaitable[object]]

BODY = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}'
STREAMED = BODY[:-1] + b',"stream":true}'
HELD = STREAMED.replace(b'"hi"', b'"held"')
HEADERS = {"content-type": "application/json", "authorization": "Bearer sk-benchmark"}
MESSAGES: Any = [{"role": "user", "content": "hi"}]
AT_ONCE = 20
"""Mixed calls under way together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What one can do: a whole answer, a whole stream, and a stream whose first event has come, to be closed later.

    *value* is a whole answer as a value of a type, and *mixed* a call of the kind that its number says. What a client
    cannot do, or is not asked, is None.
    """

    call: Call | None = None
    stream: Call | None = None
    value: Call | None = None
    hold: Callable[[], Awaitable[Call]] | None = None
    mixed: Callable[[int], Awaitable[object]] | None = None


def _config(url: str, engine: HttpEngine, *, cached: bool) -> LLMConfig:
    from llm_manager import (  # noqa: PLC0415  # see above
        CacheSettings,
        HttpSettings,
        KeySettings,
        LLMConfig,
        ModelSettings,
        Secret,
    )

    return LLMConfig(
        models={"gpt": ModelSettings(provider="openai", model="gpt-4o")},
        keys=KeySettings(providers={"openai": (Secret("sk-benchmark"),)}, max_connections_per_key=1_000),
        http=HttpSettings(engine=engine, base_urls={"openai": url}, max_connections=1_000),
        cache=CacheSettings(enabled=cached),
    )


@asynccontextmanager
async def _ours(url: str, engine: HttpEngine) -> AsyncGenerator[Client, None]:
    from llm_manager import custom  # noqa: PLC0415  # see above

    async with (
        custom(_config(url, engine, cached=False)) as context,
        custom(_config(url, engine, cached=True)) as remembering,
    ):
        yield _asked(context, remembering)


def _asked(context: Context, remembering: Context) -> Client:
    from benchmarks.anomaly import Anomaly  # noqa: PLC0415  # it imports pydantic
    from llm_manager import (  # noqa: PLC0415  # see above
        LLMRequest,
        Preferences,
        collect,
        generate,
        generate_stream,
        query_with_schema,
        run,
    )

    def about(prompt: str) -> LLMRequest:
        return LLMRequest(prompt=prompt, preferences=Preferences(model="gpt", fallback="none"))

    ask, held = about("hi"), about("held")

    async def call() -> None:
        (await run(generate(ask), context)).unwrap()

    async def stream() -> None:
        (await collect((await run(generate_stream(ask), context)).unwrap())).unwrap()

    async def value() -> None:
        (await run(query_with_schema(ask, Anomaly), context)).unwrap()

    async def hold() -> Call:
        opened = (await run(generate_stream(held), context)).unwrap()
        await anext(opened)
        return opened.aclose

    async def mixed(number: int) -> None:
        """One of ten is refused, three are streams, and of those that are alike the cache remembers some."""
        if number % 10 == 0:
            (await run(generate(about("refuse")), remembering)).failure()
        elif number % 10 < 4:
            (await collect((await run(generate_stream(about(f"{number}")), remembering)).unwrap())).unwrap()
        else:
            (await run(generate(about(f"{number * number % 150}")), remembering)).unwrap()

    return Client(call=call, stream=stream, value=value, hold=hold, mixed=mixed)


@asynccontextmanager
async def _httpx2(url: str) -> AsyncGenerator[Client, None]:
    import httpx2  # noqa: PLC0415  # see above

    limits = httpx2.Limits(max_connections=1_000, max_keepalive_connections=1_000)
    async with httpx2.AsyncClient(limits=limits) as client:
        post = partial(client.build_request, "POST", f"{url}/chat/completions", headers=HEADERS)

        async def call() -> None:
            await client.post(f"{url}/chat/completions", content=BODY, headers=HEADERS)

        async def stream() -> None:
            async with client.stream("POST", f"{url}/chat/completions", content=STREAMED, headers=HEADERS) as answer:
                async for _ in answer.aiter_raw():
                    pass

        async def hold() -> Call:
            answer = await client.send(post(content=HELD), stream=True)
            chunks = answer.aiter_raw()
            await anext(chunks)

            async def close() -> None:
                await answer.aclose()
                await chunks.aclose()

            return close

        yield Client(call=call, stream=stream, hold=hold)


@asynccontextmanager
async def _aiohttp(url: str) -> AsyncGenerator[Client, None]:
    import aiohttp  # noqa: PLC0415  # see above

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1_000)) as session:
        post = partial(session.post, f"{url}/chat/completions", headers=HEADERS)

        async def call() -> None:
            async with post(data=BODY) as answer:
                await answer.read()

        async def stream() -> None:
            async with post(data=STREAMED) as answer:
                async for _ in answer.content.iter_any():
                    pass

        async def hold() -> Call:
            answer = await post(data=HELD)
            await answer.content.readany()

            async def close() -> None:
                answer.close()

            return close

        yield Client(call=call, stream=stream, hold=hold)


@asynccontextmanager
async def _openai(url: str) -> AsyncGenerator[Client, None]:
    import openai  # noqa: PLC0415  # a peer that need not be there

    async with openai.AsyncOpenAI(base_url=url, api_key="sk-benchmark", max_retries=0) as client:

        async def call() -> None:
            await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)

        async def stream() -> None:
            async for _ in await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True):
                pass

        yield Client(call=call, stream=stream)


@asynccontextmanager
async def _litellm(url: str) -> AsyncGenerator[Client, None]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else importing it asks the network
    litellm: Any = import_module("litellm")
    named = {"model": "openai/gpt-4o", "messages": MESSAGES, "api_base": url, "api_key": "sk-benchmark"}

    async def call() -> None:
        await litellm.acompletion(**named)

    async def stream() -> None:
        async for _ in await litellm.acompletion(**named, stream=True):
            pass

    yield Client(call=call, stream=stream)


@asynccontextmanager
async def _instructor(url: str) -> AsyncGenerator[Client, None]:
    instructor: Any = import_module("instructor")
    openai: Any = import_module("openai")

    from benchmarks.anomaly import Anomaly  # noqa: PLC0415  # it imports pydantic

    async with openai.AsyncOpenAI(base_url=url, api_key="sk-benchmark", max_retries=0) as client:
        asking = instructor.from_openai(client, mode=instructor.Mode.JSON_SCHEMA)

        async def value() -> None:
            await asking.chat.completions.create(
                model="gpt-4o", messages=MESSAGES, response_model=Anomaly, max_retries=0
            )

        yield Client(value=value)


@asynccontextmanager
async def _pydantic_ai(url: str) -> AsyncGenerator[Client, None]:
    pydantic_ai: Any = import_module("pydantic_ai")
    models: Any = import_module("pydantic_ai.models.openai")
    providers: Any = import_module("pydantic_ai.providers.openai")

    from benchmarks.anomaly import Anomaly  # noqa: PLC0415  # it imports pydantic

    model = models.OpenAIChatModel("gpt-4o", provider=providers.OpenAIProvider(base_url=url, api_key="sk-benchmark"))
    plain = pydantic_ai.Agent(model)
    typed = pydantic_ai.Agent(model, output_type=pydantic_ai.NativeOutput(Anomaly))

    async def call() -> None:
        await plain.run("hi")

    async def value() -> None:
        await typed.run("hi")

    yield Client(call=call, value=value)


CLIENTS: Mapping[str, Callable[[str], AbstractAsyncContextManager[Client]]] = {
    "generate": partial(_ours, engine="httpx2"),
    "generate, fast": partial(_ours, engine="aiohttp"),
    "httpx2": _httpx2,
    "aiohttp": _aiohttp,
    "openai": _openai,
    "litellm": _litellm,
    "instructor": _instructor,
    "pydantic_ai": _pydantic_ai,
}


def resident_kb() -> int:
    """What of the memory of this process is in use, on Linux."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


async def _cpu_us(call: Call, count: int, at_once: int) -> float:
    """CPU microseconds a call, *at_once* at a time."""
    rounds = max(count // at_once, 1)
    started = time.process_time()
    for _ in range(rounds):
        await asyncio.gather(*(call() for _ in range(at_once)))
    return (time.process_time() - started) / (rounds * at_once) * 1e6


async def _held(hold: Callable[[], Awaitable[Call]], count: int) -> tuple[float, float]:
    """CPU microseconds and KB a stream, of *count* that are open at once and whose first event has come."""
    before_kb, started = resident_kb(), time.process_time()
    closers = await asyncio.gather(*(hold() for _ in range(count)))
    figures = (time.process_time() - started) / count * 1e6, (resident_kb() - before_kb) / count
    await asyncio.gather(*(close() for close in closers))
    return figures


async def _mixed(call: Callable[[int], Awaitable[object]], first: int, count: int) -> float:
    """KB in use after *count* calls of many kinds, the first of which has the number *first*."""
    for start in range(first, first + count, AT_ONCE):
        await asyncio.gather(*(call(start + place) for place in range(AT_ONCE)))
    return resident_kb()


async def _done(client: Client, job: str, numbers: list[int]) -> tuple[float, ...]:
    """The figures of one job."""
    match job, client:
        case "call", Client(call=call) if call is not None:
            return (await _cpu_us(call, *numbers),)
        case "stream", Client(stream=stream) if stream is not None:
            return (await _cpu_us(stream, *numbers),)
        case "value", Client(value=value) if value is not None:
            return (await _cpu_us(value, *numbers),)
        case "held", Client(hold=hold) if hold is not None:
            return await _held(hold, *numbers)
        case "mixed", Client(mixed=mixed) if mixed is not None:
            return (await _mixed(mixed, *numbers),)
        case "resident", _:
            return (resident_kb(),)
        case _:
            raise ValueError(job)


async def _serve(name: str, url: str) -> None:
    async with CLIENTS[name](url) as client:
        while words := (await asyncio.to_thread(sys.stdin.readline)).split():
            print(*await _done(client, words[0], [int(word) for word in words[1:]]), flush=True)


@dataclass(frozen=True, slots=True)
class Process:
    """A client in a process of its own."""

    process: subprocess.Popen[str]

    def did(self, job: str, *numbers: int) -> list[float]:
        """The figures of *job*, which is done at once."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(job, *numbers, file=self.process.stdin, flush=True)
        return [float(figure) for figure in self.process.stdout.readline().split()]


@contextmanager
def started(name: str, url: str) -> Generator[Process, None, None]:
    """The client *name* for the server at *url*, for as long as the block lasts."""
    command = [sys.executable, "-m", "benchmarks.clients", name, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Process(process)
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve(*sys.argv[1:]))
