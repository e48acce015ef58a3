"""The facts of a model with what the configuration states under ``models`` in place of the catalog's."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from llm_manager.domain.catalog import LongRates, ModelFacts, Price
from llm_manager.domain.model_names import stated_rates
from llm_manager.domain.settings import ModelSettings

N = TypeVar("N", float, float | None)


def with_settings(facts: ModelFacts, settings: ModelSettings) -> ModelFacts:
    """*facts* with what *settings* state; every other fact stays as it is.

    A rate that is stated replaces that rate of the price. Where there is no price, the rates are one if both that every
    request has are stated.
    """
    return replace(
        facts,
        capabilities=facts.capabilities if settings.capabilities is None else settings.capabilities,
        window_tokens=settings.window_tokens or settings.context_tokens or facts.window_tokens,
        max_prompt_tokens=settings.max_prompt_tokens or facts.max_prompt_tokens,
        max_output_tokens=settings.max_output_tokens or facts.max_output_tokens,
        price=_own_price(settings) if facts.price is None else _with_rates(facts.price, settings),
    )


def _own_price(settings: ModelSettings) -> Price | None:
    if settings.prompt_usd is None or settings.completion_usd is None:
        return None
    own = Price(prompt_usd=settings.prompt_usd, completion_usd=settings.completion_usd, as_of="", source="")
    return _with_rates(own, settings)


def _with_rates(price: Price, settings: ModelSettings) -> Price:
    """*price* with the rates that *settings* state in place of its own.

    Its day and its source are kept while a rate that every request has is still the listed one.
    """
    if not stated_rates(settings):
        return price
    is_own = settings.prompt_usd is not None and settings.completion_usd is not None
    prompt_usd = _first(settings.prompt_usd, price.prompt_usd)
    # a listed rate for cached tokens above the stated one for others would cost more than the most that is reserved
    cached_usd = None if price.cached_usd is None else min(price.cached_usd, prompt_usd)
    return replace(
        price,
        prompt_usd=prompt_usd,
        completion_usd=_first(settings.completion_usd, price.completion_usd),
        cached_usd=_first(settings.cached_usd, cached_usd),
        cache_write_usd=_first(settings.cache_write_usd, price.cache_write_usd),
        reasoning_usd=_first(settings.reasoning_usd, price.reasoning_usd),
        long=tuple(_at_least(rates, settings) for rates in price.long),
        services=(),  # how they relate to the stated rates is not known
        then=tuple(_with_rates(each, settings) for each in price.then),
        as_of="" if is_own else price.as_of,
        source="configuration" if is_own else f"configuration; {price.source}",
    )


def _at_least(long: LongRates, settings: ModelSettings) -> LongRates:
    """The listed rates of long prompts, none of them below what *settings* state for short ones."""
    prompt_usd = _higher(settings.prompt_usd, long.prompt_usd)
    completion_usd = _higher(settings.completion_usd, long.completion_usd)
    return replace(
        long,
        prompt_usd=prompt_usd,
        completion_usd=completion_usd,
        cached_usd=_optional(settings.cached_usd, long.cached_usd, prompt_usd),
        cache_write_usd=_optional(settings.cache_write_usd, long.cache_write_usd, prompt_usd),
        reasoning_usd=_optional(settings.reasoning_usd, long.reasoning_usd, completion_usd),
    )


def _optional(stated_usd: float | None, listed_usd: float | None, otherwise_usd: float) -> float | None:
    return listed_usd if stated_usd is None else _higher(stated_usd, _first(listed_usd, otherwise_usd))


def _higher(stated_usd: float | None, listed_usd: float) -> float:
    return listed_usd if stated_usd is None else max(stated_usd, listed_usd)


def _first(stated: float | None, listed: N) -> float | N:
    return listed if stated is None else stated
