"""The services by themselves, for ``live() | replacing(cache=redis_cache(url))``, and all of them for a context.

Nothing connects before the first call. A service that was given a URL closes each connection after its call; one that
was given a client, which is open inside its ``async with``, shares that client's connections.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias

from returns.result import Failure, Success

from llm_manager.adapters.limits.breakers import MemoryBreakers
from llm_manager.adapters.limits.keys import MAX_CONNECTIONS, MemoryKeys
from llm_manager.adapters.limits.limiter import MemoryLimiter
from llm_manager.adapters.limits.retry_budgets import MemoryRetryBudgets
from llm_manager.domain.arguments import check_count, check_finite
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.providers import with_all_pools
from llm_manager.domain.redis_address import redis_address
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import (
    BreakerSettings,
    CacheSettings,
    KeySettings,
    LimiterSettings,
    RedisSettings,
    RetryBudgetSettings,
)
from llm_manager.effect.context import Context
from llm_manager.policies.model_limits import limits_of
from llm_manager.ports import Breakers, Cache, Keys, Limiter, RetryBudgets

if TYPE_CHECKING:
    from llm_manager.adapters.redis.budget import RedisBudget
    from llm_manager.adapters.redis.client import Redis, RedisClient, Tell

Where: TypeAlias = "str | Redis"
"""A URL, or somebody who passes commands on."""


def redis_client(url: str, settings: RedisSettings | None = None) -> RedisClient:
    """A client for several services: ``async with redis_client(url) as redis``. *settings* needs no URL of its own.

    Raises ``ValueError`` for a URL that is none, and where the extra ``redis`` is not installed.
    """
    made = client_for(replace(settings or RedisSettings(), url=Secret(url)))
    if isinstance(made, Failure):
        raise ValueError("; ".join(str(problem) for problem in made.failure().problems))
    return made.unwrap()


def redis_cache(redis: Where, settings: CacheSettings | None = None, *, shared: RedisSettings | None = None) -> Cache:
    """A cache that several processes share; what it holds expires, and Redis decides what a full one forgets."""
    to = _redis(redis, shared)
    from llm_manager.adapters.redis.cache import RedisCache  # noqa: PLC0415  # an extra

    return RedisCache(to, settings or CacheSettings(), shared or RedisSettings())


def redis_limiter(
    redis: Where, settings: LimiterSettings | LLMConfig, *, shared: RedisSettings | None = None
) -> Limiter:
    """Limits that several processes keep together: the same for every target, or those of a whole configuration, where
    each model may have its own."""
    to = _redis(redis, shared)
    from llm_manager.adapters.redis.limiter import RedisLimiter  # noqa: PLC0415  # an extra

    limits = partial(limits_of, settings) if isinstance(settings, LLMConfig) else settings
    return RedisLimiter(to, limits, shared or RedisSettings(), MemoryLimiter(limits))


def redis_breakers(
    redis: Where, settings: BreakerSettings | None = None, *, shared: RedisSettings | None = None
) -> Breakers:
    """Circuit breakers that open for all processes at once, of which one probes."""
    to = _redis(redis, shared)
    from llm_manager.adapters.redis.breakers import RedisBreakers  # noqa: PLC0415  # an extra

    given = settings or BreakerSettings()
    return RedisBreakers(to, given, shared or RedisSettings(), MemoryBreakers(given))


def redis_keys(
    redis: Where, settings: KeySettings, *, shared: RedisSettings | None = None, max_connections: int = MAX_CONNECTIONS
) -> Keys:
    """API keys that rest for all processes when one was told that they must, and, where there are several for a
    provider, are used no more than they may in all.

    The keys themselves stay here. *max_connections* (``http.max_connections``) bounds the calls of this process, a
    single key's too. The calls of a process that was silent for a minute do not count until it speaks again.
    """
    check_count(
        max_connections,
        "redis_keys takes a number of connections, 1 or more",
        "redis_keys(redis, settings, max_connections=100)",
    )
    to = _redis(redis, shared)
    from llm_manager.adapters.redis.keys import RedisKeys  # noqa: PLC0415  # an extra

    own = MemoryKeys(settings, max_connections)
    return RedisKeys(to, settings, shared or RedisSettings(), own)


def redis_retry_budgets(
    redis: Where, settings: RetryBudgetSettings | None = None, *, shared: RedisSettings | None = None
) -> RetryBudgets:
    """Retry budgets that several processes spend together."""
    to = _redis(redis, shared)
    from llm_manager.adapters.redis.retry_budgets import RedisRetryBudgets  # noqa: PLC0415  # an extra

    given = settings or RetryBudgetSettings()
    return RedisRetryBudgets(to, given, shared or RedisSettings(), MemoryRetryBudgets(given))


def redis_budget(
    redis: Where, limit_usd: float, *, name: str = "all", shared: RedisSettings | None = None
) -> RedisBudget:
    """At most *limit_usd* (and four million) for all processes together that share the budget *name*."""
    check_finite(limit_usd, "redis_budget takes an amount of US dollars, 0 or more", "redis_budget(redis, 20)")
    to = _redis(redis, shared)
    from llm_manager.adapters.redis.budget import RedisBudget  # noqa: PLC0415  # an extra

    return RedisBudget(to, limit_usd, shared or RedisSettings(), name)


def sharing(context: Context, redis: Redis) -> Context:
    """*context* with all that processes can share in *redis*."""
    config, shared = context.config, context.config.redis
    limit_usd = config.budget.limit_usd
    return replace(
        context,
        cache=redis_cache(redis, config.cache, shared=shared),
        limiter=redis_limiter(redis, config, shared=shared),
        breakers=redis_breakers(redis, config.circuit_breaker, shared=shared)
        if config.circuit_breaker.enabled
        else context.breakers,
        retry_budgets=redis_retry_budgets(redis, config.retry.budget, shared=shared),
        keys=redis_keys(redis, with_all_pools(config), shared=shared, max_connections=config.http.max_connections),
        budget=None if limit_usd is None else redis_budget(redis, limit_usd, name=config.budget.name, shared=shared),
    )


def client_for(settings: RedisSettings, tell: Tell | None = None) -> Outcome[RedisClient, ConfigurationError]:
    """A client of what *settings* names, which has not connected yet; *tell* hears when it goes away and comes back."""
    found = redis_address(settings.url or Secret(""))
    if isinstance(found, Failure):
        return Failure(ConfigurationError((Problem("redis.url", found.failure()),)))
    if find_spec("hiredis") is None:
        said = "hiredis is not installed: pip install 'llm-manager[redis]'"
        return Failure(ConfigurationError((Problem("redis.url", said),)))
    from llm_manager.adapters.redis.client import RedisClient  # noqa: PLC0415  # an extra

    return Success(
        RedisClient(found.unwrap(), settings) if tell is None else RedisClient(found.unwrap(), settings, tell)
    )


def _redis(redis: Where, shared: RedisSettings | None) -> Redis:
    """Asked first of all: where the extra is missing, this says so better than the import would."""
    return redis_client(redis, shared) if isinstance(redis, str) else redis
