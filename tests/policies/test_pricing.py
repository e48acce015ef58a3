"""What an answer costs, and what one can cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_manager.domain.catalog import LongRates, ModelFacts, Price
from llm_manager.domain.models import MODELS
from llm_manager.domain.response import ComputedCost, ReportedCost, UnknownCost, Usage
from llm_manager.policies.pricing import is_free, price_of, reduced, worst_usd

PRICED = ModelFacts(
    name="m",
    provider="openai",
    price=Price(
        prompt_usd=2.0, completion_usd=10.0, cached_usd=0.5, cache_write_usd=2.5, as_of="2026-11-21", source="test"
    ),
)


def price_in(facts: ModelFacts) -> Price:
    assert facts.price is not None
    return facts.price


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
        (Usage(prompt_tokens=1000, completion_tokens=100, cost=ReportedCost(0.0)), ComputedCost(0.003)),
        (Usage(prompt_tokens=0, completion_tokens=0, cost=ReportedCost(0.0)), ComputedCost(0.0)),
        (
            Usage(prompt_tokens=1, completion_tokens=1, service_tier="flex", cost=ReportedCost(0.0)),
            UnknownCost(),
        ),
        (Usage(prompt_tokens=1, completion_tokens=1, cost=ComputedCost(0.0)), ComputedCost(0.0)),
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


LONG = replace(
    PRICED,
    price=replace(
        price_in(PRICED),
        long=(
            LongRates(above_tokens=1000, prompt_usd=4.0, completion_usd=15.0, cached_usd=1.0),
            LongRates(above_tokens=2000, prompt_usd=8.0, completion_usd=30.0),
        ),
    ),
)


@pytest.mark.parametrize(("prompt_tokens", "cost"), [(1000, 0.003), (1001, 0.005504), (2000, 0.0095), (2001, 0.019008)])
def test_a_long_prompt_makes_the_whole_request_dearer(prompt_tokens: int, cost: float) -> None:
    usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=100)
    assert price_of(LONG, usage) == ComputedCost(pytest.approx(cost))  # type: ignore[arg-type]
    assert worst_usd(price_in(LONG), prompt_tokens, 100) >= cost


def test_what_is_read_from_a_cache_counts_for_the_length_and_costs_what_its_length_says() -> None:
    usage = Usage(prompt_tokens=1500, cached_tokens=1000, completion_tokens=0)
    assert price_of(LONG, usage) == ComputedCost(0.003)


@pytest.mark.parametrize("tier", ["flex", "priority", "scale", "something new"])
def test_a_service_that_is_not_the_standard_one_has_a_price_that_is_not_known(tier: str) -> None:
    used = Usage(prompt_tokens=1000, completion_tokens=100, service_tier=tier)
    assert price_of(PRICED, used) == UnknownCost()
    own = replace(PRICED, price=replace(price_in(PRICED), service_tiers=frozenset({tier})))
    assert price_of(own, used) == ComputedCost(0.003)
    assert price_of(PRICED, replace(used, cost=ReportedCost(7.0))) == ReportedCost(7.0)


@pytest.mark.parametrize("tier", [None, "default", "standard", "on_demand", "batch"])
def test_the_standard_service_has_the_listed_price(tier: str | None) -> None:
    used = Usage(prompt_tokens=1000, completion_tokens=100, service_tier=tier)
    assert price_of(PRICED, used) == ComputedCost(0.003)


def test_what_is_written_to_a_cache_for_an_hour_has_its_own_price_or_none_that_is_known() -> None:
    used = Usage(prompt_tokens=1000, completion_tokens=0, cache_write_tokens=600, cache_hour_tokens=400)
    known = replace(PRICED, price=replace(price_in(PRICED), cache_hour_usd=4.0))
    assert price_of(known, used) == ComputedCost(0.0029)
    assert price_of(PRICED, used) == UnknownCost()
    assert price_of(PRICED, replace(used, cache_hour_tokens=0)) == ComputedCost(0.0023)


@pytest.mark.parametrize(
    ("model", "tokens", "cost"),
    [
        ("gpt-5.6-terra", 272_000, 0.556),
        ("gpt-5.6-terra", 272_001, 1.106004),
        ("gemini-2.5-pro", 200_001, 0.5150025),
        ("claude-sonnet-5-5", 900_000, 1.81),
    ],
)
def test_the_catalog_knows_which_prompts_are_long(model: str, tokens: int, cost: float) -> None:
    priced = price_of(MODELS[model], Usage(prompt_tokens=tokens, completion_tokens=1000))
    assert priced == ComputedCost(pytest.approx(cost))  # type: ignore[arg-type]


def test_a_reduced_price_is_reduced_for_long_prompts_too() -> None:
    half = reduced(price_in(LONG), 0.5, 0.25, "a page")
    assert (half.prompt_usd, half.cached_usd, half.source) == (1.0, 0.125, "test; a page")
    assert half.long == (
        LongRates(above_tokens=1000, prompt_usd=2.0, completion_usd=7.5, cached_usd=0.25),
        LongRates(above_tokens=2000, prompt_usd=4.0, completion_usd=15.0),
    )


GIVEN = Price(prompt_usd=0.0, completion_usd=0.0, as_of="2026-11-30", source="test")


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        Usage(prompt_tokens=1, completion_tokens=1),
        Usage(prompt_tokens=1, completion_tokens=1, service_tier="priority", cache_write_tokens=1, cache_hour_tokens=1),
        Usage(prompt_tokens=1, completion_tokens=1, cost=ReportedCost(0.0)),
    ],
)
def test_what_is_free_is_free_in_any_service(usage: Usage) -> None:
    assert price_of(replace(PRICED, price=GIVEN), usage) == ComputedCost(0.0)


def test_a_cost_of_nothing_stays_one_where_no_price_is_known_and_another_is_kept_where_all_is_free() -> None:
    free = Usage(prompt_tokens=1, completion_tokens=1, cost=ReportedCost(0.0))
    assert price_of(replace(PRICED, price=None), free) == ReportedCost(0.0)
    assert price_of(replace(PRICED, price=GIVEN), replace(free, cost=ReportedCost(0.5))) == ReportedCost(0.5)


@pytest.mark.parametrize(
    ("price", "free"),
    [
        (GIVEN, True),
        (replace(GIVEN, cached_usd=0.0, cache_write_usd=0.0, cache_hour_usd=0.0, reasoning_usd=0.0), True),
        (replace(GIVEN, prompt_usd=0.1), False),
        (replace(GIVEN, reasoning_usd=0.1), False),
        (replace(GIVEN, cache_hour_usd=0.1), False),
        (replace(GIVEN, long=(LongRates(prompt_usd=0.1, completion_usd=0.0, above_tokens=9),)), False),
    ],
)
def test_a_price_is_free_where_every_rate_is_zero(price: Price, free: bool) -> None:
    assert is_free(price) is free
