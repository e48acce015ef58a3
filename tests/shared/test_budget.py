"""Money that processes share: whatever becomes of one of them or of Redis, the others do not spend it twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from math import inf

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import BudgetExceeded, RedisSettings, StoreUnavailable, redis_budget, redis_client
from llm_manager.adapters.redis.budget import RedisBudget
from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.wire import Reply, Word
from llm_manager.domain.outcome import Outcome
from llm_manager.testing import VirtualClock
from redis_lines import Blocking
from redis_server import RedisServer
from tests.shared.situations import BUDGET, CLOSED, FOREIGN, NOW, NOWHERE, PATIENT, QUICK, falls_silent, litter

pytestmark = pytest.mark.anyio


def budget(redis: RedisServer, limit_usd: float = 1.0) -> RedisBudget:
    """The budget of one process."""
    return redis_budget(redis.url, limit_usd, shared=PATIENT)


async def test_what_one_process_holds_and_spends_is_gone_for_all(redis: RedisServer) -> None:
    mine, theirs = budget(redis), budget(redis)
    assert await mine.reserve(0.6, 0.0, NOW) == Success(None)
    assert await theirs.reserve(0.6, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.0, reserved_usd=0.6))
    await mine.settle(0.6, 0.1)
    assert await theirs.reserve(0.9, 0.0, NOW) == Success(None)
    assert await theirs.spent_usd() == await mine.spent_usd() == 0.1


async def test_what_another_process_gives_back_is_seen_before_long(redis: RedisServer) -> None:
    line, clock = Blocking(redis), VirtualClock()
    mine, theirs = (RedisBudget(line, 1.0, PATIENT) for _ in range(2))
    assert await theirs.reserve(0.6, 0.0, clock) == Success(None)
    times: list[float] = []

    async def wait() -> None:
        assert await mine.reserve(0.6, 60.0, clock) == Success(None)
        times.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await clock.advance(10.0)
        assert times == []
        await theirs.settle(0.6, 0.1)
        await clock.advance(2.0)
    assert times == [pytest.approx(10.5, abs=0.5)]
    line.close()


async def test_what_this_process_settles_is_seen_at_once(redis: RedisServer) -> None:
    line, clock = Blocking(redis), VirtualClock()
    mine = RedisBudget(line, 1.0, PATIENT)
    assert await mine.reserve(0.6, 0.0, clock) == Success(None)
    times: list[float] = []

    async def wait() -> None:
        assert await mine.reserve(0.6, 60.0, clock) == Success(None)
        times.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(wait)
        await clock.advance(10.01)
        await mine.settle(0.6, 0.1)
        await clock.advance(0.0)
        assert times == [10.01]
        await mine.settle(0.6, 0.1)
    assert times == [10.01, 10.01]
    line.close()


async def test_a_queue_asks_seldom_and_with_one_word_for_all(redis: RedisServer) -> None:
    line, clock = Blocking(redis), VirtualClock()
    other, gate = RedisBudget(line, 1.0, PATIENT), Gate(line)
    mine = RedisBudget(gate, 1.0, PATIENT)
    gate.opens.set()
    assert await other.reserve(1.0, 0.0, clock) == Success(None)
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(mine.reserve, 0.5, 100.0, clock)
        await clock.advance(10.0)
        gate.words = 0
        await clock.advance(80.0)
        assert gate.words == 80
        await clock.advance(20.0)  # all waits end
        assert gate.words < 100 + 10
    line.close()


async def test_who_leaves_the_queue_while_a_word_is_under_way_holds_nothing_for_other_processes_either(
    redis: RedisServer,
) -> None:
    async with redis_client(redis.url, PATIENT) as client:
        gate = Gate(client)
        mine, theirs = redis_budget(gate, 1.0, shared=PATIENT), redis_budget(client, 1.0, shared=PATIENT)
        async with anyio.create_task_group() as group:
            async with anyio.create_task_group() as leaving:
                group.start_soon(mine.settle, 0.0, 0.0)  # waits for the gate, and the next word has the wish
                await anyio.wait_all_tasks_blocked()
                group.start_soon(mine.spent_usd)
                await anyio.wait_all_tasks_blocked()
                leaving.start_soon(mine.reserve, 0.9, inf, NOW)
                await anyio.wait_all_tasks_blocked()
                gate.opens.set()
                gate.opens = anyio.Event()
                await anyio.wait_all_tasks_blocked()
                while gate.words < 2:  # noqa: ASYNC110  # there is no event to wait for
                    await anyio.sleep(0.001)
                leaving.cancel_scope.cancel()
            gate.opens.set()
        assert await theirs.reserve(1.0, 0.0, NOW) == Success(None)


async def test_while_redis_is_away_what_this_process_reserved_is_waited_for() -> None:
    clock = VirtualClock()
    mine = redis_budget(NOWHERE, 1.0, shared=QUICK)
    assert await mine.reserve(0.6, 0.0, clock) == Success(None)
    times: list[float] = []

    async def wait(usd: float) -> None:
        assert await mine.reserve(usd, 60.0, clock) == Success(None)
        times.append(clock.monotonic())

    async with anyio.create_task_group() as group:
        group.start_soon(wait, 0.6)
        await clock.advance(10.0)
        group.start_soon(wait, 0.4)  # not before the first
        await clock.advance(1.0)
        spent = (await mine.reserve(1.1, inf, clock)).failure()
        assert (spent.spent_usd, spent.reserved_usd, times) == (0.0, 0.6, [])
        await mine.settle(0.6, 0.0)
    assert times == [11.0, 11.0]


async def test_budgets_of_other_names_are_others(redis: RedisServer) -> None:
    july, august = (redis_budget(redis.url, 1.0, name=month, shared=PATIENT) for month in ("july", "august"))
    await july.reserve(1.0, 0.0, NOW)
    assert await august.reserve(1.0, 0.0, NOW) == Success(None)


async def test_what_a_process_held_that_died_counts_as_spent_until_somebody_puts_it_back(redis: RedisServer) -> None:
    dead, alive = budget(redis), budget(redis)
    await dead.reserve(0.3, 0.0, NOW)
    await dead.settle(0.3, 0.2)
    await dead.reserve(0.5, 0.0, NOW)
    falls_silent(redis)
    assert await alive.spent_usd() == 0.7
    assert await alive.reserve(0.4, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.7))
    assert await alive.presumed_usd() == Success(0.5)
    assert await alive.put_back(0.4) == Success(0.1)
    assert await alive.reserve(0.4, 0.0, NOW) == Success(None)
    assert await alive.put_back(9.0) == Success(0.0)
    assert await alive.spent_usd() == 0.2


async def test_a_process_that_only_slept_settles_what_it_held_as_if_nothing_had_been(redis: RedisServer) -> None:
    sleeper, awake = budget(redis), budget(redis)
    await sleeper.reserve(0.3, 0.0, NOW)
    await sleeper.settle(0.3, 0.2)
    await sleeper.reserve(0.5, 0.0, NOW)
    falls_silent(redis)
    assert await awake.presumed_usd() == Success(0.5)
    await sleeper.settle(0.5, 0.1)
    assert await awake.presumed_usd() == Success(0.0)
    assert await awake.spent_usd() == 0.3
    assert await awake.reserve(0.7, 0.0, NOW) == Success(None)


async def test_of_more_than_a_thousand_that_ended_the_sums_are_kept_and_the_names_are_not(redis: RedisServer) -> None:
    first = budget(redis, 100.0)
    await first.reserve(0.5, 0.0, NOW)
    falls_silent(redis)
    async with redis_client(redis.url, PATIENT) as client:
        for _ in range(1005):
            one = redis_budget(client, 100.0, shared=PATIENT)
            await one.reserve(0.01, 0.0, NOW)
            await one.settle(0.01, 0.01)
            falls_silent(redis)
    watcher = budget(redis, 100.0)
    assert await watcher.spent_usd() == 10.55
    assert redis.ask("HLEN", f"{BUDGET}:ended") == redis.ask("ZCARD", f"{BUDGET}:order") == 1000
    assert redis.ask("HLEN", f"{BUDGET}:accounts") == 0
    await first.settle(0.5, 0.1)  # nobody knows it any more: counted twice, and never less than once
    assert await watcher.spent_usd() == 10.65


async def test_an_emptied_redis_hears_from_the_living_what_it_knew(redis: RedisServer) -> None:
    dead, mine, theirs = budget(redis), budget(redis), budget(redis)
    await dead.reserve(0.2, 0.0, NOW)
    falls_silent(redis)
    await mine.reserve(0.3, 0.0, NOW)
    await mine.settle(0.3, 0.1)
    await theirs.reserve(0.4, 0.0, NOW)
    redis.ask("FLUSHALL")
    assert await mine.spent_usd() == pytest.approx(0.3)
    assert await theirs.reserve(0.4, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.3, reserved_usd=0.4))
    assert await mine.reserve(0.3, 0.0, NOW) == Success(None)
    assert await mine.reserve(0.01, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.3, reserved_usd=0.7))


LOSSES: dict[str, tuple[str, ...]] = {
    "emptied": ("FLUSHALL",),
    "made room by the accounts": ("DEL", f"{BUDGET}:accounts"),
    "made room by the sums": ("DEL", f"{BUDGET}:sums"),
    "made room by the ended": ("DEL", f"{BUDGET}:ended", f"{BUDGET}:order"),
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_what_a_process_has_heard_of_one_that_died_counts_whatever_redis_loses(
    redis: RedisServer, loss: str
) -> None:
    dead, alive, unaware = budget(redis), budget(redis), budget(redis)
    await dead.reserve(0.9, 0.0, NOW)
    await dead.settle(0.9, 0.6)
    await dead.reserve(0.2, 0.0, NOW)
    assert await alive.spent_usd() == 0.6
    for _ in range(3):  # what has been told again is not told a second time
        redis.ask(*LOSSES[loss])
        assert await alive.reserve(0.3, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.6, reserved_usd=0.2))
    assert await unaware.reserve(0.3, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.6, reserved_usd=0.2))
    falls_silent(redis)
    assert await alive.presumed_usd() == Success(0.2)
    assert await alive.spent_usd() == await unaware.spent_usd() == 0.8


async def test_a_process_that_was_told_of_by_others_goes_on_from_what_it_has_spent_itself(redis: RedisServer) -> None:
    mine, theirs = budget(redis), budget(redis)
    await mine.reserve(0.3, 0.0, NOW)
    await theirs.spent_usd()
    redis.ask("FLUSHALL")
    await mine.settle(0.3, 0.1)
    assert await theirs.spent_usd() == 0.1  # its older news of the other are no longer news
    redis.ask("FLUSHALL")
    assert await theirs.reserve(0.9, 0.0, NOW) == Success(None)
    assert await mine.reserve(0.01, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.1, reserved_usd=0.9))


async def test_an_account_that_was_closed_and_is_told_of_later_counts_with_all_that_was_heard(
    redis: RedisServer,
) -> None:
    dead, early, late = budget(redis), budget(redis), budget(redis)
    await dead.reserve(0.2, 0.0, NOW)
    await dead.settle(0.2, 0.1)
    assert await early.spent_usd() == 0.1
    await dead.reserve(0.4, 0.0, NOW)
    await dead.settle(0.4, 0.4)
    assert await late.spent_usd() == 0.5
    redis.ask("FLUSHALL")
    assert await early.spent_usd() == 0.1
    falls_silent(redis)
    assert await early.spent_usd() == 0.1
    assert [await late.spent_usd(), await early.spent_usd()] == [0.5, 0.5]


@pytest.mark.parametrize("kind", FOREIGN)
async def test_foreign_bytes_give_no_money_to_who_has_spent_it(redis: RedisServer, kind: str) -> None:
    mine = budget(redis)
    await mine.reserve(0.9, 0.0, NOW)
    await mine.settle(0.9, 0.8)
    litter(redis, kind)
    assert await mine.reserve(0.3, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.8))
    assert await mine.reserve(0.2, 0.0, NOW) == Success(None)
    assert await budget(redis).reserve(0.1, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.8, reserved_usd=0.2))


async def test_while_redis_is_away_a_process_goes_on_by_what_it_knew_and_tells_it_after(redis: RedisServer) -> None:
    settings = RedisSettings(timeout_s=0.1, rest_s=0.05)
    mine, theirs = (redis_budget(redis_client(redis.url, settings), 1.0, shared=settings) for _ in range(2))
    await theirs.reserve(0.5, 0.0, NOW)
    await mine.reserve(0.1, 0.0, NOW)
    with redis.frozen():
        assert await mine.reserve(0.2, 0.0, NOW) == Success(None)
        refused = (await mine.reserve(0.3, 0.0, NOW)).failure()
        assert (refused.limit_usd, refused.spent_usd, refused.reserved_usd) == (1.0, 0.0, 0.8)
        assert "cannot be asked" in refused.message
        await mine.settle(0.2, 0.15)
        assert await mine.spent_usd() == 0.15
        assert isinstance(await mine.presumed_usd(), Failure)
    watcher = budget(redis)
    with anyio.fail_after(10):
        while isinstance(await mine.presumed_usd(), Failure):  # noqa: ASYNC110  # there is no event to wait for
            await anyio.sleep(0.01)
    assert await watcher.spent_usd() == 0.15
    assert await watcher.reserve(0.4, 0.0, NOW) == Failure(BudgetExceeded(1.0, 0.15, reserved_usd=0.6))


async def test_where_limits_are_closed_nothing_is_spent_that_redis_did_not_grant() -> None:
    refused = (await redis_budget(NOWHERE, 1.0, shared=CLOSED).reserve(0.0, 0.0, NOW)).failure()
    assert (refused.limit_usd, refused.spent_usd) == (1.0, 0.0)
    assert "cannot be asked: 127.0.0.1:9: cannot be reached" in refused.message


@dataclass
class Gate:
    """A Redis that answers when it is let, and counts the words it hears."""

    client: Redis
    opens: anyio.Event = field(default_factory=anyio.Event)
    words: int = 0

    async def call(self, *command: Word) -> Outcome[Reply, StoreUnavailable]:
        self.words += 1
        await self.opens.wait()
        return await self.client.call(*command)


async def test_a_word_that_comes_late_or_twice_changes_nothing(redis: RedisServer) -> None:
    @dataclass
    class Recording:
        client: Redis
        words: list[tuple[Word, ...]] = field(default_factory=list[tuple[Word, ...]])

        async def call(self, *command: Word) -> Outcome[Reply, StoreUnavailable]:
            self.words.append(command)
            return await self.client.call(*command)

    async with redis_client(redis.url, PATIENT) as client:
        recording = Recording(client)
        mine = redis_budget(recording, 1.0, shared=PATIENT)
        await mine.reserve(0.4, 0.0, NOW)
        await mine.settle(0.4, 0.3)
        for word in recording.words:
            await client.call(*word)
        watcher = redis_budget(client, 1.0, shared=PATIENT)
        assert await watcher.spent_usd() == 0.3
        assert await watcher.reserve(0.7, 0.0, NOW) == Success(None)


async def test_whoever_waits_goes_in_one_word(redis: RedisServer) -> None:
    async with redis_client(redis.url, PATIENT) as client:
        warm = redis_budget(client, 1.0, shared=PATIENT)
        await warm.spent_usd()
        gate = Gate(client)
        shared = redis_budget(gate, 1.0, shared=PATIENT)
        granted: list[bool] = []

        async def ask() -> None:
            granted.append(isinstance(await shared.reserve(0.01, 0.0, NOW), Success))

        async with anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            gate.opens.set()
        assert sum(granted) == 100
        assert gate.words <= 3

        gate.words, gate.opens = 0, anyio.Event()
        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(shared.settle, 0.01, 0.005)
            await anyio.wait_all_tasks_blocked()
            gate.opens.set()
        assert gate.words <= 2
        assert await warm.spent_usd() == 0.5


async def test_who_leaves_while_money_is_asked_for_holds_none(redis: RedisServer) -> None:
    async with redis_client(redis.url, PATIENT) as client:
        gate = Gate(client)
        shared = redis_budget(gate, 1.0, shared=PATIENT)
        async with anyio.create_task_group() as group:
            group.start_soon(shared.reserve, 0.4, 0.0, NOW)
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as leaving:
                leaving.start_soon(shared.reserve, 0.9, 0.0, NOW)
                await anyio.wait_all_tasks_blocked()
                leaving.cancel_scope.cancel()
            gate.opens.set()
        assert await shared.reserve(0.6, 0.0, NOW) == Success(None)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_grant_that_reaches_a_task_asyncio_cancels_just_then_is_taken_back(redis: RedisServer) -> None:
    """``Task.cancel()``, unlike a cancel scope, reaches a task that has been woken and has not run yet."""
    async with redis_client(redis.url, PATIENT) as client:
        gate = Gate(client)
        shared = redis_budget(gate, 1.0, shared=PATIENT)

        async def lead() -> object:
            granted = await shared.reserve(0.2, 0.0, NOW)
            follows.cancel()  # it was granted in the same word, and has not run since
            return granted

        first, leads = asyncio.create_task(shared.reserve(0.1, 0.0, NOW)), asyncio.create_task(lead())
        follows = asyncio.create_task(shared.reserve(0.7, 0.0, NOW))
        await anyio.wait_all_tasks_blocked()
        gate.opens.set()
        assert [await first, await leads] == [Success(None)] * 2
        await asyncio.wait([follows])
        assert follows.cancelled()
        assert await shared.reserve(0.7, 0.0, NOW) == Success(None)
        assert isinstance(await shared.reserve(0.1, 0.0, NOW), Failure)


async def test_an_answer_that_is_none_of_ours_is_as_good_as_no_redis() -> None:
    @dataclass
    class Strange:
        reply: Reply

        async def call(self, *_command: Word) -> Outcome[Reply, StoreUnavailable]:
            return Success(self.reply)

    sums: list[Reply] = [b"era", b"roll", b"0", b"0", b"0", b"0"]
    odd: list[Reply] = [b"nan", b"-1e3", b"1e400", b"9" * 5000, "\u0661".encode(), b"", 1, None]
    not_paired: list[Reply] = [b"alone"]
    not_text: list[Reply] = [b"name", 1]
    tell: list[Reply] = [b"tell"]
    replies: list[Reply] = [b"text", 1, None, [], [1, 2, 3], tell, [*sums, b"", []], [*sums, b"111", []], [*sums, b"1"]]
    for others in (not_paired, not_text):
        replies.append([*sums, b"1", others])
    for number in odd:
        replies.append([*sums[:2], number, *sums[3:], b"1", []])
    for strange in map(Strange, replies):
        shared = redis_budget(strange, 1.0, shared=PATIENT)
        assert await shared.reserve(0.5, 0.0, NOW) == Success(None)
        assert isinstance(await shared.reserve(0.6, 0.0, NOW), Failure)
