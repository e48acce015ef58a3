"""A try that never gets a key has asked nobody: whatever becomes of it says nothing of the model."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from returns.result import Failure

from llm_manager import (
    BreakerSettings,
    CacheSettings,
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    Outcome,
    Preferences,
    RequestTimedOut,
    RetrySettings,
    RoutingSettings,
    Secret,
    generate,
    replacing,
    run,
)
from llm_manager.policies.targets import resolve
from llm_manager.testing import Pause, ScriptedProvider, VirtualClock, scripted

pytestmark = pytest.mark.anyio

ONE_KEY = LLMConfig(
    keys=KeySettings(providers={"openai": (Secret("k" * 20),)}),
    http=HttpSettings(max_connections=1),
    circuit_breaker=BreakerSettings(failure_threshold=1),
    retry=RetrySettings(max_retries=0),
    cache=CacheSettings(enabled=False),
)
ASK = LLMRequest(prompt="hi", preferences=Preferences(model="gpt-4o", fallback="none"))


async def asked(request: LLMRequest, context: Context) -> Outcome[LLMResponse, LLMError]:
    return await run(generate(request), context)


async def test_who_waits_for_a_key_until_the_deadline_opens_no_circuit() -> None:
    clock = VirtualClock(autojump=True)
    slow = {"openai": ScriptedProvider({"gpt-4o": [Pause(60, "late")] * 2}, clock)}
    key = resolve(ONE_KEY, "gpt-4o").unwrap().key
    async with (
        scripted({}, config=ONE_KEY) | replacing(providers=slow, clock=clock) as context,
        anyio.create_task_group() as group,
    ):
        group.start_soon(asked, ASK, context)
        await clock.sleep(1.0)
        assert await asked(replace(ASK, deadline_s=5.0), context) == Failure(RequestTimedOut("", 5.0)), (
            "no model's fault"
        )
        assert (await context.breakers.state(key, clock.monotonic()))[0] == "closed"
        await clock.sleep(60.0)
        assert await asked(replace(ASK, deadline_s=5.0), context) == Failure(RequestTimedOut("gpt-4o", 5.0))
        assert (await context.breakers.state(key, clock.monotonic()))[0] == "closed", "it may need longer than that"


async def test_who_waited_for_a_key_while_the_circuit_opened_goes_on_to_the_next_model() -> None:
    """A vendor that hangs holds its few keys; the many who stand in line are not sent after them one by one."""
    clock = VirtualClock(autojump=True)
    config = replace(
        ONE_KEY,
        keys=KeySettings(providers={"openai": (Secret("k" * 20),), "groq": (Secret("q" * 20),)}),
        http=HttpSettings(max_connections=5),
        circuit_breaker=BreakerSettings(failure_threshold=5),
        routing=RoutingSettings(chains={"general": ("gpt-4o", "groq/m")}),
    )
    providers = {
        "openai": ScriptedProvider({"gpt-4o": [Pause(1e6, "never")] * 20}, clock),
        "groq": ScriptedProvider({"m": ["here"] * 20}, clock),
    }
    outcomes: list[tuple[str, float]] = []
    async with (
        scripted({}, config=config) | replacing(providers=providers, clock=clock) as context,
        anyio.create_task_group() as group,
    ):

        async def ask(number: int) -> None:
            outcome = await asked(LLMRequest(prompt=f"hi {number}", streaming=True), context)
            told = outcome.failure().tag if isinstance(outcome, Failure) else outcome.unwrap().content
            outcomes.append((told, clock.monotonic()))

        for number in range(20):
            group.start_soon(ask, number)
            await clock.sleep(2.0)
    limit_s = config.timeouts.first_byte_s
    sent = [each.sent_s for each in providers["openai"].received]
    assert sent == [0.0, 2.0, 4.0, 6.0, 8.0, *(limit_s + late_s for late_s in (0.0, 2.0, 4.0, 6.0))], "until the fifth"
    assert sorted(outcomes) == [
        *(("here", limit_s + late_s) for late_s in (0.0, 2.0, 4.0, 6.0)),
        *[("here", limit_s + 8.0)] * 12,
        *(("here", 2 * limit_s + late_s) for late_s in (0.0, 2.0, 4.0, 6.0)),
    ]


async def test_hangs_of_one_moment_are_one_observation_and_open_no_circuit() -> None:
    clock = VirtualClock(autojump=True)
    config = replace(ONE_KEY, http=HttpSettings(), circuit_breaker=BreakerSettings(failure_threshold=2))
    slow = {"openai": ScriptedProvider({"gpt-4o": [Pause(1e6, "never")] * 20}, clock)}
    key = resolve(config, "gpt-4o").unwrap().key
    async with scripted({}, config=config) | replacing(providers=slow, clock=clock) as context:
        async with anyio.create_task_group() as group:
            for _ in range(10):
                group.start_soon(asked, ASK, context)
        assert (await context.breakers.state(key, clock.monotonic()))[0] == "closed"
        await asked(ASK, context)
        assert (await context.breakers.state(key, clock.monotonic()))[0] == "open"
