"""Prices of a well-kept table: held beside the catalog's, and used where they are asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from llm_manager import (
    ComputedCost,
    Cost,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMRequest,
    ModelSettings,
    Preferences,
    RoutingSettings,
    Secret,
    Tool,
    UnknownCost,
    custom,
    generate,
    parse_config,
    priced,
    run,
)
from llm_manager.domain.catalog import Price
from llm_manager.domain.models import MODELS, catalog_day
from llm_manager.policies.targets import resolve
from llm_manager.testing.simulator import Say, Simulator

pytestmark = pytest.mark.anyio

DAY = date.fromisoformat(catalog_day())
UNLISTED = "groq/moonshotai/kimi-k2-instruct"


def test_the_catalog_and_the_table_agree_on_the_catalogs_day() -> None:
    listed = priced(LLMConfig(), on=DAY).prices
    differing = {
        name: (row.price, theirs)
        for name, row in MODELS.items()
        if (theirs := listed.get(f"{row.provider}/{row.name}")) is not None
        and row.price is not None
        and row.price.source.startswith("genai-prices")  # an overlay names another source where this one lags
        and (row.price.prompt_usd, row.price.completion_usd, row.price.long)
        != (theirs.prompt_usd, theirs.completion_usd, theirs.long)
    }
    assert differing == {}
    assert len(listed) >= len(MODELS) * 0.6


def test_a_price_is_that_of_its_day() -> None:
    before, after = (
        priced(LLMConfig(), on=day).prices["openai/gpt-5.6-terra"] for day in (date(2026, 7, 1), date(2026, 8, 1))
    )
    assert (before.prompt_usd, before.completion_usd, before.cache_write_usd) == (2.5, 15.0, 3.125)
    assert (after.prompt_usd, after.completion_usd, after.cache_write_usd) == (2.0, 12.0, 2.5)
    assert (after.as_of, after.source.partition(" ")[0]) == ("2026-08-01", "genai-prices")


def test_hour_writes_services_regions_and_later_prices_are_taken_over() -> None:
    listed = priced(LLMConfig(), on=DAY).prices
    opus, flash = listed["anthropic/claude-opus-5-5"], listed["gemini/gemini-3.8-flash"]
    assert (opus.cache_write_usd, opus.cache_hour_usd, opus.regions) == (5.0, 8.0, (("us", 1.1),))
    [fast] = opus.services
    assert (fast.service_tiers, fast.prompt_usd, fast.cache_hour_usd) == (frozenset({"fast"}), 8.0, 16.0)
    assert [(each.from_day, each.prompt_usd) for each in flash.then] == [("2027-01-01", 1.5)]


def test_a_version_that_only_the_configuration_names_is_resolved_as_a_request_would_resolve_it() -> None:
    config = LLMConfig(models={"mine": ModelSettings(provider="anthropic", model="claude-haiku-4-5@20251001")})
    assert priced(config, on=DAY).prices["anthropic/claude-haiku-4-5@20251001"].prompt_usd == 1.0


def test_where_the_hour_decides_the_higher_price_bounds_the_day() -> None:
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415  # an extra

    from llm_manager.adapters.price_sheets import price_of_model  # noqa: PLC0415  # beside it

    model = get_snapshot().find_provider_model("deepseek-flash", None, "deepseek", None)[1]
    price = price_of_model(model, DAY)
    assert price is not None
    assert (price.prompt_usd, price.completion_usd) == (0.3, 1.2)


def test_what_is_named_is_looked_up_and_what_is_stated_or_unknown_stays() -> None:
    mine = Price(prompt_usd=7.0, completion_usd=7.0, as_of="2026-01-01", source="a contract")
    config = LLMConfig(
        models={
            "fast": ModelSettings(provider="groq", model="llama-3.1-8b-instant"),
            "other": ModelSettings(model="groq/qwen/qwen3-32b"),
            "mine": ModelSettings(provider="lm_studio"),
            "gpt": ModelSettings(model="gpt-5.5"),
        },
        prices={"openai/gpt-4o": mine},
    )
    listed = priced(config, UNLISTED, "nonsense", "openai/no-such-model", on=DAY).prices
    assert listed["openai/gpt-4o"] is mine
    assert {"groq/llama-3.1-8b-instant", "groq/qwen/qwen3-32b", UNLISTED} <= listed.keys()
    assert not {"nonsense", "openai/no-such-model", "lm_studio/mine"} & listed.keys()


def test_every_name_of_a_model_is_looked_up_whatever_it_is_called_by() -> None:
    config = LLMConfig(
        models={"by prefix": ModelSettings(model="llama-3.1-8b-instant"), "o3-mini": ModelSettings(window_tokens=9)},
        routing=RoutingSettings(chains={"job": ("groq/qwen/qwen3-32b", "by prefix")}),
    )
    names = {"groq/llama-3.1-8b-instant", "openai/o3-mini", "groq/qwen/qwen3-32b", "openai/o1"}
    assert names <= priced(config, "o1", on=DAY).prices.keys()


def test_a_rate_of_an_alias_is_completed_by_the_table() -> None:
    config = LLMConfig(
        keys=KeySettings(providers={"groq": (Secret("any-key-will-do-here"),)}),
        models={"mine": ModelSettings(model="llama-3.1-8b-instant", prompt_usd=9.0)},
    )
    price = resolve(priced(config, on=DAY), "mine").unwrap().facts.price
    listed = priced(config, on=DAY).prices["groq/llama-3.1-8b-instant"]
    assert price == replace(listed, prompt_usd=9.0, source=f"configuration; {listed.source}")


def test_a_file_may_state_prices_of_its_own() -> None:
    stated = {"prompt_usd": 1.0, "completion_usd": 2.0, "as_of": "2026-11-01", "source": "a contract"}
    config = parse_config({"prices": {"groq/some-model": stated}}).unwrap()
    assert config.prices == {
        "groq/some-model": Price(prompt_usd=1.0, completion_usd=2.0, as_of="2026-11-01", source="a contract")
    }
    wrong = parse_config({"prices": {"groq/some-model": {**stated, "prompt_usd": -1.0}}}).failure()
    assert [problem.path for problem in wrong.problems] == ["prices.groq/some-model.prompt_usd"]


async def test_an_answer_of_a_model_outside_the_catalog_has_a_cost_when_its_price_is_known() -> None:
    async with Simulator() as simulator:
        simulator.script("moonshotai/kimi-k2-instruct", [Say("x", usage=(1_000, 1_000))] * 2)
        config = LLMConfig(
            keys=KeySettings(providers={"groq": (Secret("any-key-will-do-here"),)}),
            http=HttpSettings(base_urls={"groq": f"{simulator.url}/openai/v1"}),
        )
        ask = LLMRequest(prompt="Why?", preferences=Preferences(model=UNLISTED))
        costs: list[Cost] = []
        for each in (config, priced(config, UNLISTED, on=DAY)):
            async with custom(each) as context:
                costs.append((await run(generate(ask), context)).unwrap().usage.cost)
    assert costs == [UnknownCost(), ComputedCost(0.004)]


async def test_a_model_that_takes_tools_only_without_reasoning_is_told_so_wherever_its_name_leads() -> None:
    """The catalog's fact arrives at the wire through a resolved target, whatever the settings change of the row."""
    async with Simulator() as simulator:
        config = LLMConfig(
            keys=KeySettings(providers={"openai": (Secret("any-key-will-do-here"),)}),
            http=HttpSettings(base_urls={"openai": f"{simulator.url}/v1"}),
            models={"mine": ModelSettings(model="gpt-5.6-terra", prompt_usd=1.0, window_tokens=9_000)},
        )
        async with custom(config) as context:
            for name in ("gpt", "mine"):
                ask = LLMRequest(prompt=name, tools=(Tool(name="look"),), preferences=Preferences(model=name))
                (await run(generate(ask), context)).unwrap()
        assert [each.json["reasoning_effort"] for each in simulator.received] == ["none", "none"]
