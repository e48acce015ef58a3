"""Two thousand calls at once, over a few hundred connections: each is answered, and none is refused."""

from __future__ import annotations

from collections import Counter

import anyio
import pytest
from returns.result import Success

from llm_manager import (
    CacheSettings,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    Preferences,
    Secret,
    custom,
    generate,
    run,
)
from llm_manager.testing.simulator import Simulator

pytestmark = pytest.mark.anyio


async def test_two_thousand_calls_at_once_are_all_answered() -> None:
    answers: Counter[str] = Counter()
    async with Simulator() as simulator:
        config = LLMConfig(
            keys=KeySettings(providers={"openai": (Secret("the-only-key-there-is"),)}),
            http=HttpSettings(base_urls={"openai": f"{simulator.url}/v1"}, max_connections=300),
            cache=CacheSettings(enabled=False),
        )
        async with custom(config) as context:

            async def ask(number: int) -> None:
                preferences = Preferences(model="gpt-4o", fallback="none")
                outcome = await run(generate(LLMRequest(prompt=f"q{number}", preferences=preferences)), context)
                answers["ok" if isinstance(outcome, Success) else outcome.failure().tag] += 1

            async with anyio.create_task_group() as group:
                for number in range(2000):
                    group.start_soon(ask, number)
    assert answers == {"ok": 2000}
