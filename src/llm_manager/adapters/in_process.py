"""A context whose every service lives in this process: what ``live`` starts from and what a test needs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from llm_manager.adapters.caches.memory import MemoryCache
from llm_manager.adapters.conversations.memory import MemoryConversations
from llm_manager.adapters.limits.breakers import MemoryBreakers, NoBreakers
from llm_manager.adapters.limits.budget import MemoryBudget
from llm_manager.adapters.limits.calibrations import MemoryCalibrations
from llm_manager.adapters.limits.flights import MemoryFlights
from llm_manager.adapters.limits.keys import MemoryKeys
from llm_manager.adapters.limits.latencies import MemoryLatencies
from llm_manager.adapters.limits.limiter import MemoryLimiter
from llm_manager.adapters.limits.places import MemoryPlaces
from llm_manager.adapters.limits.retry_budgets import MemoryRetryBudgets
from llm_manager.adapters.observers.metrics import MemoryMetrics
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.providers import with_all_pools
from llm_manager.effect.context import Context
from llm_manager.policies.model_limits import limits_of
from llm_manager.ports import Clock, Observer, Provider, Random


def in_process_context(
    config: LLMConfig, *, providers: Mapping[str, Provider], clock: Clock, random: Random, observer: Observer
) -> Context:
    """Fresh state for *config*: no two contexts share a cache, a breaker or a key ring."""
    return Context(
        config=config,
        providers=providers,
        cache=MemoryCache(config.cache),
        limiter=MemoryLimiter(partial(limits_of, config)),
        breakers=MemoryBreakers(config.circuit_breaker) if config.circuit_breaker.enabled else NoBreakers(),
        retry_budgets=MemoryRetryBudgets(config.retry.budget),
        keys=MemoryKeys(with_all_pools(config), config.http.max_connections),
        latencies=MemoryLatencies(),
        calibrations=MemoryCalibrations(),
        flights=MemoryFlights(),
        places=MemoryPlaces(),
        conversations=MemoryConversations(),
        budget=None if config.budget.limit_usd is None else MemoryBudget(config.budget.limit_usd),
        clock=clock,
        random=random,
        observer=observer,
        metrics=MemoryMetrics(),
        started_s=clock.monotonic(),
    )
