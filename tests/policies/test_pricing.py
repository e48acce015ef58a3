"""What an answer costs, and what one can cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_manager.domain.catalog import ModelFacts, Price
from llm_manager.domain.models import MODELS
from llm_manager.domain.response import ComputedCost, ReportedCost, UnknownCost, Usage
from llm_manager.policies.pricing import price_of, worst_usd

PRICED = ModelFacts(
    name="m",
    provider="openai",
    price=Price(
        prompt_usd=2.0, completion_usd=10.0, cached_usd=0.5, cache_write_usd=2.5, as_of="2026-11-21", source="test"
    ),
)


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(prompt_tokens=1000, completion_tokens=100), ComputedCost(0.003)),
        (Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=400), ComputedCost(0.0024)),
        (
            Usage(prompt_tokens=1000, completion_tokens=0, cached_tokens=400, cache_write_tokens=400),
            ComputedCost(0.0016),
        ),
        (
            Usage(prompt_tokens=1000, completion_tokens=0, cached_tokens=900, cache_write_tokens=900),
            ComputedCost(0.0007),
        ),
        (Usage(prompt_tokens=0, completion_tokens=100, reasoning_tokens=60), ComputedCost(0.001)),
        (Usage(prompt_tokens=None, completion_tokens=100), UnknownCost()),
        (Usage(prompt_tokens=1, completion_tokens=1, cost=ReportedCost(7.0)), ReportedCost(7.0)),
    ],
)
def test_what_was_read_from_a_cache_or_written_to_one_has_its_own_price_and_what_is_unknown_is_not_zero(
    usage: Usage, cost: object
) -> None:
    assert price_of(PRICED, usage) == cost


def test_thoughts_have_their_own_price_where_the_vendor_says_so_and_the_worst_case_knows_it() -> None:
    assert PRICED.price is not None
    dear = replace(PRICED.price, reasoning_usd=20.0)
    usage = Usage(prompt_tokens=0, completion_tokens=100, reasoning_tokens=60)
    assert price_of(replace(PRICED, price=dear), usage) == ComputedCost(0.0016)
    assert (worst_usd(PRICED.price, 1000, 100), worst_usd(dear, 1000, 100)) == pytest.approx((0.0035, 0.0045))


@pytest.mark.parametrize(
    ("model", "factor"),
    [("claude-sonnet-5-5", 1.25), ("gpt-5.6-terra", 1.25), ("gpt-5.5", None), ("gemini-2.5-pro", None)],
)
def test_the_catalog_knows_who_bills_what_is_written_to_a_cache(model: str, factor: float | None) -> None:
    price = MODELS[model].price
    assert price is not None
    assert price.cache_write_usd == (None if factor is None else factor * price.prompt_usd)


def test_without_a_price_the_cost_is_unknown() -> None:
    assert price_of(ModelFacts(name="m", provider="p"), Usage(prompt_tokens=1, completion_tokens=1)) == UnknownCost()


def test_where_cached_tokens_have_no_price_of_their_own_they_cost_the_full_one() -> None:
    assert PRICED.price is not None
    dear = replace(PRICED, price=replace(PRICED.price, cached_usd=None))
    usage = Usage(prompt_tokens=1000, completion_tokens=0, cached_tokens=1000)
    assert price_of(dear, usage) == ComputedCost(0.002)


def test_without_a_count_of_thoughts_none_is_priced_as_one() -> None:
    assert PRICED.price is not None
    facts = replace(PRICED, price=replace(PRICED.price, reasoning_usd=1_000_000.0))
    assert price_of(facts, Usage(prompt_tokens=0, completion_tokens=100)) == ComputedCost(0.001)
