"""What an answer costs, from tokens and the catalog's dated prices."""

from __future__ import annotations

from llm_manager.domain.catalog import ModelFacts, Price
from llm_manager.domain.response import ComputedCost, Cost, UnknownCost, Usage

MILLION = 1_000_000


def price_of(facts: ModelFacts, usage: Usage) -> Cost:
    """The cost of *usage*: cached prompt tokens at their own price, all completion tokens at one.

    A reported cost is kept. Without a price, or without token counts, the cost is unknown, which is not zero.
    """
    if not isinstance(usage.cost, UnknownCost):
        return usage.cost
    price = facts.price
    if price is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return UnknownCost()
    cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
    cached_usd = price.prompt_usd if price.cached_usd is None else price.cached_usd
    prompt_usd = (usage.prompt_tokens - cached) * price.prompt_usd + cached * cached_usd
    return ComputedCost((prompt_usd + usage.completion_tokens * price.completion_usd) / MILLION)


def worst_usd(price: Price, prompt_tokens: int, completion_tokens: int) -> float:
    """The most that one request can cost: nothing cached, the longest answer."""
    return (prompt_tokens * price.prompt_usd + completion_tokens * price.completion_usd) / MILLION
