"""What every limiter must do, whatever keeps its state."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager.domain.errors import RateLimitExceeded
from llm_manager.domain.settings import LimiterSettings
from llm_manager.ports import Limiter
from llm_manager.testing import VirtualClock

pytestmark = pytest.mark.anyio

ONE_A_SECOND = LimiterSettings(requests_per_minute=60, tokens_per_minute=6000)


@pytest.fixture
def limits(make_limiter: Callable[[LimiterSettings], Limiter]) -> Limiter:
    return make_limiter(ONE_A_SECOND)


async def taken(limits: Limiter, clock: VirtualClock, count: int, tokens: float = 0) -> None:
    for _ in range(count):
        assert isinstance(await limits.acquire("k", "m", tokens, 60, clock), Success)


async def test_a_limiter_lets_a_burst_through_and_then_its_rate(limits: Limiter) -> None:
    clock = VirtualClock(autojump=True)
    await taken(limits, clock, 60)
    assert clock.monotonic() == 0
    await taken(limits, clock, 3)
    assert clock.monotonic() == pytest.approx(3)


async def test_a_limiter_serves_in_the_order_of_arrival(limits: Limiter) -> None:
    clock = VirtualClock()
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


async def test_a_waiter_who_leaves_is_forgotten(limits: Limiter) -> None:
    clock = VirtualClock()
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


async def test_a_wait_longer_than_allowed_fails_at_once_and_says_how_long(limits: Limiter) -> None:
    clock = VirtualClock()
    await taken(limits, clock, 60)
    refused = (await limits.acquire("k", "m", 0, 0.5, clock)).failure()
    assert (refused.model, refused.retry_after_s) == ("m", 1.0)


async def test_more_than_a_bucket_holds_is_refused_at_admission(limits: Limiter) -> None:
    refused = (await limits.acquire("k", "m", 6001, 60, VirtualClock())).failure()
    assert isinstance(refused, RateLimitExceeded)
    assert refused.retry_after_s is None


async def test_what_was_used_replaces_what_was_reserved(limits: Limiter) -> None:
    clock = VirtualClock(autojump=True)
    reservation = (await limits.acquire("k", "m", 6000, 60, clock)).unwrap()
    await limits.settle(reservation, 1000, 0.0)
    await taken(limits, clock, 1, tokens=5000)
    assert clock.monotonic() == 0
    dear = (await limits.acquire("other", "m", 100, 60, clock)).unwrap()
    await limits.settle(dear, 6100, 0.0)
    await limits.acquire("other", "m", 100, 60, clock)
    assert clock.monotonic() == pytest.approx(2)


async def test_an_unknown_usage_keeps_the_estimate_and_a_release_gives_all_back(limits: Limiter) -> None:
    clock = VirtualClock(autojump=True)
    kept = (await limits.acquire("k", "m", 6000, 60, clock)).unwrap()
    await limits.settle(kept, None, 0.0)
    assert isinstance(await limits.acquire("k", "m", 6000, 1, clock), Failure)
    await limits.release(kept, 0.0)
    await taken(limits, clock, 1, tokens=6000)
    assert clock.monotonic() == 0


async def test_without_limits_nothing_is_kept(make_limiter: Callable[[LimiterSettings], Limiter]) -> None:
    limits, clock = make_limiter(LimiterSettings()), VirtualClock()
    reservation = (await limits.acquire("k", "m", 1e9, 0, clock)).unwrap()
    await limits.settle(reservation, 5, 0.0)
    await limits.release(reservation, 0.0)


async def test_a_refund_lets_the_one_who_waits_go_at_once(limits: Limiter) -> None:
    clock = VirtualClock()
    dear = (await limits.acquire("k", "m", 6000, 60, clock)).unwrap()
    got: list[float] = []

    async def wait() -> None:
        assert isinstance(await limits.acquire("k", "m", 6000, 60, clock), Success)
        got.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.advance(1)
        await limits.settle(dear, 10, clock.monotonic())
        await clock.advance(1)
    assert got == [1.0]


async def test_who_could_only_be_served_too_late_for_the_debts_of_others_is_told(limits: Limiter) -> None:
    clock = VirtualClock()
    dear = (await limits.acquire("k", "m", 6000, 60, clock)).unwrap()
    told: list[object] = []

    async def wait() -> None:
        told.append((await limits.acquire("k", "m", 3000, 31, clock)).failure())

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.advance(1)
        await limits.settle(dear, 9000, clock.monotonic())
        await clock.advance(0)
    assert told == [RateLimitExceeded("m", 59.0, "the queue is longer than the wait allowed", local=True)]


async def test_the_predicted_wait_counts_what_overflows_meanwhile(
    make_limiter: Callable[[LimiterSettings], Limiter],
) -> None:
    limits, clock = make_limiter(LimiterSettings(requests_per_minute=1, tokens_per_minute=6000)), VirtualClock()
    first = (await limits.acquire("k", "m", 6000, 0, clock)).unwrap()
    await limits.settle(first, 12000, 0.0)
    async with anyio.create_task_group() as group:
        group.start_soon(limits.acquire, "k", "m", 6000, 120, clock)
        await clock.advance(0)
        refused = (await limits.acquire("k", "m", 0, 120, clock)).failure()
        assert refused.retry_after_s == 180.0
        group.cancel_scope.cancel()
    assert (await limits.acquire("k", "m", 0, 0, clock)).failure().retry_after_s == 60.0


async def test_a_deadline_that_has_just_passed_does_not_refuse_room_that_is_there(limits: Limiter) -> None:
    assert isinstance(await limits.acquire("k", "m", 0, -1e-9, VirtualClock()), Success)


async def test_the_predicted_wait_counts_everybody_in_front(limits: Limiter) -> None:
    clock = VirtualClock()
    await taken(limits, clock, 60)
    served: list[float] = []

    async def wait() -> None:
        assert isinstance(await limits.acquire("k", "m", 1, 1000, clock), Success)
        served.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        for _ in range(500):
            group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        refused = (await limits.acquire("k", "m", 1, 60, clock)).failure()
        assert refused.retry_after_s == pytest.approx(501)
        group.cancel_scope.cancel()
    assert served == []


async def test_the_predicted_wait_knows_of_a_debt_told_while_nobody_waited(limits: Limiter) -> None:
    clock = VirtualClock()
    first = (await limits.acquire("k", "m", 6000, 60, clock)).unwrap()
    async with anyio.create_task_group() as group:
        group.start_soon(limits.acquire, "k", "m", 1000, 60, clock)
        await clock.advance(20)
        await limits.settle(first, 9000, clock.monotonic())
        group.start_soon(limits.acquire, "k", "m", 1000, 60, clock)
        await clock.advance(0)
        assert await told(limits, clock, 1000) == 40.0
        group.cancel_scope.cancel()


async def test_who_leaves_from_the_middle_of_a_queue_is_not_counted_either(limits: Limiter) -> None:
    clock = VirtualClock()
    assert isinstance(await limits.acquire("k", "m", 6000, 60, clock), Success)
    async with anyio.create_task_group() as group:
        group.start_soon(limits.acquire, "k", "m", 1000, 60, clock)
        await clock.advance(0)
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(limits.acquire, "k", "m", 2000, 60, clock)
            await clock.advance(0)
            group.start_soon(limits.acquire, "k", "m", 1000, 60, clock)
            await clock.advance(0)
            assert await told(limits, clock, 1000) == 50.0
            leaving.cancel_scope.cancel()
        assert await told(limits, clock, 1000) == 30.0
        group.cancel_scope.cancel()


async def told(limits: Limiter, clock: VirtualClock, tokens: float) -> float | None:
    """The wait that somebody is refused for who would not wait at all."""
    return (await limits.acquire("k", "m", tokens, 0, clock)).failure().retry_after_s


async def test_the_predicted_wait_does_not_count_who_has_left_and_counts_what_came_back(limits: Limiter) -> None:
    clock = VirtualClock()
    dear = (await limits.acquire("k", "m", 6000, 60, clock)).unwrap()
    async with anyio.create_task_group() as group:
        group.start_soon(limits.acquire, "k", "m", 3000, 60, clock)
        await clock.advance(0)
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(limits.acquire, "k", "m", 1000, 60, clock)
            await clock.advance(0)
            assert await told(limits, clock, 1000) == 50.0
            leaving.cancel_scope.cancel()
        assert await told(limits, clock, 1000) == 40.0
        await limits.settle(dear, 5000, 0.0)
        assert await told(limits, clock, 1000) == 30.0
        group.cancel_scope.cancel()


async def test_each_key_may_have_limits_of_its_own(
    make_limiter: Callable[[Callable[[str], LimiterSettings]], Limiter],
) -> None:
    def limits_of(key: str) -> LimiterSettings:
        per_minute = {"a": 1, "b": None}
        return LimiterSettings(requests_per_minute=per_minute.get(key, 2))

    limiter, clock = make_limiter(limits_of), VirtualClock()
    taken = [isinstance(await limiter.acquire(key, key, 1.0, 0.0, clock), Success) for key in "aabbbccc"]
    assert taken == [True, False, True, True, True, True, True, False]
