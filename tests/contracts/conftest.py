"""What the contracts are tried on: add an implementation to its table and it must pass what the others pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest

from llm_manager import postgres_conversations, redis_conversations, sqlite_conversations
from llm_manager.adapters.caches.memory import MemoryCache
from llm_manager.adapters.conversations.memory import MemoryConversations
from llm_manager.adapters.limits.breakers import MemoryBreakers
from llm_manager.adapters.limits.budget import MemoryBudget
from llm_manager.adapters.limits.keys import MemoryKeys
from llm_manager.adapters.limits.limiter import MemoryLimiter
from llm_manager.adapters.limits.retry_budgets import MemoryRetryBudgets
from llm_manager.adapters.redis.breakers import RedisBreakers
from llm_manager.adapters.redis.budget import RedisBudget
from llm_manager.adapters.redis.cache import RedisCache
from llm_manager.adapters.redis.keys import RedisKeys
from llm_manager.adapters.redis.limiter import RedisLimiter
from llm_manager.adapters.redis.retry_budgets import RedisRetryBudgets
from llm_manager.adapters.redis.scripts import callers_time
from llm_manager.domain.settings import (
    BreakerSettings,
    CacheSettings,
    KeySettings,
    LimiterSettings,
    RedisSettings,
    RetryBudgetSettings,
)
from llm_manager.ports import Breakers, Budget, Cache, ConversationStore, Keys, Limiter, RetryBudgets
from postgres_server import PostgresServer
from redis_lines import Aging, Blocking, Nobody
from redis_server import RedisServer

SHARED = RedisSettings()
NOBODY: Any = Nobody()

BOUNDED_CACHES: dict[str, Callable[[CacheSettings], Cache]] = {"memory": MemoryCache}

Line: TypeAlias = "tuple[RedisServer, Blocking]"


@pytest.fixture(params=["memory", "redis"])
def line(request: pytest.FixtureRequest) -> Iterator[Line | None]:
    """An empty Redis and a line to it; None for what lives in this process."""
    if request.param == "memory":
        yield None
        return
    server = cast("RedisServer", request.getfixturevalue("redis"))
    blocking = Blocking(server)
    yield server, blocking
    blocking.close()


@pytest.fixture
def make_limiter(line: Line | None) -> Callable[[LimiterSettings], Limiter]:
    if line is None:
        return MemoryLimiter
    return lambda settings: RedisLimiter(line[1], settings, SHARED, NOBODY, callers_time)


@pytest.fixture
def make_breakers(line: Line | None) -> Callable[[BreakerSettings], Breakers]:
    if line is None:
        return MemoryBreakers
    return lambda settings: RedisBreakers(line[1], settings, SHARED, NOBODY, callers_time)


@pytest.fixture
def make_keys(line: Line | None) -> Callable[[KeySettings, int], Keys]:
    if line is None:
        return MemoryKeys
    return lambda settings, most: RedisKeys(line[1], settings, SHARED, MemoryKeys(settings, most), callers_time)


@pytest.fixture
def make_retry_budgets(line: Line | None) -> Callable[[RetryBudgetSettings], RetryBudgets]:
    if line is None:
        return MemoryRetryBudgets
    return lambda settings: RedisRetryBudgets(line[1], settings, SHARED, NOBODY, callers_time)


@pytest.fixture
def make_budget(line: Line | None) -> Callable[[float], Budget]:
    if line is None:
        return MemoryBudget
    return lambda limit_usd: RedisBudget(line[1], limit_usd, SHARED)


@pytest.fixture
def make_cache(line: Line | None) -> Callable[[CacheSettings], Cache]:
    if line is None:
        return MemoryCache
    return lambda settings: Aging(RedisCache(line[1], settings, SHARED), line[0])


@pytest.fixture(params=BOUNDED_CACHES)
def make_bounded_cache(request: pytest.FixtureRequest) -> Callable[[CacheSettings], Cache]:
    return BOUNDED_CACHES[request.param]


@pytest.fixture(params=["memory", "sqlite", "postgres", "redis"])
def conversations(request: pytest.FixtureRequest, tmp_path: Path) -> ConversationStore:
    """An empty store of each kind."""
    match request.param:
        case "memory":
            return MemoryConversations()
        case "sqlite":
            return sqlite_conversations(tmp_path / "chats.db")
        case "postgres":
            return postgres_conversations(cast("PostgresServer", request.getfixturevalue("postgres")).url)
        case _:
            return redis_conversations(cast("RedisServer", request.getfixturevalue("redis")).url)
