"""Which provider and model a name stands for, and what is listed for it: from the catalog and the configuration alone.

Whether the provider can be called is decided elsewhere, where keys and addresses are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from llm_manager.domain.catalog import FAMILIES, PROVIDERS, ModelFacts, Price, ProviderFacts
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.models import MODELS, guessed_facts, listed_facts
from llm_manager.domain.problem import Problem
from llm_manager.domain.providers import providers_of
from llm_manager.domain.settings import ModelSettings

_NEEDED = ("prompt_usd", "completion_usd")


def provider_and_model(
    name: str, providers: Mapping[str, ProviderFacts] = PROVIDERS
) -> tuple[ProviderFacts, str] | None:
    """The one of *providers* that *name* is of, and what it calls the model; None where the name does not say it.

    >>> [(provider.name, model) for provider, model in filter(None, map(provider_and_model, ["gpt-99", "groq/x", "?"]))]
    [('openai', 'gpt-99'), ('groq', 'x')]
    """
    row = MODELS.get(name)
    if row is not None:
        return providers[row.provider], row.name
    prefix, slash, rest = name.partition("/")
    provider = providers.get(prefix) if slash and rest else None
    model = name if provider is None else rest
    if provider is None:
        provider = next((each for each in providers.values() if name.startswith(each.prefixes)), None)
    return None if provider is None or provider.wire == "llama_cpp" else (provider, model)


def named_models(
    name: str, settings: ModelSettings, providers: Mapping[str, ProviderFacts] = PROVIDERS
) -> Iterator[tuple[ProviderFacts, str]]:
    """Every model that *name* with *settings* may stand for: one, several for a family, none for an unknown name."""
    wanted = settings.model or name
    if settings.provider is not None:
        if settings.provider in providers:
            yield providers[settings.provider], wanted
        return
    for each in FAMILIES.get(wanted, (wanted,)):
        found = provider_and_model(each, providers)
        if found is not None:
            yield found


def facts_of(provider: ProviderFacts, model: str, *, is_vendors: bool = True) -> ModelFacts:
    """What is known of *model* at *provider*, in steps: what is listed under its name, its name without a date, or
    another name for it; a guess from its family, unless another server (not *is_vendors*) may mean something else by
    the name; else only what its provider can do.

    >>> facts = facts_of(PROVIDERS["openai"], "gpt-4o-mini-2024-07-18")
    >>> facts.name, facts.guessed_from, facts_of(PROVIDERS["openai"], "gpt-6-nova").guessed_from
    ('gpt-4o-mini-2024-07-18', None, 'gpt-6-sol')
    """
    listed = listed_facts(provider, model)
    if listed is not None:
        return listed if listed.name == model else replace(listed, name=model)
    guessed = guessed_facts(provider, model) if is_vendors else None
    return guessed or ModelFacts(name=model, provider=provider.name, capabilities=provider.capabilities)


def listed_price(config: LLMConfig, facts: ModelFacts) -> Price | None:
    """The price under ``prices`` of *config*, of the model or the one that it is a version of; else the catalog's."""
    stated = config.prices.get(f"{facts.provider}/{facts.name}")
    if stated is None and config.prices:
        listed = listed_facts(PROVIDERS[facts.provider], facts.name) if facts.provider in PROVIDERS else None
        stated = None if listed is None else config.prices.get(f"{facts.provider}/{listed.name}")
    return facts.price if stated is None else stated


def price_problems(config: LLMConfig) -> Iterator[Problem]:
    """The rates of ``models`` that no listed price completes, whichever model their name stands for."""
    for alias, settings in config.models.items():
        rows = [facts_of(*each) for each in named_models(alias, settings, providers_of(config))]
        if rows and all(listed_price(config, facts) is None for facts in rows):
            yield from missing_rates(alias, settings, rows[0])


def stated_rates(settings: ModelSettings) -> tuple[str, ...]:
    """The names of the rates that *settings* hold."""
    rates = {
        "prompt_usd": settings.prompt_usd,
        "completion_usd": settings.completion_usd,
        "cached_usd": settings.cached_usd,
        "cache_write_usd": settings.cache_write_usd,
        "reasoning_usd": settings.reasoning_usd,
    }
    return tuple(name for name, usd in rates.items() if usd is not None)


def missing_rates(alias: str, settings: ModelSettings, facts: ModelFacts) -> Iterator[Problem]:
    """A problem at the first rate that *settings* hold, where others are missing that a price needs."""
    stated = stated_rates(settings)
    missing = [name for name in _NEEDED if name not in stated]
    if stated and missing:
        needed = " and ".join(missing)
        yield Problem(
            f"models.{alias}.{stated[0]}",
            f"is no price without {needed}, and none is listed of {facts.provider}/{facts.name} to complete it: "
            f"write {needed} too, in US dollars for a million tokens (0 where it is free)",
        )
