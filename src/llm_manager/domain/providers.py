"""The providers of one configuration: the rows of the catalog with what the configuration states of them, and its own.

The rule of this room: whoever looks for a provider, or for the keys of one, looks here, so that a provider that is
configured is as good as one of the catalog.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache

from llm_manager.domain.catalog import PROVIDERS
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.problem import Problem
from llm_manager.domain.provider_facts import ProviderFacts, Wire
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import KeySettings, ProviderSettings

PORTKEY = "portkey"
"""The gateway, whose address and key are configured like those of a provider."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""A name that can stand before the slash of ``provider/model`` and in a dotted path."""

IN_PROCESS: frozenset[Wire] = frozenset({"llama_cpp", "custom"})
"""The wires without an address."""


@lru_cache(maxsize=256)
def providers_of(config: LLMConfig) -> Mapping[str, ProviderFacts]:
    """Every provider by name."""
    stated = {name: _facts(name, settings) for name, settings in config.providers.items()}
    return {**PROVIDERS, **stated} if stated else PROVIDERS


@lru_cache(maxsize=256)
def key_pools(config: LLMConfig) -> Mapping[str, tuple[Secret, ...]]:
    """All API keys by pool: a provider's by its name, a model's own by :func:`own_pool`."""
    pools = dict(config.keys.providers)
    pools.update((name, (each.key,)) for name, each in config.providers.items() if each.key is not None)
    pools.update((own_pool(alias), (each.key,)) for alias, each in config.models.items() if each.key is not None)
    return pools


def with_all_pools(config: LLMConfig) -> KeySettings:
    """The settings of keys with every pool there is, for those who lease from them."""
    return replace(config.keys, providers=key_pools(config))


def secrets_of(config: LLMConfig) -> tuple[Secret, ...]:
    """Every key and secret header of *config*."""
    headers = (value for each in config.providers.values() for value in each.headers.values())
    virtual = (each.virtual_key for each in config.models.values() if each.virtual_key is not None)
    keys = (key for pool in key_pools(config).values() for key in pool)
    return (*keys, *config.keys.providers.get(PORTKEY, ()), *headers, *virtual)


def own_pool(alias: str) -> str:
    """The pool that holds the key of the model *alias* alone; no provider has such a name."""
    return f"models.{alias}"


def provider_problems(config: LLMConfig) -> Iterator[Problem]:
    """What types cannot say of ``providers``."""
    for name, settings in config.providers.items():
        path = f"providers.{name}"
        row = PROVIDERS.get(name)
        if name == PORTKEY or not _NAME.fullmatch(name):
            yield Problem(path, "is no name for a provider: write letters, digits, _ and -, and not portkey")
        elif row is not None and row.wire in IN_PROCESS:
            yield Problem(path, f"{name} runs in this process: there is nothing to state of its address or keys")
        elif row is None and settings.base_url is None:
            yield Problem(f"{path}.base_url", "is missing: a provider that is not in the catalog needs its address")


def _facts(name: str, settings: ProviderSettings) -> ProviderFacts:
    row = PROVIDERS.get(name) or _own_row(name, settings)
    return replace(
        row,
        wire=settings.wire or row.wire,
        base_url=settings.base_url or row.base_url,
        # what has an address of its own is asked there, and not through a gateway
        portkey_slug=row.portkey_slug if settings.base_url is None else None,
        key_variable=settings.key_variable or row.key_variable,
        key_header=settings.key_header or row.key_header,
        limit_field=settings.limit_field or row.limit_field,
        capabilities=row.capabilities if settings.capabilities is None else settings.capabilities,
        unsupported=row.unsupported if settings.unsupported is None else settings.unsupported,
        default_max_tokens=settings.default_max_tokens or row.default_max_tokens,
        asks_for_usage=row.asks_for_usage if settings.asks_for_usage is None else settings.asks_for_usage,
        self_hosted=row.self_hosted if settings.self_hosted is None else settings.self_hosted,
    )


def _own_row(name: str, settings: ProviderSettings) -> ProviderFacts:
    """What a provider that the catalog does not know has in common with the first one of its wire.

    It needs a key if the configuration names a variable for one: a server of one's own often takes none.
    """
    return replace(
        PROVIDERS[settings.wire or "openai"],
        name=name,
        base_url="",
        needs_key=settings.key_variable is not None,
        key_variable=None,
        url_variable=None,
        portkey_slug=None,
        prefixes=(),
        limit_field="max_tokens",
        batches=None,
        self_hosted=False,
        as_of="",
        source="",
    )
