"""``performance`` learns which model is fast, unlearns what is old, and says so in the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_manager import (
    CacheSettings,
    Context,
    LLMConfig,
    LLMRequest,
    Preferences,
    RetrySettings,
    RoutingSettings,
    ServerError,
    generate,
    plan,
    query_multiple,
    reset_metrics,
    run,
)
from llm_manager.policies.latency import HALF_LIFE_S
from llm_manager.testing import Line, Pause, scripted

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="hi")
FASTEST_FIRST = LLMConfig(
    cache=CacheSettings(enabled=False),
    routing=RoutingSettings(strategy="performance"),
    retry=RetrySettings(max_retries=0),
)


async def first(context: Context, request: LLMRequest = ASK) -> str:
    return (await run(plan(request), context)).unwrap().targets[0].model


async def test_the_model_that_answered_faster_is_asked_first() -> None:
    script: dict[str, list[Line]] = {"gpt": [Pause(5, "slow")], "claude": [Pause(1, "fast"), "again"]}
    async with scripted(script, config=FASTEST_FIRST) as context:
        assert await first(context) == "gpt", "with nothing observed and no guess the table decides"
        await run(query_multiple(ASK, ["gpt", "claude"]), context)
        assert await first(context) == "claude"
        assert (await run(generate(ASK), context)).unwrap().model == "claude"


async def test_high_priority_prefers_performance_whatever_the_strategy_is() -> None:
    script: dict[str, list[Line]] = {"gpt": [Pause(5, "slow")], "claude": [Pause(1, "fast")]}
    async with scripted(script) as context:
        await run(query_multiple(ASK, ["gpt", "claude"]), context)
        assert await first(context) == "gpt"
        assert await first(context, replace(ASK, preferences=Preferences(priority="high"))) == "claude"


async def test_the_latest_answers_count_most() -> None:
    script: dict[str, list[Line]] = {
        "gpt": [*[Pause(1, "fast")] * 5, Pause(9, "slow now"), Pause(9, "slow now")],
        "claude": [Pause(3, "steady"), Pause(3, "steady")],
    }
    async with scripted(script, config=FASTEST_FIRST) as context:
        await run(query_multiple(ASK, ["claude"]), context)
        for _ in range(5):
            await run(query_multiple(ASK, ["gpt"]), context)
        assert await first(context) == "gpt"
        await context.clock.sleep(5 * HALF_LIFE_S)
        await run(query_multiple(ASK, ["gpt"]), context)
        assert await first(context) == "claude"


async def test_a_failure_that_comes_at_once_does_not_make_a_model_fast() -> None:
    down = ServerError("gpt", 500)
    script: dict[str, list[Line]] = {"gpt": [Pause(2, "ok"), *[down] * 3], "claude": [Pause(1, "ok")]}
    async with scripted(script, config=FASTEST_FIRST) as context:
        await run(query_multiple(ASK, ["gpt", "claude"]), context)
        for _ in range(3):
            await run(query_multiple(ASK, ["gpt"]), context)
        assert await first(context) == "claude"


async def test_a_failure_that_took_long_makes_a_model_slow() -> None:
    script: dict[str, list[Line]] = {
        "gpt": [Pause(1, "ok"), Pause(60, ServerError("gpt", 500))],
        "claude": [Pause(2, "ok")],
    }
    async with scripted(script, config=FASTEST_FIRST) as context:
        await run(query_multiple(ASK, ["gpt", "claude"]), context)
        assert await first(context) == "gpt"
        await run(query_multiple(ASK, ["gpt"]), context)
        assert await first(context) == "claude"


async def test_resetting_the_metrics_forgets_nothing_that_routing_learned() -> None:
    script: dict[str, list[Line]] = {"gpt": [Pause(5, "slow")], "claude": [Pause(1, "fast")]}
    async with scripted(script, config=FASTEST_FIRST) as context:
        await run(query_multiple(ASK, ["gpt", "claude"]), context)
        await run(reset_metrics(), context)
        assert await first(context) == "claude"
