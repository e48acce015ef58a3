"""What the contracts are tried on: add an implementation to its table and it must pass what the others pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llm_manager.adapters.caches.memory import MemoryCache
from llm_manager.adapters.limits.breakers import MemoryBreakers
from llm_manager.adapters.limits.keys import MemoryKeys
from llm_manager.adapters.limits.limiter import MemoryLimiter
from llm_manager.adapters.limits.retry_budgets import MemoryRetryBudgets
from llm_manager.domain.settings import (
    BreakerSettings,
    CacheSettings,
    KeySettings,
    LimiterSettings,
    RetryBudgetSettings,
)
from llm_manager.ports import Breakers, Cache, Keys, Limiter, RetryBudgets

LIMITERS: dict[str, Callable[[LimiterSettings], Limiter]] = {"memory": MemoryLimiter}
BREAKERS: dict[str, Callable[[BreakerSettings], Breakers]] = {"memory": MemoryBreakers}
KEYS: dict[str, Callable[[KeySettings], Keys]] = {"memory": MemoryKeys}
RETRY_BUDGETS: dict[str, Callable[[RetryBudgetSettings], RetryBudgets]] = {"memory": MemoryRetryBudgets}
CACHES: dict[str, Callable[[CacheSettings], Cache]] = {"memory": MemoryCache}


@pytest.fixture(params=LIMITERS)
def make_limiter(request: pytest.FixtureRequest) -> Callable[[LimiterSettings], Limiter]:
    return LIMITERS[request.param]


@pytest.fixture(params=BREAKERS)
def make_breakers(request: pytest.FixtureRequest) -> Callable[[BreakerSettings], Breakers]:
    return BREAKERS[request.param]


@pytest.fixture(params=KEYS)
def make_keys(request: pytest.FixtureRequest) -> Callable[[KeySettings], Keys]:
    return KEYS[request.param]


@pytest.fixture(params=RETRY_BUDGETS)
def make_retry_budgets(request: pytest.FixtureRequest) -> Callable[[RetryBudgetSettings], RetryBudgets]:
    return RETRY_BUDGETS[request.param]


@pytest.fixture(params=CACHES)
def make_cache(request: pytest.FixtureRequest) -> Callable[[CacheSettings], Cache]:
    return CACHES[request.param]
