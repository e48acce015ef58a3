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
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    Outcome,
    Preferences,
    RequestTimedOut,
    RetrySettings,
    Secret,
    generate,
    replacing,
    run,
)
from llm_manager.policies.targets import resolve
from llm_manager.testing import Pause, ScriptedProvider, VirtualClock, scripted

pytestmark = pytest.mark.anyio

ONE_KEY = LLMConfig(
    keys=KeySettings(providers={"openai": (Secret("k" * 20),)}, max_connections_per_key=1),
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
    late = Failure(RequestTimedOut("gpt-4o", 5.0))
    async with (
        scripted({}, config=ONE_KEY) | replacing(providers=slow, clock=clock) as context,
        anyio.create_task_group() as group,
    ):
        group.start_soon(asked, ASK, context)
        await clock.sleep(1.0)
        assert await asked(replace(ASK, deadline_s=5.0), context) == late
        assert (await context.breakers.state(key, clock.monotonic()))[0] == "closed"
        await clock.sleep(60.0)
        assert await asked(replace(ASK, deadline_s=5.0), context) == late, "this one had the key and no answer"
        assert (await context.breakers.state(key, clock.monotonic()))[0] == "open"
