"""What every key pool must do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager.domain.errors import AuthenticationFailed, LLMError, RateLimitExceeded
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import KeySettings
from llm_manager.ports import Keys, Lease, RecoverableKeys
from llm_manager.testing import VirtualClock

pytestmark = pytest.mark.anyio

MakeKeys: TypeAlias = Callable[[KeySettings, int], Keys]

ZERO = VirtualClock()
"""Time stands still in tests in which nothing has to rest."""


def keys(make: MakeKeys, count: int = 2, most: int = 5, groups: tuple[str, ...] = ()) -> Keys:
    """A pool in which *most* calls may use each key."""
    secrets = tuple(Secret(f"sk-canary-{number}-0123456789") for number in range(count))
    settings = KeySettings(providers={"p": secrets}, groups={"p": groups}, max_connections_per_key=most)
    return make(settings, most if count == 1 else 100)


async def leased(pool: Keys, model: str = "m", clock: VirtualClock = ZERO) -> Lease:
    return (await pool.lease("p", model, 0.0, clock)).unwrap()


async def test_keys_take_turns_and_are_named_without_being_shown(make_keys: MakeKeys) -> None:
    pool = keys(make_keys)
    names = [(await leased(pool)).key_id for _ in range(3)]
    assert names == ["p#1", "p#2", "p#1"]


async def test_a_caller_waits_for_a_key_to_come_back(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 1, most=1)
    first = await leased(pool)
    got: list[str | None] = []

    async def wait() -> None:
        got.append((await leased(pool)).key_id)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert got == []
        assert await pool.usable("p", "m", 0.0)
        await pool.give_back(first, None, 0.0)
    assert got == ["p#1"]


async def test_a_caller_who_leaves_the_queue_for_a_key_passes_its_turn_on(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 1, most=1)
    first = await leased(pool)
    got: list[str | None] = []

    async def wait() -> None:
        got.append((await leased(pool)).key_id)

    async with anyio.create_task_group() as group:
        async with anyio.create_task_group() as leaving:
            leaving.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            leaving.cancel_scope.cancel()
        await pool.give_back(first, None, 0.0)
    assert got == ["p#1"]


async def test_a_turn_given_to_somebody_who_leaves_at_that_moment_is_not_lost(make_keys: MakeKeys) -> None:
    """Whether the one who leaves had its turn before it left is a matter of ticks; the other one gets it either way."""
    pool = keys(make_keys, 1, most=1)
    first = await leased(pool)
    got: list[str] = []

    async def wait(name: str) -> None:
        lease = await leased(pool)
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


async def test_a_pool_without_keys_is_a_queue_that_rests_when_it_is_told_to(make_keys: MakeKeys) -> None:
    clock, pool = VirtualClock(), keys(make_keys, 1, most=2)
    held = [(await pool.lease("@local", "m", 0.0, clock)).unwrap() for _ in range(2)]
    assert [(lease.key_id, lease.secret) for lease in held] == [(None, None)] * 2
    got: list[float] = []

    async def wait() -> None:
        assert isinstance(await pool.lease("@local", "m", 60.0, clock), Success)
        got.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.advance(1.0)
        assert got == []
        await pool.give_back(held[0], RateLimitExceeded("m", 5.0), clock.monotonic())
        assert not await pool.usable("@local", "m", clock.monotonic())
        await clock.advance(10.0)
    assert got == [6.0]


async def test_a_single_key_is_bounded_by_the_connections_alone(make_keys: MakeKeys) -> None:
    settings = KeySettings(providers={"p": (Secret("sk-canary-0-0123456789"),)}, max_connections_per_key=1)
    pool = make_keys(settings, 3)
    assert [(await leased(pool)).key_id for _ in range(3)] == ["p#1"] * 3
    with anyio.move_on_after(0.05) as waits:
        await leased(pool)
    assert waits.cancelled_caught


async def test_callers_wait_for_the_end_of_a_rest_and_begin_one_after_the_other(make_keys: MakeKeys) -> None:
    clock, pool = VirtualClock(), keys(make_keys, 1)
    await pool.give_back(await leased(pool, clock=clock), RateLimitExceeded("m", 10.0), 0.0)
    times: list[float] = []

    async def wait() -> None:
        assert isinstance(await pool.lease("p", "m", 11.0, clock), Success)
        times.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(wait)
        await clock.advance(30.0)
    assert times == pytest.approx([10.0, 10.1, 10.158, 10.2], abs=1e-3)


async def test_a_rest_that_is_longer_than_the_wait_is_told_at_once_with_what_is_left(make_keys: MakeKeys) -> None:
    clock, pool = VirtualClock(), keys(make_keys, 1)
    await pool.give_back(await leased(pool, clock=clock), RateLimitExceeded("m", 30.0), 0.0)
    await clock.advance(10.0)
    refused = (await pool.lease("p", "m", 19.0, clock)).failure()
    assert refused == RateLimitExceeded("m", 20.0, "every key rests after a rate limit")


async def test_a_refused_key_rests_for_a_minute_and_for_twice_as_long_when_it_is_refused_again(
    make_keys: MakeKeys,
) -> None:
    clock, pool = VirtualClock(), keys(make_keys, 1)
    revoked = AuthenticationFailed("m", message="revoked")
    for rest_s in (60.0, 120.0):
        await pool.give_back(await leased(pool, clock=clock), revoked, clock.monotonic())
        await clock.advance(rest_s - 1.0)
        assert (await pool.lease("p", "m", 999.0, clock)).failure() == revoked
        assert not await pool.usable("p", "m", clock.monotonic())
        await clock.advance(1.0)


@pytest.mark.parametrize(
    "error", [AuthenticationFailed("m", message="revoked"), RateLimitExceeded("m", 60.0, "slow down")]
)
async def test_when_the_last_key_is_lost_everybody_who_waits_for_it_is_told(
    make_keys: MakeKeys, error: LLMError
) -> None:
    pool = keys(make_keys, 1, most=1)
    lease = await leased(pool)
    told: list[object] = []

    async def wait() -> None:
        told.append(type((await pool.lease("p", "m", 0.0, ZERO)).failure()))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await pool.give_back(lease, error, 1.0)
    assert told == [type(error)] * 3


async def test_keys_are_had_in_the_order_of_arrival_even_by_those_who_come_late(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 1, most=1)
    lease = await leased(pool)
    order: list[str] = []

    async def wait(name: str) -> None:
        mine = await leased(pool)
        order.append(name)
        await pool.give_back(mine, None, 0.0)

    async with anyio.create_task_group() as group:
        for name in ("first", "second"):
            group.start_soon(wait, name)
            await anyio.wait_all_tasks_blocked()
        await pool.give_back(lease, None, 0.0)
        await wait("late")  # asks before those who wait have run
    assert order == ["first", "second", "late"]


async def test_a_waiter_is_judged_by_the_time_at_which_a_key_came_back(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 2, most=1)
    one, two = await leased(pool), await leased(pool)
    await pool.give_back(one, RateLimitExceeded("m", 10.0), 0.0)
    got: list[Outcome[Lease, LLMError]] = []

    async def wait() -> None:
        got.append(await pool.lease("p", "m", 0.0, ZERO))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await pool.give_back(two, AuthenticationFailed("m"), 30.0)
    assert [each.unwrap().key_id for each in got] == ["p#1"]


async def test_a_key_that_has_had_its_rest_goes_to_who_waited_longest(make_keys: MakeKeys) -> None:
    clock, pool = VirtualClock(), keys(make_keys, 2, most=1)
    one, two = await leased(pool, clock=clock), await leased(pool, clock=clock)
    await pool.give_back(one, RateLimitExceeded("m", 10.0), 0.0)
    order: list[tuple[str, float]] = []

    async def wait(name: str) -> None:
        await leased(pool, clock=clock)
        order.append((name, clock.monotonic()))

    async with anyio.create_task_group() as group:
        group.start_soon(wait, "early")
        await clock.advance(1.0)
        group.start_soon(wait, "late")
        await clock.advance(11.0)
        await pool.give_back(two, None, clock.monotonic())
    assert order == [("early", 10.0), ("late", 12.0)]


async def test_who_waits_for_another_model_does_not_hold_up_a_key_it_may_not_use(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 2, most=1)
    barred, free = await leased(pool, "dear"), await leased(pool, "dear")
    await pool.give_back(barred, AuthenticationFailed("dear", forbidden=True), 0.0)
    cheap = await leased(pool, "cheap")
    order: list[str] = []

    async def wait(model: str) -> None:
        lease = await leased(pool, model)
        order.append(f"{model} {lease.key_id}")

    async with anyio.create_task_group() as group:
        for model in ("dear", "dear", "cheap"):
            group.start_soon(wait, model)
            await anyio.wait_all_tasks_blocked()
        await pool.give_back(cheap, None, 0.0)
        await anyio.wait_all_tasks_blocked()
        assert order == ["cheap p#1"]
        await pool.give_back(free, None, 0.0)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert order == ["cheap p#1", "dear p#2"]


async def test_keys_of_one_account_rest_together(make_keys: MakeKeys) -> None:
    clock, pool = VirtualClock(), keys(make_keys, 3, groups=("ours", "ours", "theirs"))
    await pool.give_back(await leased(pool, clock=clock), RateLimitExceeded("m", 60.0), 0.0)
    await clock.advance(1.0)
    assert [(await leased(pool, clock=clock)).key_id for _ in range(3)] == ["p#3"] * 3
    await pool.give_back(await leased(pool, clock=clock), RateLimitExceeded("m", 5.0), 1.0)
    await clock.advance(1.0)
    refused = await pool.lease("p", "m", 0.0, clock)
    assert isinstance(refused, Failure)
    assert refused.failure() == RateLimitExceeded("m", 4.0, "every key rests after a rate limit")


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_key_handed_to_a_task_that_asyncio_cancels_just_then_goes_to_the_next(make_keys: MakeKeys) -> None:
    """``Task.cancel()``, unlike a cancel scope, reaches a task that has been woken and has not run yet."""
    pool = keys(make_keys, 1, most=1)
    first = await leased(pool)
    leaves, stays = asyncio.create_task(leased(pool)), asyncio.create_task(leased(pool))
    await anyio.wait_all_tasks_blocked()
    await pool.give_back(first, None, 0.0)
    leaves.cancel()
    assert await stays == first
    assert leaves.cancelled()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_refusal_that_reaches_a_task_cancelled_just_then_is_dropped(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 1, most=1)
    first = await leased(pool)
    leaves = asyncio.create_task(leased(pool))
    await anyio.wait_all_tasks_blocked()
    await pool.give_back(first, AuthenticationFailed("m"), 0.0)
    leaves.cancel()
    await asyncio.wait([leaves])
    assert leaves.cancelled()


async def test_a_key_that_is_taken_again_is_back_and_one_that_rests_for_a_limit_is_not(make_keys: MakeKeys) -> None:
    clock, pool = VirtualClock(), keys(make_keys, 2)
    assert isinstance(pool, RecoverableKeys)
    for error in (AuthenticationFailed("m", message="revoked"), RateLimitExceeded("m", 50.0, "slow down")):
        lease = (await pool.lease("p", "m", 0.0, clock)).unwrap()
        await pool.give_back(lease, error, clock.monotonic())
    await clock.advance(1.0)
    refused = pool.refused("p", clock.monotonic())
    assert list(refused) == [0]
    for index in (0, 1):
        await pool.recover("p", index, clock.monotonic())
    assert pool.refused("p", clock.monotonic()) == {}
    assert [(await pool.lease("p", "m", 0.0, clock)).unwrap().index for _ in range(2)] == [0, 0]
    again = (await pool.lease("p", "m", 0.0, clock)).unwrap()
    await pool.give_back(again, AuthenticationFailed("m"), clock.monotonic())
    await clock.advance(59.0)
    assert again.index == 0
    assert list(pool.refused("p", clock.monotonic())) == [0]
    await clock.advance(1.0)
    assert pool.refused("p", clock.monotonic()) == {}, "its next rest is a minute, as its first"


async def test_who_waits_for_a_key_has_the_one_that_is_back(make_keys: MakeKeys) -> None:
    clock, pool = VirtualClock(), keys(make_keys, 2)
    assert isinstance(pool, RecoverableKeys)
    for error in (AuthenticationFailed("m"), RateLimitExceeded("m", 50.0)):
        lease = (await pool.lease("p", "m", 0.0, clock)).unwrap()
        await pool.give_back(lease, error, clock.monotonic())
    came: list[tuple[int, float]] = []

    async def waiting() -> None:
        came.append(((await pool.lease("p", "m", 100.0, clock)).unwrap().index, clock.monotonic()))

    async with anyio.create_task_group() as group:
        group.start_soon(waiting)
        await clock.advance(3.0)
        await pool.recover("p", 0, clock.monotonic())
        await clock.settle()
        assert came == [(0, 3.0)]
