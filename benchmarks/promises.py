"""``make promises``: what happens when things go wrong, here and in the peers, against one simulated vendor.

The rule: everybody is asked the same through the same server on loopback, with the settings they come with, but for the
address, the key and the limit of time a promise is about. The figures are counted by the server, or taken by a clock.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from returns.result import Failure

from benchmarks.waiting import section
from llm_manager import (
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    ModelSettings,
    Outcome,
    Secret,
    collect,
    custom,
    generate,
    generate_stream,
    run,
)
from llm_manager.testing.simulator import Fault, Reply, Say, Simulator, Status

RESULTS: Final = Path(__file__).parent / "promises.md"
MODEL, KEY = "gpt-4o", "sk-promises-0123456789"
POOL: Final = 10

A = TypeVar("A")

Ask: TypeAlias = Callable[[str, float], Awaitable[str]]
"""A prompt and a limit of time in seconds to the text of an answer; raises whatever means that there is none."""


class Failed(Exception):
    """There is no answer."""


@dataclass(frozen=True, slots=True)
class Client:
    """A library as its users call it: for a whole answer, and for one that is streamed and put together."""

    ask: Ask
    stream: Ask


@asynccontextmanager
async def _ours(url: str) -> AsyncGenerator[Client, None]:
    config = LLMConfig(
        models={"gpt": ModelSettings(provider="openai", model=MODEL)},
        keys=KeySettings(providers={"openai": (Secret(KEY),)}),
        http=HttpSettings(base_urls={"openai": url}, max_connections=POOL),
    )

    async with custom(config) as context:

        async def ask(prompt: str, limit_s: float) -> str:
            return _got(await run(generate(LLMRequest(prompt=prompt, deadline_s=limit_s)), context)).content

        async def stream(prompt: str, limit_s: float) -> str:
            request = LLMRequest(prompt=prompt, deadline_s=limit_s)
            async with _got(await run(generate_stream(request), context)) as events:
                return _got(await collect(events)).content

        yield Client(ask, stream)


def _got(outcome: Outcome[A, LLMError]) -> A:
    if isinstance(outcome, Failure):
        raise Failed(outcome.failure())
    return outcome.unwrap()


@asynccontextmanager
async def _openai(url: str) -> AsyncGenerator[Client, None]:
    openai: Any = import_module("openai")
    httpx: Any = import_module("httpx2")  # what openai 3 comes with; httpx 0.28 loses connections that are cancelled
    limits = httpx.Limits(max_connections=POOL)
    async with openai.AsyncOpenAI(base_url=url, api_key=KEY, http_client=httpx.AsyncClient(limits=limits)) as client:

        async def ask(prompt: str, limit_s: float) -> str:
            answer = await client.chat.completions.create(model=MODEL, messages=_said(prompt), timeout=limit_s)
            return str(answer.choices[0].message.content)

        async def stream(prompt: str, limit_s: float) -> str:
            pieces = await client.chat.completions.create(
                model=MODEL, messages=_said(prompt), timeout=limit_s, stream=True
            )
            return "".join([piece.choices[0].delta.content or "" async for piece in pieces if piece.choices])

        yield Client(ask, stream)


@asynccontextmanager
async def _litellm(url: str) -> AsyncGenerator[Client, None]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else importing it asks the network
    litellm: Any = import_module("litellm")
    litellm.suppress_debug_info = True  # else each failure prints where to report it
    named = {"model": f"openai/{MODEL}", "api_base": url, "api_key": KEY}

    async def ask(prompt: str, limit_s: float) -> str:
        answer = await litellm.acompletion(messages=_said(prompt), timeout=limit_s, **named)
        return str(answer.choices[0].message.content)

    async def stream(prompt: str, limit_s: float) -> str:
        pieces = await litellm.acompletion(messages=_said(prompt), timeout=limit_s, stream=True, **named)
        return "".join([piece.choices[0].delta.content or "" async for piece in pieces])

    yield Client(ask, stream)


@asynccontextmanager
async def _pydantic_ai(url: str) -> AsyncGenerator[Client, None]:
    ai: Any = import_module("pydantic_ai")
    models: Any = import_module("pydantic_ai.models.openai")
    providers: Any = import_module("pydantic_ai.providers.openai")
    agent = ai.Agent(models.OpenAIChatModel(MODEL, provider=providers.OpenAIProvider(base_url=url, api_key=KEY)))

    async def ask(prompt: str, limit_s: float) -> str:
        return str((await agent.run(prompt, model_settings={"timeout": limit_s})).output)

    async def stream(prompt: str, limit_s: float) -> str:
        async with agent.run_stream(prompt, model_settings={"timeout": limit_s}) as pieces:
            return str(await pieces.get_output())

    yield Client(ask, stream)


def _said(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


Play: TypeAlias = Callable[[Client, Simulator], Awaitable[str]]


async def _outage(client: Client, simulator: Simulator) -> str:
    """A hundred calls, ten a second, while nothing answers."""
    calls = 100
    simulator.script(MODEL, [Status(503)] * 10 * calls)

    async def later(number: int) -> None:
        await asyncio.sleep(number / 10)
        await _tried(client.ask(f"question {number}", 20))

    await asyncio.gather(*map(later, range(calls)))
    return f"{len(simulator.received) / calls:.2f} sent a call"


async def _same_question(client: Client, simulator: Simulator) -> str:
    """Fifty ask the same at the same time."""
    simulator.script(MODEL, [Say("It scatters.", after_s=0.3)] * 50)
    await asyncio.gather(*(client.ask("Why is the sky blue?", 20) for _ in range(50)))
    return f"{len(simulator.received)} sent"


async def _dripped(client: Client, simulator: Simulator) -> str:
    """An answer that comes a byte at a time, to somebody who has two seconds."""
    simulator.script(MODEL, [replace(Fault("drip"), gap_s=0.05)] * 9)
    return await _timed(client.ask("Why?", 2.0), 12)


async def _told_to_wait(client: Client, simulator: Simulator) -> str:
    """Told to come back in an hour."""
    simulator.script(MODEL, [Status(429, headers={"retry-after": "3600"})] * 9)
    took = await _timed(client.ask("Why?", 20), 30)
    return f"{took}, {len(simulator.received)} sent"


async def _cut_stream(client: Client, simulator: Simulator) -> str:
    """A stream whose connection is closed in the middle, with no word of why."""
    broken: list[Reply] = [Fault("stream_without_end")] * 9
    simulator.script(MODEL, broken)
    text = await _tried(client.stream("Tell me a long story", 10))
    return "an error" if text is None else f"success, with {len(text)} characters"


async def _cancelled(client: Client, simulator: Simulator) -> str:
    """Six hundred calls cancelled at any moment, with a pool of ten; then ten more."""
    dice = random.Random(3)  # noqa: S311  # dice, not keys

    async def dropped(number: int) -> None:
        try:
            async with asyncio.timeout(dice.random() * 0.02):
                await client.ask(f"question {number}", 20)
        except Exception:  # noqa: BLE001, S110  # peers raise what they like when they are cancelled
            pass

    for batch in range(30):
        await asyncio.gather(*(dropped(batch * 20 + number) for number in range(20)))
    simulator.clear_scripts()
    answers = await asyncio.gather(*(_tried(client.ask(f"now {number}", 5)) for number in range(POOL)))
    return f"{sum(answer is not None for answer in answers)} of {POOL} answered"


async def _tried(answer: Awaitable[str]) -> str | None:
    try:
        return await answer
    except Exception:  # noqa: BLE001  # whatever a library raises means that there is no answer
        return None


async def _timed(answer: Awaitable[str], most_s: float) -> str:
    started = time.monotonic()
    try:
        async with asyncio.timeout(most_s):
            await answer
    except TimeoutError:
        if time.monotonic() - started >= most_s:
            return f"not yet after {most_s:g} s"
    except Exception:  # noqa: BLE001, S110  # it ended; how is not the question
        pass
    return f"{time.monotonic() - started:.1f} s"


CLIENTS = {"llm_manager": _ours, "openai": _openai, "litellm": _litellm, "pydantic-ai": _pydantic_ai}
PACKAGES = ("openai", "litellm", "pydantic-ai-slim")
PLAYS: Mapping[str, Play] = {
    "an outage: 100 calls at 10/s, all fail": _outage,
    "50 equal questions at once": _same_question,
    "a byte at a time, with 2 s to spend": _dripped,
    "told to come back in an hour": _told_to_wait,
    "a stream cut off in the middle is": _cut_stream,
    "after 600 cancelled calls, a pool of 10": _cancelled,
}


async def _played() -> str:
    """What goes wrong, in Markdown."""
    lines = [f"| what goes wrong | {' | '.join(CLIENTS)} |", f"|---|{'---|' * len(CLIENTS)}"]
    for what, play in PLAYS.items():
        found: list[str] = []
        for made in CLIENTS.values():
            async with AsyncExitStack() as stack:
                simulator = await stack.enter_async_context(Simulator())
                client = await stack.enter_async_context(made(f"{simulator.url}/v1"))
                found.append(await play(client, simulator))
        lines.append(f"| {what} | {' | '.join(found)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    """Play all, and tell."""
    table, waiting = asyncio.run(_played()), asyncio.run(section())
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    where = f"Python {platform.python_version()}; {versions}; each with the settings it comes with."
    RESULTS.write_text(f"# When things go wrong\n\n{where}\n\n{table}\n\n{waiting}", encoding="utf-8")


if __name__ == "__main__":
    main()
