"""Whatever the scenario: one trace on every event loop, and figures that add up."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_manager import LLMRequest, Op, generate, hedged, race, recurs, retry
from llm_manager.testing.simulation import (
    Behaviour,
    Broken,
    Burst,
    Errors,
    Fault,
    Hang,
    Outage,
    RateLimit,
    Report,
    Scenario,
    Slow,
    Steady,
    Traffic,
    scenario_problems,
    simulate,
    trace_line,
)

DURATION_S = 300.0

_windows = {
    "at_s": st.floats(0, DURATION_S / 2),
    "lasts_s": st.none() | st.floats(1, DURATION_S / 2),
    "part": st.floats(0.1, 0.9),
}
faults: st.SearchStrategy[Fault] = st.one_of(
    *(st.builds(kind, **_windows) for kind in (Outage, Hang, Errors, Broken, Slow)),
    st.builds(RateLimit, retry_after_s=st.none() | st.floats(0, 90), **_windows),
)
behaviours = st.builds(
    Behaviour,
    latency_s=st.none() | st.floats(0.1, 20),
    tokens_per_second=st.none() | st.floats(20, 200),
    faults=st.lists(faults, max_size=3, unique_by=type).map(tuple),
)
traffic = st.builds(
    Traffic,
    arrive=st.one_of(st.floats(0.01, 0.1).map(Steady), st.integers(1, 12).map(Burst)),
    lasts_s=st.none() | st.floats(1, DURATION_S),
    task=st.sampled_from(["general", "analysis"]),
    streaming=st.booleans(),
    questions=st.none() | st.integers(1, 5),
    deadline_s=st.none() | st.floats(1, 60),
)
scenarios = st.builds(
    Scenario,
    seed=st.integers(0, 2**32),
    duration_s=st.just(DURATION_S),
    traffic=st.lists(traffic, min_size=1, max_size=2).map(tuple),
    models=st.fixed_dictionaries({"gpt": behaviours, "claude": behaviours}),
)


def either(request: LLMRequest) -> Op[object]:
    """A pipeline that does things side by side."""
    return race(hedged(1.0)(generate(request)), retry(recurs(1))(generate(request)))


def played(
    scenario: Scenario, backend: str, operation: Callable[[LLMRequest], Op[object]] = generate
) -> tuple[Report, list[str]]:
    lines: list[str] = []

    async def playing() -> Report:
        outcome = await simulate(scenario, operation, listen=lambda call, what: lines.append(trace_line(call, what)))
        return outcome.unwrap()

    return anyio.run(playing, backend=backend), lines


@given(scenarios)
@settings(max_examples=20)
def test_one_seed_gives_one_trace_and_its_figures_add_up(scenario: Scenario) -> None:
    assert scenario_problems(scenario) == ()
    report, trace = played(scenario, "asyncio")
    assert played(scenario, "trio") == (report, trace)
    assert report.calls == report.answered + sum(report.failures.values()) == sum(report.calls_over_time)
    assert sum(report.failures.values()) == sum(report.failures_over_time) == sum(report.causes.values())
    assert report.attempts == sum(model.attempts for model in report.models)
    for model in report.models:
        assert model.attempts == model.answered + sum(model.failures.values()) == sum(model.attempts_over_time)
        assert model.tries <= model.attempts <= model.tries * 5
        assert sum(model.failures.values()) == sum(model.failures_over_time)
    assert sum('"RequestFinished"' in line for line in trace) == report.calls


@given(scenarios)
@settings(max_examples=8)
def test_what_goes_on_side_by_side_gives_one_trace_too(scenario: Scenario) -> None:
    report, trace = played(scenario, "asyncio", either)
    assert played(scenario, "trio", either) == (report, trace)
