"""What the tests of simulations share: the smallest scenarios, and one that is played."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from llm_manager import (
    LLMConfig,
    RoutingSettings,
    generate,
)
from llm_manager.testing.simulation import (
    Behaviour,
    Burst,
    Fault,
    Happening,
    Report,
    Scenario,
    Traffic,
    simulate,
)

ONE_MODEL = LLMConfig(routing=RoutingSettings(chains={"general": ("gpt",)}))
EXACTLY_ONE_SECOND = Behaviour(latency_s=1.0, latency_p95_s=1.0)


def at_once(calls: int = 1, **more: Any) -> Traffic:
    return Traffic(arrive=Burst(calls), lasts_s=0.0, **more)


def bad(*faults: Fault) -> Behaviour:
    return replace(EXACTLY_ONE_SECOND, faults=faults)


async def played(scenario: Scenario, config: LLMConfig = ONE_MODEL) -> tuple[Report, list[Happening]]:
    heard: list[Happening] = []
    report = await simulate(scenario, generate, config=config, listen=lambda _, happening: heard.append(happening))
    return report.unwrap(), heard
