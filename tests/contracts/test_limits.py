"""What every limiter, breaker store, key pool, retry budget and cache must do, whatever keeps its state."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager.adapters.caches.memory import MemoryCache
from llm_manager.adapters.limits.breakers import MemoryBreakers, NoBreakers
from llm_manager.adapters.limits.keys import MemoryKeys
from llm_manager.adapters.limits.limiter import MemoryLimiter
from llm_manager.adapters.limits.retry_budgets import MemoryRetryBudgets
from llm_manager.domain.errors import AuthenticationFailed, CircuitOpen, RateLimitExceeded
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import (
    BreakerSettings,
    CacheSettings,
    KeySettings,
    LimiterSettings,
    RetryBudgetSettings,
)
from llm_manager.domain.status import CacheStatus
from llm_manager.ports import Breakers, Cache, Cached, Keys, Limiter, RetryBudgets
from llm_manager.testing import VirtualClock

pytestmark = pytest.mark.anyio

ONE_A_SECOND = LimiterSettings(requests_per_minute=60, tokens_per_minute=6000)


def limiter(settings: LimiterSettings = ONE_A_SECOND) -> Limiter:
    return MemoryLimiter(settings)


async def taken(limits: Limiter, clock: VirtualClock, count: int, tokens: float = 0) -> None:
    for _ in range(count):
        assert isinstance(await limits.acquire("k", "m", tokens, 60, clock), Success)


async def test_a_limiter_lets_a_burst_through_and_then_its_rate() -> None:
    limits, clock = limiter(), VirtualClock(autojump=True)
    await taken(limits, clock, 60)
    assert clock.monotonic() == 0
    await taken(limits, clock, 3)
    assert clock.monotonic() == pytest.approx(3)


async def test_a_limiter_serves_in_the_order_of_arrival() -> None:
    limits, clock = limiter(), VirtualClock()
    await taken(limits, clock, 60)
    order: list[int] = []

    async def wait(number: int) -> None:
        assert isinstance(await limits.acquire("k", "m", 0, 60, clock), Success)
        order.append(number)

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(wait, number)
            await clock.advance(0)
        await clock.advance(10)
    assert order == [0, 1, 2, 3]


async def test_a_waiter_who_leaves_is_forgotten() -> None:
    limits, clock = limiter(), VirtualClock()
    await taken(limits, clock, 60)
    got: list[float] = []

    async def wait(tokens: float) -> None:
        await limits.acquire("k", "m", tokens, 60, clock)
        got.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(wait, 5000)
            await clock.advance(0)
            leaving.cancel_scope.cancel()
        group.start_soon(wait, 0)
        await clock.advance(5)
    assert got == [1.0]


async def test_a_wait_longer_than_allowed_fails_at_once_and_says_how_long() -> None:
    limits, clock = limiter(), VirtualClock()
    await taken(limits, clock, 60)
    refused = (await limits.acquire("k", "m", 0, 0.5, clock)).failure()
    assert (refused.model, refused.retry_after_s) == ("m", 1.0)


async def test_more_than_a_bucket_holds_is_refused_at_admission() -> None:
    refused = (await limiter().acquire("k", "m", 6001, 60, VirtualClock())).failure()
    assert isinstance(refused, RateLimitExceeded)
    assert refused.retry_after_s is None


async def test_what_was_used_replaces_what_was_reserved() -> None:
    limits, clock = limiter(), VirtualClock(autojump=True)
    reservation = (await limits.acquire("k", "m", 6000, 60, clock)).unwrap()
    await limits.settle(reservation, 1000, 0.0)
    await taken(limits, clock, 1, tokens=5000)
    assert clock.monotonic() == 0
    dear = (await limits.acquire("other", "m", 100, 60, clock)).unwrap()
    await limits.settle(dear, 6100, 0.0)
    await limits.acquire("other", "m", 100, 60, clock)
    assert clock.monotonic() == pytest.approx(2)


async def test_an_unknown_usage_keeps_the_estimate_and_a_release_gives_all_back() -> None:
    limits, clock = limiter(), VirtualClock(autojump=True)
    kept = (await limits.acquire("k", "m", 6000, 60, clock)).unwrap()
    await limits.settle(kept, None, 0.0)
    assert isinstance(await limits.acquire("k", "m", 6000, 1, clock), Failure)
    await limits.release(kept, 0.0)
    await taken(limits, clock, 1, tokens=6000)
    assert clock.monotonic() == 0


async def test_without_limits_nothing_is_kept() -> None:
    limits, clock = limiter(LimiterSettings()), VirtualClock()
    reservation = (await limits.acquire("k", "m", 1e9, 0, clock)).unwrap()
    await limits.settle(reservation, 5, 0.0)
    await limits.release(reservation, 0.0)


async def failing(breakers: Breakers, count: int, now_s: float = 0.0) -> None:
    for _ in range(count):
        permit = (await breakers.admit("k", "m", now_s)).unwrap()
        await breakers.record(permit, "failure", now_s, 0.0)


async def test_breakers_open_by_key_and_tell_their_state() -> None:
    breakers = MemoryBreakers(BreakerSettings())
    await failing(breakers, 5)
    assert (await breakers.admit("k", "m", 1.0)).failure() == CircuitOpen("m", 59.0)
    assert isinstance(await breakers.admit("other", "m", 1.0), Success)
    assert await breakers.state("k", 1.0) == ("open", 59.0)
    assert await breakers.state("k", 61.0) == ("half-open", 0.0)
    assert await breakers.state("never", 0.0) == ("closed", 0.0)


async def test_of_a_thousand_waiters_one_probes() -> None:
    breakers = MemoryBreakers(BreakerSettings())
    await failing(breakers, 5)
    admitted = [await breakers.admit("k", "m", 60.0) for _ in range(1000)]
    assert sum(isinstance(each, Success) for each in admitted) == 1


async def test_breakers_that_are_off_let_everything_pass() -> None:
    breakers = NoBreakers()
    await failing(breakers, 50)
    assert await breakers.state("k", 0.0) == ("closed", 0.0)


def keys(count: int = 2, **settings: int) -> Keys:
    secrets = tuple(Secret(f"sk-canary-{number}-0123456789") for number in range(count))
    return MemoryKeys(replace(KeySettings(providers={"p": secrets}), **settings))  # type: ignore[arg-type]


async def test_keys_take_turns_and_are_named_without_being_shown() -> None:
    pool = keys()
    names = [(await pool.lease("p", "m", 0.0)).unwrap().key_id for _ in range(3)]
    assert names == ["p#1", "p#2", "p#1"]


async def test_a_caller_waits_for_a_key_to_come_back() -> None:
    pool = keys(1, max_connections_per_key=1)
    first = (await pool.lease("p", "m", 0.0)).unwrap()
    got: list[str] = []

    async def wait() -> None:
        got.append((await pool.lease("p", "m", 0.0)).unwrap().key_id)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert got == []
        assert await pool.usable("p", "m", 0.0)
        await pool.give_back(first, None, 0.0)
    assert got == ["p#1"]


async def test_a_caller_who_leaves_the_queue_for_a_key_passes_its_turn_on() -> None:
    pool = keys(1, max_connections_per_key=1)
    first = (await pool.lease("p", "m", 0.0)).unwrap()
    got: list[str] = []

    async def wait() -> None:
        got.append((await pool.lease("p", "m", 0.0)).unwrap().key_id)

    async with anyio.create_task_group() as group:
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            leaving.cancel_scope.cancel()
        await pool.give_back(first, None, 0.0)
    assert got == ["p#1"]


async def test_a_turn_given_to_somebody_who_leaves_at_that_moment_is_not_lost() -> None:
    """Whether the one who leaves had its turn before it left is a matter of ticks; the other one gets it either way."""
    pool = keys(1, max_connections_per_key=1)
    first = (await pool.lease("p", "m", 0.0)).unwrap()
    got: list[str] = []

    async def wait(name: str) -> None:
        lease = (await pool.lease("p", "m", 0.0)).unwrap()
        got.append(name)
        await pool.give_back(lease, None, 0.0)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group, anyio.create_task_group() as leaving:
            leaving.start_soon(wait, "leaves")
            await anyio.wait_all_tasks_blocked()
            group.start_soon(wait, "stays")
            await anyio.wait_all_tasks_blocked()
            await pool.give_back(first, None, 0.0)
            leaving.cancel_scope.cancel()
    assert got[-1] == "stays"


async def test_a_provider_without_keys_is_told() -> None:
    refused = (await keys().lease("nobody", "m", 0.0)).failure()
    assert isinstance(refused, AuthenticationFailed)
    assert "nobody" in refused.message
    assert not await keys().usable("nobody", "m", 0.0)


async def test_a_refused_key_is_not_leased_again() -> None:
    pool = keys(1)
    lease = (await pool.lease("p", "m", 0.0)).unwrap()
    await pool.give_back(lease, AuthenticationFailed("m", message="revoked"), 0.0)
    assert (await pool.lease("p", "m", 0.0)).failure() == AuthenticationFailed("m", message="revoked")
    assert not await pool.usable("p", "m", 0.0)


async def test_retry_budgets_are_apart_by_key() -> None:
    budgets: RetryBudgets = MemoryRetryBudgets(RetryBudgetSettings(capacity=1, per_second=0))
    assert await budgets.spend("a", 0.0)
    assert not await budgets.spend("a", 0.0)
    assert await budgets.spend("b", 0.0)
    for _ in range(10):
        await budgets.earn("a", 0.0)
    await budgets.earn("new", 0.0)
    assert not await budgets.spend("a", 0.0) or await budgets.spend("new", 0.0)


def cache(**settings: float) -> Cache:
    return MemoryCache(replace(CacheSettings(), **settings))  # type: ignore[arg-type]


async def test_a_cache_answers_until_the_time_is_over() -> None:
    store = cache()
    assert (await store.get("k", 0.0)).unwrap() is None
    await store.put("k", "value", 0.0, 10.0)
    assert (await store.get("k", 9.9)).unwrap() == Cached("value")
    assert (await store.get("k", 10.0)).unwrap() is None
    assert (await store.get("k", 0.0)).unwrap() is None


async def test_a_full_cache_forgets_what_was_used_longest_ago() -> None:
    store = cache(max_entries=2)
    for key in ("a", "b"):
        await store.put(key, key, 0.0, 10.0)
    await store.get("a", 1.0)
    await store.put("c", "c", 1.0, 10.0)
    held = [(await store.get(key, 2.0)).unwrap() is not None for key in ("a", "b", "c")]
    assert held == [True, False, True]
    assert (await store.status()).unwrap() == CacheStatus(enabled=True, entries=2, max_entries=2)


async def test_a_cache_without_room_keeps_nothing() -> None:
    store = cache(max_entries=0)
    await store.put("k", "value", 0.0, 10.0)
    assert (await store.get("k", 0.0)).unwrap() is None
