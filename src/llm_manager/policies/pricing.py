"""What an answer costs, from tokens and dated prices."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from llm_manager.domain.catalog import ModelFacts, Price, Rates
from llm_manager.domain.response import ComputedCost, Cost, ReportedCost, UnknownCost, Usage

R = TypeVar("R", bound=Rates)

MILLION = 1_000_000


def price_of(facts: ModelFacts, usage: Usage) -> Cost:
    """The cost of *usage*: what was read from a cache, written to one, or thought, each at its own price if it has one.

    A long prompt may make all of it dearer. A reported cost is kept, except one of 0 for a model that has a price: it
    leaves out what was paid elsewhere. What is free is free in any service. Without a price, without token counts, for
    a service that the price is not for, or an hour in a cache that has none, the cost is unknown, which is not zero.

    >>> price = Price(prompt_usd=2.0, completion_usd=10.0, cached_usd=0.2, as_of="2026-11-21", source="a page")
    >>> used = Usage(prompt_tokens=1_000_000, cached_tokens=500_000, completion_tokens=0)
    >>> price_of(ModelFacts(name="m", provider="p", price=price), used)
    ComputedCost(usd=1.1)
    """
    price = facts.price
    if price is None or not (isinstance(usage.cost, UnknownCost) or usage.cost == ReportedCost(0.0)):
        return usage.cost
    return ComputedCost(0.0) if is_free(price) else _computed(price, usage)


def is_free(price: Price) -> bool:
    """Does nothing cost anything at *price*?"""
    return not any(_dearest_usd(rates) for rates in (price, *price.long))


def _dearest_usd(rates: Rates) -> float:
    known = (rates.cached_usd, rates.cache_write_usd, rates.cache_hour_usd, rates.reasoning_usd)
    return max(rates.prompt_usd, rates.completion_usd, *(usd for usd in known if usd is not None))


def _computed(price: Price, usage: Usage) -> Cost:
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return UnknownCost()
    if usage.service_tier is not None and usage.service_tier not in price.service_tiers:
        return UnknownCost()
    rates = rates_at(price, usage.prompt_tokens)
    if usage.cache_hour_tokens and rates.cache_hour_usd is None:
        return UnknownCost()
    return ComputedCost((_prompt_usd(rates, usage) + _completion_usd(rates, usage)) / MILLION)


def rates_at(price: Price, prompt_tokens: int) -> Rates:
    """What a request with a prompt of so many tokens costs a million."""
    if not price.long:
        return price
    reached = [rates for rates in price.long if prompt_tokens > rates.above_tokens]
    return max(reached, key=lambda rates: rates.above_tokens, default=price)


def _prompt_usd(rates: Rates, usage: Usage) -> float:
    tokens = usage.prompt_tokens or 0
    cached = min(usage.cached_tokens or 0, tokens)
    written = min(usage.cache_write_tokens or 0, tokens - cached)
    hour = min(usage.cache_hour_tokens or 0, written)
    return (
        (tokens - cached - written) * rates.prompt_usd
        + cached * _or_else(rates.cached_usd, rates.prompt_usd)
        + (written - hour) * _or_else(rates.cache_write_usd, rates.prompt_usd)
        + hour * _or_else(rates.cache_hour_usd, 0.0)
    )


def _completion_usd(rates: Rates, usage: Usage) -> float:
    tokens = usage.completion_tokens or 0
    thought = min(usage.reasoning_tokens or 0, tokens)
    return (tokens - thought) * rates.completion_usd + thought * _or_else(rates.reasoning_usd, rates.completion_usd)


def worst_usd(price: Price, prompt_tokens: int, completion_tokens: int) -> float:
    """The most that one request can cost: all of the prompt at its dearest, and the longest answer.

    An hour in a vendor's cache is in none: nothing that this library sends asks for one.
    """
    rates = rates_at(price, prompt_tokens)
    prompt_usd = max(rates.prompt_usd, _or_else(rates.cache_write_usd, 0.0))
    completion_usd = max(rates.completion_usd, _or_else(rates.reasoning_usd, 0.0))
    return (prompt_tokens * prompt_usd + completion_tokens * completion_usd) / MILLION


def reduced(price: Price, factor: float, cached_factor: float, source: str) -> Price:
    """*price* times *factor*, and times *cached_factor* for what is read from a cache, as *source* says."""
    long = tuple(_times(rates, factor, cached_factor) for rates in price.long)
    return replace(_times(price, factor, cached_factor), long=long, source=f"{price.source}; {source}")


def _times(rates: R, factor: float, cached_factor: float) -> R:
    return replace(
        rates,
        prompt_usd=rates.prompt_usd * factor,
        completion_usd=rates.completion_usd * factor,
        cached_usd=_product(rates.cached_usd, cached_factor),
        cache_write_usd=_product(rates.cache_write_usd, factor),
        cache_hour_usd=_product(rates.cache_hour_usd, factor),
        reasoning_usd=_product(rates.reasoning_usd, factor),
    )


def _product(usd: float | None, factor: float) -> float | None:
    return None if usd is None else usd * factor


def _or_else(usd: float | None, other_usd: float) -> float:
    return other_usd if usd is None else usd
