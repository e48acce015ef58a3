"""The configuration as one value. How it is read from files and the environment is the business of the parser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llm_manager.domain.catalog import Price
from llm_manager.domain.settings import (
    BreakerSettings,
    BudgetSettings,
    CacheSettings,
    ConversationSettings,
    HttpSettings,
    KeySettings,
    LimiterSettings,
    ModelSettings,
    ObserveSettings,
    ProviderSettings,
    RedisSettings,
    RetrySettings,
    RoutingSettings,
    TimeoutSettings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMConfig:
    """Every setting of the library; ``LLMConfig()`` is the defaults, with no provider configured.

    *models* is by alias: the name a request asks for. *providers* is by the name that ``models.<alias>.provider`` and
    ``provider/model`` use. *prices* is by ``provider/model`` and goes before the catalog;
    what an alias states of its own goes before both. *sources* says where each setting that is not a default came
    from (``OPENAI_API_KEY``, ``llm.toml``), by its dotted path; it takes no part in comparison.
    """

    models: Mapping[str, ModelSettings] = field(default_factory=dict[str, ModelSettings])
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict[str, ProviderSettings])
    prices: Mapping[str, Price] = field(default_factory=dict[str, Price])
    routing: RoutingSettings = field(default_factory=RoutingSettings)
    retry: RetrySettings = field(default_factory=RetrySettings)
    timeouts: TimeoutSettings = field(default_factory=TimeoutSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    rate_limit: LimiterSettings = field(default_factory=LimiterSettings)
    circuit_breaker: BreakerSettings = field(default_factory=BreakerSettings)
    keys: KeySettings = field(default_factory=KeySettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    observe: ObserveSettings = field(default_factory=ObserveSettings)
    redis: RedisSettings = field(default_factory=RedisSettings)
    conversations: ConversationSettings = field(default_factory=ConversationSettings)
    sources: Mapping[str, str] = field(default_factory=dict[str, str], compare=False, repr=False, kw_only=True)

    def __hash__(self) -> int:
        """Equal configurations hash alike, and cheaply: what is derived from one is memoised by it."""
        return hash(
            (self.routing.strategy, frozenset(self.models), frozenset(self.providers), frozenset(self.keys.providers))
        )
