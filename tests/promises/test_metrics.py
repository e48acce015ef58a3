"""A thousand calls of every kind at once: what the metrics, and OpenTelemetry, count is what the server counts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import anyio
import pytest
from returns.result import Success

from llm_manager import (
    BreakerSettings,
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    ManagerStatus,
    Op,
    Outcome,
    Preferences,
    RetrySettings,
    Secret,
    collect,
    custom,
    effect,
    from_json,
    generate,
    generate_stream,
    get_status,
    listening,
    query_with_schema,
    run,
    settle,
    to_json,
)
from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.testing.simulator import Fault, Received, Reply, Say, Simulator, Status
from tests.observing.traced import traced
from tests.operations.streaming import Listener
from tests.operations.test_runs import assert_all_ended

pytestmark = pytest.mark.anyio

CALLS = 1_000
USUAL, SCHEMA, LEFT, HANGING, GONE, OTHER = (
    "gpt-6.1-terra",
    "gpt-4.1",
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-5-nano",
    "claude-sonnet-5-5",
)
KINDS = ("whole", "whole", "whole", "again", "stream", "pieces", "left", "schema", "cancelled", "gone")


def script(seed: int) -> Mapping[str, Sequence[Reply]]:
    """What each model answers in turn: usage of its own every time, and a fault in every tenth place or so."""
    dice = random.Random(seed)  # noqa: S311  # dice, not keys
    faults = (Status(503), Status(500), Status(429, headers={"retry-after": "0"}))

    def say(text: str) -> Reply:
        return Say(text, usage=(dice.randint(50, 99), dice.randint(50, 99)), cached_tokens=dice.randint(0, 49))

    def often(text: str) -> list[Reply]:
        return [dice.choice(faults) if dice.random() < 0.1 else say(text) for _ in range(CALLS)]

    return {
        USUAL: often("It scatters."),
        SCHEMA: [say(text) for text in ("no number", "7", "8") for _ in range(CALLS)],
        LEFT: [say("one two three")] * CALLS,
        HANGING: [Fault("hang")] * CALLS,
        GONE: [Status(404)] * CALLS,
        OTHER: often("It scatters, too."),
    }


def configured(url: str) -> LLMConfig:
    keys = {"openai": (Secret("any-key-will-do-here"),), "anthropic": (Secret("another-key-will-do"),)}
    return LLMConfig(
        keys=KeySettings(providers=keys, max_connections_per_key=CALLS),
        http=HttpSettings(base_urls={"openai": f"{url}/v1", "anthropic": url}),
        retry=RetrySettings(max_retries=15, base_s=0.001, cap_s=0.01, budget=RetryBudgetSettings(capacity=1_000)),
        circuit_breaker=BreakerSettings(enabled=False),
    )


def asked(number: int, model: str) -> LLMRequest:
    return LLMRequest(prompt=f"question {number}", preferences=Preferences(model=model, fallback="none"))


class Arrivals(list[Received]):
    """What a server has received, and a bell for whoever waits until it has been asked for *HANGING*."""

    def __init__(self) -> None:
        super().__init__()
        self.bells: dict[str, anyio.Event] = {}

    def append(self, received: Received, /) -> None:
        super().append(received)
        if HANGING.encode() in received.body:
            self.bells[received.json["messages"][-1]["content"]].set()


def call(number: int, arrivals: Arrivals) -> Op[object]:
    """One of a thousand."""

    async def calling(context: Context) -> Outcome[object, LLMError]:
        match KINDS[number % len(KINDS)]:
            case "again":  # one of few questions, which are answered once
                return await run(generate(asked(number % 70, USUAL)), context)
            case "pieces":
                return await run(generate(replace(asked(number, USUAL), streaming=True)), context)
            case "stream":
                return await collect((await run(generate_stream(asked(number, USUAL)), context)).unwrap())
            case "left":
                async with (await run(generate_stream(asked(number, LEFT)), context)).unwrap() as stream:
                    return Success(await anext(stream))
            case "schema":
                return await run(query_with_schema(asked(number, SCHEMA), int, max_reasks=5), context)
            case "cancelled":
                return await cancelled(context, asked(number, HANGING), arrivals)
            case "gone":
                wanted = Preferences(model=GONE)
                return await run(
                    generate(LLMRequest(prompt=f"q {number}", task_type="analysis", preferences=wanted)), context
                )
            case _:
                return await run(generate(asked(number, USUAL)), context)

    return effect(calling)


async def cancelled(context: Context, request: LLMRequest, arrivals: Arrivals) -> Outcome[object, LLMError]:
    """Ask, and think better of it as soon as the server has been asked."""
    bell = arrivals.bells[request.prompt] = anyio.Event()

    async def asking() -> None:
        await run(generate(request), context)

    async with anyio.create_task_group() as group:
        group.start_soon(asking)
        await bell.wait()
        group.cancel_scope.cancel()
    return Success(None)


async def test_after_a_thousand_mixed_calls_the_metrics_are_the_servers_own(anyio_backend: str) -> None:
    calls = CALLS if anyio_backend == "asyncio" else CALLS // 5
    replies, mine, listener, arrivals = script(seed=1), traced(), Listener(), Arrivals()
    async with Simulator() as simulator:
        simulator.received = arrivals
        for model, lines in replies.items():
            simulator.script(model, lines)
        async with custom(configured(simulator.url)) | listening(mine.observer, listener) as context:
            await run(settle([call(number, arrivals) for number in range(calls)], limit=40), context)
            counted = context.metrics.snapshot()
            status = (await run(get_status(), context)).unwrap()
        received = [each.json["model"] for each in simulator.received if each.method == "POST"]

    served = {model: replies[model][: received.count(model)] for model in replies}
    assert {model: each.requests for model, each in counted.models.items()} == dict(Counter(received))
    for model in (USUAL, SCHEMA, GONE, OTHER):
        said = [reply for reply in served[model] if isinstance(reply, Say)]
        failed = Counter(reply.status for reply in served[model] if isinstance(reply, Status))
        metrics = counted.models[model]
        assert (metrics.prompt_tokens, metrics.completion_tokens) == tuple(
            sum(reply.usage[which] for reply in said if reply.usage) for which in (0, 1)
        )
        assert metrics.cached_tokens == sum(reply.cached_tokens for reply in said)
        assert (metrics.successes, metrics.left) == (len(said), 0)
        assert sum(metrics.failures.values()) == failed.total()
        assert metrics.retries == failed.total() - failed[404]
        assert metrics.failures.get("RateLimitExceeded", 0) == failed[429]
    for model in (LEFT, HANGING):
        assert (counted.models[model].left, counted.models[model].requests) == (calls // 10, calls // 10)

    totals = counted.totals
    assert totals.requests == calls - calls // 10 + received.count(SCHEMA)
    assert (totals.left, totals.failures) == (calls // 5, {})
    assert totals.successes == totals.requests - totals.left
    assert (totals.retries, totals.fallbacks) == (sum(each.retries for each in counted.models.values()), calls // 10)
    assert counted.cache_hits + counted.cache_misses == totals.requests
    assert totals.prompt_tokens == sum(each.prompt_tokens for each in counted.models.values())
    assert from_json(ManagerStatus, to_json(status)) == Success(status)

    assert_all_ended(listener.events)
    durations: Counter[str] = Counter()
    for point in mine.points("gen_ai.client.operation.duration"):
        durations[point.attributes["gen_ai.request.model"]] += point.count
    assert dict(durations) == dict(Counter(received))
    assert sum(point.count for point in mine.points("llm_manager.operation.duration")) == totals.requests
    assert mine.observer.open_runs == 0
    spent: Any = sum(point.value for point in mine.points("llm_manager.cost"))
    assert spent == pytest.approx(totals.cost.usd if totals.cost.tag != "UnknownCost" else 0)
