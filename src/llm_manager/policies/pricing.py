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

    A long prompt, another class of service or the region may change the price of all of it. A reported cost is kept,
    except one of 0 for a model that has a price: it leaves out what was paid elsewhere. What is free is free in any
    service. Without a price, without token counts, for a service or a region that has no price, or an hour in a cache
    that has none, the cost is unknown, which is not zero.

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
    service, factor = _service_price(price, usage.service_tier), _region_factor(price, usage.region)
    if service is None or factor is None:
        return UnknownCost()
    rates = rates_at(service, usage.prompt_tokens)
    if usage.cache_hour_tokens and rates.cache_hour_usd is None:
        return UnknownCost()
    return ComputedCost(factor * (_prompt_usd(rates, usage) + _completion_usd(rates, usage)) / MILLION)


def _service_price(price: Price, tier: str | None) -> Price | None:
    """The price of the class of service *tier*, None where none is listed."""
    if tier is None or tier in price.service_tiers:
        return price
    return next((each for each in price.services if tier in each.service_tiers), None)


_ANYWHERE = frozenset({"global", "not_available", ""})
"""How Anthropic names the region of requests that were not bound to one ("Data residency", read 2026-12-01)."""


def _region_factor(price: Price, region: str | None) -> float | None:
    """What all rates are multiplied by in *region*, None where that is not known."""
    if region is None or region in _ANYWHERE or not price.regions:
        return 1.0
    return dict(price.regions).get(region)


def price_on(price: Price, day: str) -> Price:
    """The price in force on *day*: *price*, or the last that follows it and has begun.

    >>> later = Price(prompt_usd=2.0, completion_usd=4.0, from_day="2027-01-01", as_of="2026-12-01", source="a page")
    >>> price = replace(later, prompt_usd=1.0, from_day=None, then=(later,))
    >>> price_on(price, "2026-12-31").prompt_usd, price_on(price, "2027-01-01").prompt_usd
    (1.0, 2.0)
    """
    begun = [each for each in price.then if each.from_day is not None and each.from_day <= day]
    return max(begun, key=lambda each: each.from_day or "", default=price)


def in_region(price: Price, region: str) -> Price:
    """*price* where every request is processed in *region*, which is then no matter of the answer any more."""
    factor = dict(price.regions).get(region)
    if factor is None:
        return price
    regional = reduced(price, factor, factor, f"x{factor:g} in {region}")
    return replace(regional, services=tuple(_multiplied(each, factor) for each in price.services), regions=())


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
    """*price* times *factor*, and times *cached_factor* for what is read from a cache, as *source* says.

    It is the price of one class of service: those of others are left out.
    """
    then = tuple(reduced(each, factor, cached_factor, source) for each in price.then)
    once = _multiplied(price, factor, cached_factor)
    return replace(once, services=(), then=then, source=f"{price.source}; {source}")


def _multiplied(price: Price, factor: float, cached_factor: float | None = None) -> Price:
    cached_factor = factor if cached_factor is None else cached_factor
    long = tuple(_times(rates, factor, cached_factor) for rates in price.long)
    return replace(_times(price, factor, cached_factor), long=long)


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
