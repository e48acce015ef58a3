"""Laws of resolved targets: a fact that is known of a model arrives, whatever else the configuration states of it."""

from __future__ import annotations

from dataclasses import fields, replace

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.domain.catalog import LongRates, ModelFacts, Price
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.models import MODELS
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import KeySettings, ModelSettings
from llm_manager.policies.pricing import rates_at, worst_usd
from llm_manager.policies.stated_facts import with_settings
from llm_manager.policies.targets import resolve

KEY = (Secret("any-key-will-do-here"),)
KEYS = KeySettings(providers=dict.fromkeys((row.provider for row in MODELS.values()), KEY))
LISTED = {f"{row.provider}/{row.name}" for row in MODELS.values()}

usd = st.floats(0, 100)
rates = {
    "prompt_usd": usd,
    "completion_usd": usd,
    "cached_usd": st.none() | usd,
    "cache_write_usd": st.none() | usd,
    "cache_hour_usd": st.none() | usd,
    "reasoning_usd": st.none() | usd,
}
long_rates = st.builds(LongRates, above_tokens=st.integers(1, 10**6), **rates)
prices = st.builds(
    Price,
    **rates,
    long=st.lists(long_rates, max_size=2).map(tuple),
    service_tiers=st.frozensets(st.sampled_from(["default", "priority", "flex"])),
    as_of=st.text(max_size=9),
    source=st.text(max_size=9),
)
counts = st.none() | st.integers(1, 10**6)
facts = st.builds(
    ModelFacts,
    name=st.text(max_size=9),
    provider=st.text(max_size=9),
    capabilities=st.frozensets(st.sampled_from(["vision", "tools", "json_mode", "json_schema"])),
    window_tokens=counts,
    max_output_tokens=counts,
    price=st.none() | prices,
    unsupported=st.frozensets(st.sampled_from(["temperature", "top_p", "seed"])),
    reasons_with_tools=st.booleans(),
    typical_latency_ms=st.none() | st.floats(1, 10**5),
)
RATES = ("prompt_usd", "completion_usd", "cached_usd", "cache_write_usd", "reasoning_usd")
stated_rates = st.builds(ModelSettings, **dict.fromkeys(RATES, st.none() | usd))

SETTINGS = (
    ModelSettings(),
    ModelSettings(threads=2),
    ModelSettings(window_tokens=77),
    ModelSettings(max_output_tokens=7),
    ModelSettings(capabilities=frozenset({"tools"})),
)
"""None of them has to do with more than one fact."""

STATED = ("window_tokens", "max_output_tokens", "capabilities")


def governed(settings: ModelSettings) -> set[str]:
    """The facts that *settings* state."""
    return {name for name in STATED if getattr(settings, name) is not None}


@given(facts, st.sampled_from(SETTINGS))
def test_every_fact_of_a_row_survives_a_setting_of_another(row: ModelFacts, settings: ModelSettings) -> None:
    found = with_settings(row, settings)
    for field in fields(ModelFacts):
        if field.name not in governed(settings):
            assert getattr(found, field.name) == getattr(row, field.name), field.name


@given(st.sampled_from(sorted(MODELS)), st.sampled_from(SETTINGS))
def test_every_fact_of_the_catalog_survives_resolve(name: str, settings: ModelSettings) -> None:
    config = LLMConfig(keys=KEYS, models={"mine": replace(settings, model=name)})
    found = resolve(config, "mine").unwrap().facts
    for field in fields(ModelFacts):
        if field.name not in governed(settings):
            assert getattr(found, field.name) == getattr(MODELS[name], field.name), field.name


@given(st.sampled_from(sorted(MODELS)), prices, st.sampled_from(SETTINGS))
def test_every_fact_of_a_listed_price_survives_resolve(name: str, price: Price, settings: ModelSettings) -> None:
    listed = {f"{MODELS[name].provider}/{MODELS[name].name}": price}
    config = LLMConfig(keys=KEYS, prices=listed, models={"mine": replace(settings, model=name)})
    found = resolve(config, "mine").unwrap().facts.price
    for field in fields(Price):
        assert getattr(found, field.name) == getattr(price, field.name), field.name


@given(prices, stated_rates)
def test_a_stated_rate_is_the_rate_and_the_others_are_the_listed_ones(price: Price, settings: ModelSettings) -> None:
    row = ModelFacts(name="m", provider="openai", price=price)
    found = with_settings(row, settings).price
    assert found is not None
    kept = {"cache_hour_usd", "service_tiers"} | {name for name in RATES if getattr(settings, name) is None}
    for name in kept - {"cached_usd"}:
        assert getattr(found, name) == getattr(price, name), name
    for name in set(RATES) - kept:
        assert getattr(found, name) == getattr(settings, name), name
    assert [each.above_tokens for each in found.long] == [each.above_tokens for each in price.long]


@given(prices, stated_rates, st.integers(0, 10**6), st.integers(0, 10**5))
def test_what_is_stated_bounds_a_long_prompt_from_below(
    price: Price, settings: ModelSettings, prompt_tokens: int, completion_tokens: int
) -> None:
    found = with_settings(ModelFacts(name="m", provider="openai", price=price), settings).price
    assert found is not None
    reached = rates_at(found, prompt_tokens)
    assert reached.prompt_usd >= (settings.prompt_usd or 0.0)
    assert reached.completion_usd >= (settings.completion_usd or 0.0)
    stated = (settings.prompt_usd or 0.0) * prompt_tokens + (settings.completion_usd or 0.0) * completion_tokens
    assert worst_usd(found, prompt_tokens, completion_tokens) >= stated / 1_000_000 * (1 - 1e-9)
