"""Waiting is not failing: what a limit, a blip or an outage that ends costs the calls around it, here and in the peers.

The rule: each client as its users use it, with the settings it comes with; litellm as a Router with the ``num_retries``
of its documentation. Many requests are ``batch`` here, and tasks behind a semaphore where a client has nothing of the
kind. All prompts differ, so no cache helps.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Final, TypeAlias

from returns.result import Success

from llm_manager import (
    HttpSettings,
    KeySettings,
    LimiterSettings,
    LLMConfig,
    LLMRequest,
    ModelSettings,
    RoutingSettings,
    Secret,
    batch,
    custom,
    generate,
    run,
)
from llm_manager.testing.simulator import Reply, Say, Simulator, Status

MODEL, SECOND, KEY = "gpt-4o", "llama-3.3-70b-versatile", "sk-promises-0123456789"
LITELLM_RETRIES: Final = 2
"""As in the examples of its pages on the Router."""

LONGEST_S: Final = 60.0

Answered: TypeAlias = Callable[[str], Awaitable[bool]]
"""Ask one prompt: was it answered?"""


@dataclass(frozen=True, slots=True)
class Client:
    """A library as its users call it: for one answer, and for many, of which it counts those that came."""

    ask: Answered
    feed: Callable[[Sequence[str], int], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a row wants of a client beyond its defaults: a limit of its own, or a second model to go to."""

    per_minute: int | None = None
    has_second: bool = False


Made: TypeAlias = Callable[[str, Setup], AbstractAsyncContextManager[Client | None]]


@asynccontextmanager
async def _ours(url: str, setup: Setup) -> AsyncGenerator[Client, None]:
    config = LLMConfig(
        models={"first": ModelSettings(provider="openai", model=MODEL)},
        keys=KeySettings(providers={name: (Secret(f"{KEY}-{name}"),) for name in ("openai", "groq")}),
        http=HttpSettings(base_urls={"openai": url, "groq": url}),
        routing=RoutingSettings(chains={"general": ("first", SECOND) if setup.has_second else ("first",)}),
        rate_limit=LimiterSettings(requests_per_minute=setup.per_minute),
    )
    async with custom(config) as context:

        async def ask(prompt: str) -> bool:
            return isinstance(await run(generate(LLMRequest(prompt=prompt)), context), Success)

        async def feed(prompts: Sequence[str], at_once: int) -> int:
            requests = [LLMRequest(prompt=prompt) for prompt in prompts]
            async with batch(requests, concurrency=at_once).opened(context) as outcomes:
                return sum([isinstance(outcome, Success) async for _, outcome in outcomes])

        yield Client(ask, feed)


@asynccontextmanager
async def _openai(url: str, setup: Setup) -> AsyncGenerator[Client | None, None]:
    if setup != Setup():  # it has neither limits nor a second model
        yield None
        return
    openai: Any = import_module("openai")
    async with openai.AsyncOpenAI(base_url=url, api_key=KEY) as client:
        yield _of_tasks(lambda prompt: client.chat.completions.create(model=MODEL, messages=_said(prompt)))


@asynccontextmanager
async def _litellm(url: str, setup: Setup) -> AsyncGenerator[Client, None]:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else importing it asks the network
    litellm: Any = import_module("litellm")
    litellm.suppress_debug_info = True  # else each failure prints where to report it
    limit = {} if setup.per_minute is None else {"rpm": setup.per_minute}
    router = litellm.Router(
        model_list=[_deployment("first", MODEL, url, limit), _deployment("second", SECOND, url, {})],
        num_retries=LITELLM_RETRIES,
        fallbacks=[{"first": ["second"]}] if setup.has_second else [],
        optional_pre_call_checks=["enforce_model_rate_limits"] if limit else None,
    )
    yield _of_tasks(lambda prompt: router.acompletion(model="first", messages=_said(prompt)))


def _deployment(name: str, model: str, url: str, limit: Mapping[str, int]) -> dict[str, object]:
    at = {"model": f"openai/{model}", "api_base": url, "api_key": KEY, **limit}
    return {"model_name": name, "litellm_params": at}


