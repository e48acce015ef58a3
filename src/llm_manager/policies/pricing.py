"""What an answer costs, from tokens and dated prices."""

from __future__ import annotations

from llm_manager.domain.catalog import ModelFacts, Price
from llm_manager.domain.response import ComputedCost, Cost, UnknownCost, Usage

MILLION = 1_000_000


def price_of(facts: ModelFacts, usage: Usage) -> Cost:
    """The cost of *usage*: what was read from a cache, written to one, or thought, each at its own price if it has one.

    A reported cost is kept. Without a price, or without token counts, the cost is unknown, which is not zero.

    >>> price = Price(prompt_usd=2.0, completion_usd=10.0, cached_usd=0.2, as_of="2026-11-21", source="a page")
    >>> used = Usage(prompt_tokens=1_000_000, cached_tokens=500_000, completion_tokens=0)
    >>> price_of(ModelFacts(name="m", provider="p", price=price), used)
    ComputedCost(usd=1.1)
    """
    if not isinstance(usage.cost, UnknownCost):
        return usage.cost
    price = facts.price
    if price is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return usage.cost
    return ComputedCost((_prompt_usd(price, usage) + _completion_usd(price, usage)) / MILLION)


def _prompt_usd(price: Price, usage: Usage) -> float:
    tokens = usage.prompt_tokens or 0
    cached = min(usage.cached_tokens or 0, tokens)
    written = min(usage.cache_write_tokens or 0, tokens - cached)
    return (
        (tokens - cached - written) * price.prompt_usd
        + cached * _or_else(price.cached_usd, price.prompt_usd)
        + written * _or_else(price.cache_write_usd, price.prompt_usd)
    )


def _completion_usd(price: Price, usage: Usage) -> float:
    tokens = usage.completion_tokens or 0
    thought = min(usage.reasoning_tokens or 0, tokens)
    return (tokens - thought) * price.completion_usd + thought * _or_else(price.reasoning_usd, price.completion_usd)


def worst_usd(price: Price, prompt_tokens: int, completion_tokens: int) -> float:
    """The most that one request can cost: all of the prompt at its dearest, and the longest answer."""
    prompt_usd = max(price.prompt_usd, _or_else(price.cache_write_usd, 0.0))
    completion_usd = max(price.completion_usd, _or_else(price.reasoning_usd, 0.0))
    return (prompt_tokens * prompt_usd + completion_tokens * completion_usd) / MILLION


def _or_else(usd: float | None, other_usd: float) -> float:
    return other_usd if usd is None else usd
