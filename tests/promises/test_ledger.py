"""Five hundred calls at once through the whole stack, one in ten of their requests broken: every account agrees."""

from __future__ import annotations

import random

import anyio
import pytest
from returns.result import Success

from llm_manager import (
    BreakerSettings,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    Outcome,
    Preferences,
    RetrySettings,
    Secret,
    custom,
    generate,
    run,
)
from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.testing.simulator import Reply, Say, Simulator, Status

pytestmark = pytest.mark.anyio

CALLS = 500
MODEL = "gpt-6.1-terra"


def replies(seed: int) -> list[Reply]:
    """Answers that are all different, with usage of their own, and a fault in every tenth place or so."""
    dice = random.Random(seed)  # noqa: S311  # dice, not keys
    faults = (Status(503), Status(500), Status(429, headers={"retry-after": "0"}))
    return [
        dice.choice(faults)
        if dice.random() < 0.1
        else Say(f"answer {number}", usage=(dice.randint(1, 99), dice.randint(1, 99)))
        for number in range(2 * CALLS)
    ]


def configured(url: str) -> LLMConfig:
    return LLMConfig(
        keys=KeySettings(providers={"openai": (Secret("any-key-will-do-here"),)}, max_connections_per_key=CALLS),
        http=HttpSettings(base_urls={"openai": f"{url}/v1"}, max_connections=50),
        retry=RetrySettings(max_retries=15, base_s=0.01, cap_s=0.1, budget=RetryBudgetSettings(capacity=1_000)),
        circuit_breaker=BreakerSettings(failure_threshold=100, failure_rate=1.0),
    )


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_call_is_lost_or_answered_twice_and_the_ledger_is_the_servers(seed: int) -> None:
    script = replies(seed)
    outcomes: dict[str, Outcome[LLMResponse, LLMError]] = {}
    async with Simulator() as simulator:
        simulator.script(MODEL, script)
        async with custom(configured(simulator.url)) as context:

            async def ask(prompt: str) -> None:
                request = LLMRequest(prompt=prompt, preferences=Preferences(model=MODEL))
                outcomes[prompt] = await run(generate(request), context)

            async with anyio.create_task_group() as group:
                for number in range(CALLS):
                    group.start_soon(ask, f"question {number}")
            counted = context.metrics.snapshot().totals
        served = list(zip(simulator.received, script, strict=False))

    answers = {prompt: outcome.unwrap() for prompt, outcome in outcomes.items() if isinstance(outcome, Success)}
    told = {
        received.json["messages"][-1]["content"]: reply.text for received, reply in served if isinstance(reply, Say)
    }
    assert len(outcomes) == CALLS
    assert {prompt: answer.content for prompt, answer in answers.items()} == told
    attempts = [attempt for answer in answers.values() for attempt in answer.metadata.attempts]
    assert len(attempts) == len(served) == CALLS + sum(isinstance(reply, Status) for _, reply in served)
    assert [attempt.outcome for attempt in attempts].count("ok") == len(answers) == CALLS
    used = [reply.usage for _, reply in served if isinstance(reply, Say) and reply.usage is not None]
    assert sum(answer.usage.prompt_tokens or 0 for answer in answers.values()) == sum(prompt for prompt, _ in used)
    assert sum(answer.usage.completion_tokens or 0 for answer in answers.values()) == sum(said for _, said in used)
    assert (counted.requests, counted.successes) == (CALLS, CALLS)
    assert counted.retries == len(served) - CALLS
