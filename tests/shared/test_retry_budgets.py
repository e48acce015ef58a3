"""Retries that processes share, so that an outage costs what one of them may."""

from __future__ import annotations

import pytest

from llm_manager import RedisSettings, redis_retry_budgets
from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.ports import RetryBudgets
from redis_server import RedisServer
from tests.shared.situations import FOREIGN, NOWHERE, PATIENT, QUICK, litter

pytestmark = pytest.mark.anyio

TWO = RetryBudgetSettings(capacity=2, per_success=0.1, per_second=0)


def budgets(url: str, shared: RedisSettings = PATIENT) -> RetryBudgets:
    return redis_retry_budgets(url, TWO, shared=shared)


async def test_what_one_process_retried_is_gone_for_all_and_what_one_earned_is_everybodys(redis: RedisServer) -> None:
    mine, theirs = budgets(redis.url), budgets(redis.url)
    assert [await mine.spend("k", 0.0), await theirs.spend("k", 0.0)] == [True, True]
    assert [await mine.spend("k", 0.0), await theirs.spend("k", 0.0)] == [False, False]
    for _ in range(5):
        await mine.earn("k", 0.0)
        await theirs.earn("k", 0.0)
    assert [await theirs.spend("k", 0.0), await mine.spend("k", 0.0)] == [True, False]


async def test_a_budget_that_is_full_is_kept_nowhere(redis: RedisServer) -> None:
    mine = budgets(redis.url)
    await mine.earn("k", 0.0)
    assert redis.ask("DBSIZE") == 0
    await mine.spend("k", 0.0)
    assert redis.ask("DBSIZE") == 1
    for _ in range(10):
        await mine.earn("k", 0.0)
    assert redis.ask("DBSIZE") == 0


@pytest.mark.parametrize("kind", FOREIGN)
async def test_foreign_bytes_are_a_budget_that_is_full(redis: RedisServer, kind: str) -> None:
    mine = budgets(redis.url)
    await mine.spend("k", 0.0)
    litter(redis, kind)
    assert [await mine.spend("k", 0.0) for _ in range(3)] == [True, True, False]


async def test_without_a_redis_each_process_has_its_own() -> None:
    mine = budgets(NOWHERE, QUICK)
    assert [await mine.spend("k", 0.0) for _ in range(3)] == [True, True, False]
    for _ in range(10):
        await mine.earn("k", 0.0)
    assert await mine.spend("k", 0.0)
