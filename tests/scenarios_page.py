"""The table of scenarios in ``docs/explanation/reliability.md``: what the defaults make of ordinary and of bad days."""

from __future__ import annotations

from pathlib import Path

import anyio

from llm_manager import LLMConfig, generate
from llm_manager.testing.simulation import Report, read_scenario, simulate

SCENARIOS = Path(__file__).parent.parent / "examples" / "scenarios"
NAMES = ("burst", "blip", "one_429", "slow_vendor", "half_gone", "outage")


def played(name: str) -> Report:
    """The report of the scenario in file *name*, with nothing configured."""
    scenario = read_scenario(str(SCENARIOS / f"{name}.toml")).unwrap()

    async def play() -> Report:
        return (await simulate(scenario, generate, config=LLMConfig())).unwrap()

    return anyio.run(play)


def scenario_table() -> str:
    """The rows, in the order of :data:`NAMES`."""
    head = ["scenario", "calls", "answered", "requests a call", "p50", "p95", "longest", "failed"]
    rows = [head, ["---"] * len(head), *map(_row, NAMES)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str) -> list[str]:
    report = played(name)
    latency = report.latency
    assert latency is not None
    failed = ", ".join(f"{tag} {count:,}" for tag, count in sorted(report.failures.items()))
    return [
        f"`{name}`: {report.title}",
        f"{report.calls:,}",
        f"{100 * report.answered / report.calls:.1f} %",
        f"{report.attempts / report.calls:.2f}",
        *(f"{seconds:.1f} s" for seconds in (latency.p50_s, latency.p95_s, latency.longest_s)),
        failed or "-",
    ]
