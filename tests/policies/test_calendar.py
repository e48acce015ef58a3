"""What the day decides: prices that change on it, and models that end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ModelUnavailable
from llm_manager.domain.request import LLMRequest, Preferences
from llm_manager.domain.response import ComputedCost, UnknownCost, Usage
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import HttpSettings, KeySettings, ModelSettings, RoutingSettings
from llm_manager.policies import targets
from llm_manager.policies.candidate import Chosen, Skipped
from llm_manager.policies.parcels import at_batch_price
from llm_manager.policies.planning import plan_of
from llm_manager.policies.pricing import price_of
from llm_manager.policies.routing import candidates
from llm_manager.policies.targets import resolve

KEY = (Secret("sk-canary-0123456789"),)
CONFIG = LLMConfig(keys=KeySettings(providers=dict.fromkeys(("openai", "anthropic", "gemini"), KEY)))


def ask(model: str) -> LLMRequest:
    return LLMRequest(prompt="hi", preferences=Preferences(model=model, fallback="none", max_tokens=1000))


@pytest.mark.parametrize(("day", "usd"), [(None, 3.75), ("2026-12-31", 3.75), ("2027-01-01", 7.5)])
def test_a_call_has_the_price_of_its_day_and_a_budget_reserves_it(day: str | None, usd: float) -> None:
    [chosen] = candidates(CONFIG, ask("gemini-3.8-flash"), {}, day).unwrap()
    assert isinstance(chosen, Chosen)
    used = Usage(prompt_tokens=0, completion_tokens=1_000_000)
    assert price_of(chosen.target.facts, used) == ComputedCost(usd)
    bound = plan_of(CONFIG, ask("gemini-3.8-flash"), {}, (), day).unwrap().worst_cost_usd
    before = plan_of(CONFIG, ask("gemini-3.8-flash"), {}, ()).unwrap().worst_cost_usd
    assert bound is not None
    assert before is not None
    assert bound == pytest.approx(before * usd / 3.75)


def test_the_rates_that_are_stated_hold_after_the_day_too() -> None:
    mine = replace(CONFIG, models={"mine": ModelSettings(model="gemini-3.8-flash", completion_usd=1.0)})
    [chosen] = candidates(mine, ask("mine"), {}, "2027-01-01").unwrap()
    assert isinstance(chosen, Chosen)
    assert chosen.target.facts.price is not None
    assert (chosen.target.facts.price.prompt_usd, chosen.target.facts.price.completion_usd) == (1.5, 1.0)


def test_a_batch_is_reduced_from_the_price_of_its_day() -> None:
    price = at_batch_price(resolve(CONFIG, "claude-opus-5-5").unwrap()).facts.price
    assert price is not None
    assert (price.prompt_usd, price.cached_usd, price.services) == (2.0, 0.1, ())


def test_a_model_that_has_ended_is_skipped_with_the_day_and_what_is_current() -> None:
    chain = replace(CONFIG, routing=RoutingSettings(chains={"general": ("gpt-5-mini", "gpt-6-luna")}))
    ended, next_ = candidates(chain, LLMRequest(prompt="hi"), {}, "2026-12-11").unwrap()
    said = "openai ended it on 2026-12-11; openai names gpt-5.6-terra in its place"
    assert ended == Skipped("gpt-5-mini", "openai", ModelUnavailable("gpt-5-mini", said), "in the chain for general")
    assert isinstance(next_, Chosen)
    [before, _] = candidates(chain, LLMRequest(prompt="hi"), {}, "2026-12-10").unwrap()
    assert isinstance(before, Chosen)


def test_a_family_whose_model_has_ended_stands_for_the_one_that_the_vendor_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(targets, "FAMILIES", {"gpt": ("gpt-4o",)})
    targets.resolve.cache_clear()
    asked = LLMRequest(prompt="hi", preferences=Preferences(model="gpt", fallback="none"))
    for day, model in (("2027-01-13", "gpt-4o"), ("2027-01-14", "gpt-6-luna")):
        [chosen] = candidates(CONFIG, asked, {}, day).unwrap()
        assert isinstance(chosen, Chosen)
        assert chosen.target.model == model
    targets.resolve.cache_clear()


def test_the_plan_says_why_an_ended_model_is_skipped() -> None:
    [target] = plan_of(CONFIG, ask("gpt-4o"), {}, (), "2027-01-14").unwrap().targets
    assert target.skipped == ModelUnavailable(
        "gpt-4o", "openai ended it on 2027-01-14; openai names gpt-6-luna in its place"
    )


def test_another_server_ends_a_model_when_it_wants_to() -> None:
    elsewhere = replace(CONFIG, http=HttpSettings(base_urls={"openai": "http://127.0.0.1:8000/v1"}))
    [chosen] = candidates(elsewhere, ask("gpt-4o"), {}, "2030-01-01").unwrap()
    assert isinstance(chosen, Chosen)


def test_a_guess_is_marked_as_one_in_the_plan() -> None:
    [target] = plan_of(CONFIG, ask("gpt-6-nova"), {}, ()).unwrap().targets
    assert (target.why, target.worst_cost_usd) == ("the caller's own choice, taken to be like gpt-6-sol", None)


USED = Usage(prompt_tokens=1_000_000, completion_tokens=0)


@pytest.mark.parametrize(
    ("model", "used", "cost"),
    [
        ("claude-opus-5-5", USED, ComputedCost(4.0)),
        ("claude-opus-5-5", replace(USED, region="us"), ComputedCost(4.4)),
        ("claude-opus-5-5", replace(USED, region="global"), ComputedCost(4.0)),
        ("claude-opus-5-5", replace(USED, region="moon"), UnknownCost()),
        ("claude-opus-5-5", replace(USED, service_tier="fast"), ComputedCost(8.0)),
        ("claude-opus-5-5", replace(USED, service_tier="fast", region="us"), ComputedCost(8.8)),
        ("claude-sonnet-5-5", replace(USED, service_tier="fast"), UnknownCost()),
        ("gpt-5", replace(USED, service_tier="flex"), ComputedCost(0.625)),
        ("gpt-5", replace(USED, service_tier="priority"), ComputedCost(2.5)),
        ("gpt-5", replace(USED, service_tier="scale"), UnknownCost()),
    ],
)
def test_the_class_of_service_and_the_region_have_their_price(
    model: str, used: Usage, cost: ComputedCost | UnknownCost
) -> None:
    found = price_of(resolve(CONFIG, model).unwrap().facts, used)
    if isinstance(cost, UnknownCost):
        assert found == cost
    else:
        assert isinstance(found, ComputedCost)
        assert found.usd == pytest.approx(cost.usd)


def test_a_vendors_address_of_a_region_has_the_price_of_that_region() -> None:
    eu = replace(CONFIG, http=HttpSettings(base_urls={"openai": "https://eu.api.openai.com/v1"}))
    prices = [resolve(each, "gpt-6-luna").unwrap().facts.price for each in (CONFIG, eu)]
    main, regional = (price for price in prices if price is not None)
    assert regional.prompt_usd == pytest.approx(main.prompt_usd * 1.1)
    assert [each.prompt_usd for each in regional.services] == pytest.approx(
        [each.prompt_usd * 1.1 for each in main.services]
    )
