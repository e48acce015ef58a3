"""What everything that keeps circuit breakers must do."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from returns.result import Success

from llm_manager.adapters.limits.breakers import NoBreakers
from llm_manager.domain.errors import CircuitOpen
from llm_manager.domain.settings import BreakerSettings
from llm_manager.ports import Breakers, EarlyProbes

pytestmark = pytest.mark.anyio


async def failing(breakers: Breakers, count: int, now_s: float = 0.0) -> None:
    for _ in range(count):
        permit = (await breakers.admit("k", "m", now_s)).unwrap()
        await breakers.record(permit, "failure", now_s, 0.0)


async def test_breakers_open_by_key_and_tell_their_state(make_breakers: Callable[[BreakerSettings], Breakers]) -> None:
    breakers = make_breakers(BreakerSettings(open_s=60.0))
    await failing(breakers, 5)
    assert (await breakers.admit("k", "m", 1.0)).failure() == CircuitOpen("m", 59.0)
    assert isinstance(await breakers.admit("other", "m", 1.0), Success)
    assert await breakers.state("k", 1.0) == ("open", 59.0)
    assert await breakers.state("k", 61.0) == ("half-open", 0.0)
    assert await breakers.state("never", 0.0) == ("closed", 0.0)


async def test_of_a_thousand_waiters_one_probes(make_breakers: Callable[[BreakerSettings], Breakers]) -> None:
    breakers = make_breakers(BreakerSettings())
    await failing(breakers, 5)
    admitted = [await breakers.admit("k", "m", 60.0) for _ in range(1000)]
    assert sum(isinstance(each, Success) for each in admitted) == 1


async def test_a_probe_under_way_ends_with_its_lease_at_the_latest(
    make_breakers: Callable[[BreakerSettings], Breakers],
) -> None:
    breakers = make_breakers(BreakerSettings(open_s=60.0, probe_s=30.0))
    await failing(breakers, 5)
    probe = (await breakers.admit("k", "m", 60.0)).unwrap()
    assert await breakers.state("k", 70.0) == ("half-open", 20.0)
    assert (await breakers.admit("k", "m", 70.0)).failure() == CircuitOpen("m", 20.0, probing=True)
    await breakers.record(probe, "success", 75.0, 0.0)
    assert await breakers.state("k", 75.0) == ("half-open", 0.0)


async def test_failures_of_calls_that_were_under_way_at_the_same_moment_are_one_observation(
    make_breakers: Callable[[BreakerSettings], Breakers],
) -> None:
    breakers = make_breakers(BreakerSettings(failure_threshold=2))
    permits = [(await breakers.admit("k", "m", 0.0)).unwrap() for _ in range(5)]
    for permit in permits:
        await breakers.record(permit, "failure", 0.5, 0.0)
    assert await breakers.state("k", 0.5) == ("closed", 0.0)
    later = (await breakers.admit("k", "m", 0.6)).unwrap()
    await breakers.record(later, "failure", 0.7, 0.0)
    assert (await breakers.state("k", 0.7))[0] == "open"


async def test_breakers_that_are_off_let_everything_pass() -> None:
    breakers = NoBreakers()
    await failing(breakers, 50)
    assert await breakers.state("k", 0.0) == ("closed", 0.0)


async def test_a_target_that_seems_well_is_probed_at_once_and_closed_by_its_probes_alone(
    make_breakers: Callable[[BreakerSettings], Breakers],
) -> None:
    breakers = make_breakers(BreakerSettings(open_s=60.0, success_threshold=1))
    assert isinstance(breakers, EarlyProbes)
    await failing(breakers, 5)
    await breakers.expect("k", 1.0)
    assert await breakers.state("k", 1.0) == ("half-open", 0.0)
    probe = (await breakers.admit("k", "m", 1.0)).unwrap()
    assert (await breakers.admit("k", "m", 1.0)).failure() == CircuitOpen("m", 120.0, probing=True)
    await breakers.expect("k", 1.5)
    assert await breakers.state("k", 1.5) == ("half-open", 119.5), "a probe that is under way is left to end"
    await breakers.record(probe, "failure", 2.0, 0.0)
    assert (await breakers.state("k", 2.0))[0] == "open"
    await breakers.expect("k", 3.0)
    await breakers.record((await breakers.admit("k", "m", 3.0)).unwrap(), "success", 4.0, 0.0)
    await breakers.expect("k", 5.0)
    await breakers.expect("never", 5.0)
    assert [await breakers.state(key, 5.0) for key in ("k", "never")] == [("closed", 0.0)] * 2
