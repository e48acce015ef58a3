"""The limits of each model: its own of ``models``, those of its provider's kind, or the global ones.

A limit belongs to a target, whatever name led to it: where two entries of ``models`` lead to one, the lower of each
limit holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from returns.result import Success

from llm_manager.domain.catalog import PROVIDERS
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.providers import providers_of
from llm_manager.domain.settings import LimiterSettings, ModelSettings
from llm_manager.policies.targets import provider_of_key, resolve


def limits_of(config: LLMConfig, key: str) -> LimiterSettings:
    """What may be sent in a minute to the target filed under *key*: nothing limits a self-hosted one but its own entry.

    A key that no target has, one of a ``rate_limit`` of the user's, has the global limits.
    """
    own = _own_limits(config).get(key)
    if own is not None:
        return own
    provider = PROVIDERS.get(provider_of_key(key))
    is_local = provider is not None and provider.self_hosted
    return LimiterSettings(max_wait_s=config.rate_limit.max_wait_s) if is_local else config.rate_limit


def max_connections_of(config: LLMConfig, key: str) -> int | None:
    """How many calls to the target filed under *key* may be under way at once in this process; None is no limit."""
    return _own_connections(config).get(key)


@lru_cache(maxsize=64)
def _own_limits(config: LLMConfig) -> Mapping[str, LimiterSettings]:
    found: dict[str, LimiterSettings] = {}
    for name, settings in config.models.items():
        resolved = resolve(config, name) if settings.rate_limit is not None else None
        if settings.rate_limit is not None and isinstance(resolved, Success):
            key = resolved.unwrap().key
            found[key] = _tighter(found[key], settings.rate_limit) if key in found else settings.rate_limit
    return found


@lru_cache(maxsize=64)
def _own_connections(config: LLMConfig) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for name, settings in config.models.items():
        most = _most_at_once(config, settings)
        resolved = resolve(config, name) if most is not None else None
        if most is not None and isinstance(resolved, Success):
            key = resolved.unwrap().key
            found[key] = min(found.get(key, most), most)
    return found


def _most_at_once(config: LLMConfig, settings: ModelSettings) -> int | None:
    """A local engine makes so many answers at once as it has slots: others would wait in it, while their time runs."""
    if settings.max_connections is not None:
        return settings.max_connections
    provider = providers_of(config).get(settings.provider or "")
    return settings.slots if provider is not None and provider.wire == "llama_cpp" else None


def _tighter(one: LimiterSettings, other: LimiterSettings) -> LimiterSettings:
    return LimiterSettings(
        requests_per_minute=_lower(one.requests_per_minute, other.requests_per_minute),
        tokens_per_minute=_lower(one.tokens_per_minute, other.tokens_per_minute),
        max_wait_s=min(one.max_wait_s, other.max_wait_s),
    )


def _lower(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