def _said(prompt: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": prompt}]


def _of_tasks(complete: Callable[[str], Awaitable[object]]) -> Client:
    async def ask(prompt: str) -> bool:
        try:
            await complete(prompt)
        except Exception:  # noqa: BLE001  # whatever a library raises means that there is no answer
            return False
        return True

    async def feed(prompts: Sequence[str], at_once: int) -> int:
        places = asyncio.Semaphore(at_once)

        async def in_turn(prompt: str) -> bool:
            async with places:
                return await ask(prompt)

        return sum(await asyncio.gather(*map(in_turn, prompts)))

    return Client(ask, feed)


Play: TypeAlias = Callable[[Client, Simulator], Awaitable[str]]


def _prompts(count: int) -> list[str]:
    return [f"question {number}" for number in range(count)]


def _limited(retry_after_s: int, after_s: float = 0.0) -> Status:
    return Status(429, headers={"retry-after": str(retry_after_s)}, after_s=after_s)


def _counted(simulator: Simulator, answered: int, count: int, began_s: float) -> str:
    """How many were answered, and for how many requests and in what time."""
    return f"{answered} of {count}, {len(simulator.received)} sent, {time.monotonic() - began_s:.1f} s"


async def _at_once(client: Client, simulator: Simulator, count: int) -> str:
    began_s = time.monotonic()
    answered = sum(await asyncio.gather(*map(client.ask, _prompts(count))))
    return _counted(simulator, answered, count, began_s)


async def _fed(client: Client, simulator: Simulator, count: int, at_once: int) -> str:
    began_s = time.monotonic()
    return _counted(simulator, await client.feed(_prompts(count), at_once), count, began_s)


async def _down(simulator: Simulator, lasts_s: float) -> None:
    """Nothing but 503, and everything well afterwards."""
    simulator.script(MODEL, [Status(503)] * 10_000)
    await asyncio.sleep(lasts_s)
    simulator.clear_scripts()


async def _first_call(client: Client, simulator: Simulator) -> str:
    """What a library loads and builds with its first call is not what a row is about."""
    return await _at_once(client, simulator, 1)


async def _one_is_limited(client: Client, simulator: Simulator) -> str:
    simulator.script(MODEL, [_limited(1)])
    return await _at_once(client, simulator, 50)


async def _each_is_limited_once(client: Client, simulator: Simulator) -> str:
    simulator.script(MODEL, [_limited(1, after_s=0.3)] * 50)  # by then all fifty have been sent
    return await _at_once(client, simulator, 50)


async def _every_40th_is_limited(client: Client, simulator: Simulator) -> str:
    forty: list[Reply] = [*[Say("fine", after_s=0.05)] * 39, _limited(1)]
    simulator.script(MODEL, forty * 9)
    return await _fed(client, simulator, 200, 20)


async def _five_of_forty_fail(client: Client, simulator: Simulator) -> str:
    simulator.script(MODEL, [Status(503)] * 5)
    return await _at_once(client, simulator, 40)


async def _over_an_outage(client: Client, simulator: Simulator, *, lasts_s: float, count: int) -> str:
    await client.ask("one before")  # connecting for the first time may take as long as the outage
    simulator.received.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(_down(simulator, lasts_s))
        await asyncio.sleep(0)
        return await _fed(client, simulator, count, 20)


async def _own_limit(client: Client, simulator: Simulator) -> str:
    return await _fed(client, simulator, 340, 40)


async def _second_is_well(client: Client, simulator: Simulator) -> str:
    simulator.script(MODEL, [_limited(30)] * 9)
    try:
        async with asyncio.timeout(LONGEST_S):
            return await _at_once(client, simulator, 1)
    except TimeoutError:
        return f"not yet after {LONGEST_S:g} s, {len(simulator.received)} sent"


async def _out_for_20_s(client: Client, simulator: Simulator) -> str:
    async def later(number: int) -> bool:
        await asyncio.sleep(number / 10)
        return await client.ask(f"question {number}")

    async with asyncio.TaskGroup() as group:
        group.create_task(_down(simulator, 20.0))
        answered = sum(await asyncio.gather(*map(later, range(200))))
    return f"{len(simulator.received) / 200:.2f} sent a call, {answered} answered"


@dataclass(frozen=True, slots=True)
class Row:
    """What is played with each client, one after the other; *together* where all but wait, and counts are the point."""

    play: Play
    setup: Setup = Setup()
    together: bool = False


CLIENTS: Mapping[str, Made] = {"llm_manager": _ours, "openai": _openai, "litellm": _litellm}
ROWS: Mapping[str, Row] = {
    "50 calls at once, one told 429 `Retry-After: 1`": Row(_one_is_limited),
    "50 calls at once, each told so once": Row(_each_is_limited_once),
    "a batch of 200, 20 at a time, every 40th request told so": Row(_every_40th_is_limited),
    "40 calls at once, five 503s": Row(_five_of_forty_fail),
    "a batch of 100, 20 at a time, over an outage of 2 s": Row(partial(_over_an_outage, lasts_s=2.0, count=100)),
    "a batch of 500, 20 at a time, 0.3 s of 503": Row(partial(_over_an_outage, lasts_s=0.3, count=500)),
    "a batch of 340, 40 at a time, own limit 300 a minute": Row(_own_limit, Setup(per_minute=300)),
    "429 `Retry-After: 30`, a second model is well": Row(_second_is_well, Setup(has_second=True), together=True),
    "200 calls at 10/s, the only provider out for 20 s": Row(_out_for_20_s, together=True),
}
NOTES: Final = f"""\
How many were answered, for how many requests, and in what time. The client of openai has no limits and no second model;
litellm is its Router with `num_retries={LITELLM_RETRIES}`: the limit is its `rpm` with `enforce_model_rate_limits`, the
second model its `fallbacks`. Many requests are a `batch` of llm_manager, and tasks behind a semaphore in the others."""


async def section() -> str:
    """All of it, in Markdown."""
    for made in CLIENTS.values():
        await _played(made, Row(_first_call))
    lines = [f"| what is to be waited for | {' | '.join(CLIENTS)} |", f"|---|{'---|' * len(CLIENTS)}"]
    for what, row in ROWS.items():
        plays = [_played(made, row) for made in CLIENTS.values()]
        found = await asyncio.gather(*plays) if row.together else [await play for play in plays]
        lines.append(f"| {what} | {' | '.join(found)} |")
        print(lines[-1], flush=True)
    table = "\n".join(lines)
    return f"## Waiting is not failing\n\n{NOTES}\n\n{table}\n"


async def _played(made: Made, row: Row) -> str:
    async with Simulator() as simulator, made(f"{simulator.url}/v1", row.setup) as client:
        return "-" if client is None else await row.play(client, simulator)
