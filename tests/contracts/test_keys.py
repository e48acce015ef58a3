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
from llm_manager.ports import Keys, Lease

pytestmark = pytest.mark.anyio

MakeKeys: TypeAlias = Callable[[KeySettings], Keys]


def keys(make: MakeKeys, count: int = 2, most: int = 5, groups: tuple[str, ...] = ()) -> Keys:
    secrets = tuple(Secret(f"sk-canary-{number}-0123456789") for number in range(count))
    return make(KeySettings(providers={"p": secrets}, groups={"p": groups}, max_connections_per_key=most))


async def leased(pool: Keys, model: str = "m", now_s: float = 0.0) -> Lease:
    return (await pool.lease("p", model, now_s)).unwrap()


async def test_keys_take_turns_and_are_named_without_being_shown(make_keys: MakeKeys) -> None:
    pool = keys(make_keys)
    names = [(await pool.lease("p", "m", 0.0)).unwrap().key_id for _ in range(3)]
    assert names == ["p#1", "p#2", "p#1"]


async def test_a_caller_waits_for_a_key_to_come_back(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 1, most=1)
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


async def test_a_caller_who_leaves_the_queue_for_a_key_passes_its_turn_on(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 1, most=1)
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


async def test_a_turn_given_to_somebody_who_leaves_at_that_moment_is_not_lost(make_keys: MakeKeys) -> None:
    """Whether the one who leaves had its turn before it left is a matter of ticks; the other one gets it either way."""
    pool = keys(make_keys, 1, most=1)
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


async def test_a_provider_without_keys_is_told(make_keys: MakeKeys) -> None:
    refused = (await keys(make_keys).lease("nobody", "m", 0.0)).failure()
    assert isinstance(refused, AuthenticationFailed)
    assert "nobody" in refused.message
    assert not await keys(make_keys).usable("nobody", "m", 0.0)


async def test_a_refused_key_is_not_leased_again(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 1)
    lease = (await pool.lease("p", "m", 0.0)).unwrap()
    await pool.give_back(lease, AuthenticationFailed("m", message="revoked"), 0.0)
    assert (await pool.lease("p", "m", 0.0)).failure() == AuthenticationFailed("m", message="revoked")
    assert not await pool.usable("p", "m", 0.0)


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
        told.append(type((await pool.lease("p", "m", 0.0)).failure()))

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
        got.append(await pool.lease("p", "m", 1.0))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await pool.give_back(two, AuthenticationFailed("m"), 30.0)
    assert got == [Success(one)]


async def test_a_key_that_has_had_its_rest_goes_to_who_waited_longest(make_keys: MakeKeys) -> None:
    pool = keys(make_keys, 2, most=1)
    one, two = await leased(pool), await leased(pool)
    await pool.give_back(one, RateLimitExceeded("m", 10.0), 0.0)
    order: list[str] = []

    async def wait(name: str, now_s: float) -> None:
        await leased(pool, now_s=now_s)
        order.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(wait, "early", 1.0)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(wait, "late", 11.0)
        await anyio.wait_all_tasks_blocked()
        assert order == ["early"]
        await pool.give_back(two, None, 12.0)
    assert order == ["early", "late"]


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
    pool = keys(make_keys, 3, groups=("ours", "ours", "theirs"))
    await pool.give_back(await leased(pool), RateLimitExceeded("m", 60.0), 0.0)
    assert [(await leased(pool, now_s=1.0)).key_id for _ in range(3)] == ["p#3"] * 3
    await pool.give_back(await leased(pool, now_s=1.0), RateLimitExceeded("m", 5.0), 1.0)
    refused = await pool.lease("p", "m", 2.0)
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
