"""Which models a request goes to: chains, strategies and gates."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure

from llm_manager.domain.catalog import CHAINS, FAMILIES, PROVIDERS
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import (
    ConfigurationError,
    ContextTooLarge,
    InvalidRequest,
    UnsupportedCapability,
)
from llm_manager.domain.models import MODELS
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import ImagePart, LLMRequest, Message, Preferences, Tool
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import HttpSettings, KeySettings, ModelSettings, PortkeySettings, RoutingSettings
from llm_manager.policies.latency import Latency
from llm_manager.policies.routing import Chosen, Skipped, candidates, configured_targets, fallback_chain, strategy_of
from llm_manager.policies.targets import resolve

KEY = (Secret("sk-canary-0123456789"),)
OPENAI = LLMConfig(keys=KeySettings(providers={"openai": KEY}))
BOTH = LLMConfig(
    keys=KeySettings(providers={"openai": KEY, "groq": KEY}),
    models={"claude": ModelSettings(provider="groq", model="openai/gpt-oss-120b")},
)
GATEWAY = LLMConfig(keys=KeySettings(providers={"portkey": KEY}))
ASK = LLMRequest(prompt="hi")


def names(config: LLMConfig, request: LLMRequest, latencies: dict[str, Latency] | None = None) -> list[str]:
    found = candidates(config, request, latencies or {}).unwrap()
    return [each.target.model if isinstance(each, Chosen) else f"-{each.name}" for each in found]


def test_every_chain_and_family_leads_to_something_we_know() -> None:
    for chain in CHAINS.values():
        assert set(chain) <= set(FAMILIES)
    for facts in MODELS.values():
        assert facts.provider in PROVIDERS
        assert facts.price is not None
        assert facts.price.as_of
        assert facts.price.source


def test_each_task_has_its_chain() -> None:
    assert names(BOTH, replace(ASK, task_type="analysis")) == [
        "openai/gpt-oss-120b",
        "gpt-5.6-terra",
        "llama-3.3-70b-versatile",
    ]


def test_the_callers_own_model_goes_first_and_nothing_follows_when_fallback_is_none() -> None:
    assert names(OPENAI, replace(ASK, preferences=Preferences(model="gpt-4o")))[:2] == ["gpt-4o", "gpt-5.6-terra"]
    assert names(OPENAI, replace(ASK, preferences=Preferences(model="gpt-4o", fallback="none"))) == ["gpt-4o"]


def test_no_model_is_asked_twice() -> None:
    chain = replace(OPENAI, routing=RoutingSettings(chains={"general": ("gpt", "gpt-5.6-terra", "gpt")}))
    assert names(chain, ASK) == ["gpt-5.6-terra"]


def test_an_unknown_task_names_the_known_ones() -> None:
    error = candidates(OPENAI, replace(ASK, task_type="poetry"), {}).failure()
    assert isinstance(error, InvalidRequest)
    assert "ui-generation" in error.problems[0].message
    mine = replace(OPENAI, routing=RoutingSettings(chains={"poetry": ("gpt",)}))
    assert names(mine, replace(ASK, task_type="poetry")) == ["gpt-5.6-terra"]


def test_with_nothing_configured_the_variables_that_would_help_are_named() -> None:
    variables = (
        "PORTKEY_API_KEY, OPENAI_API_KEY, GROQ_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, OLLAMA_HOST, LM_STUDIO_URL, "
        "LLAMA_MODEL_PATH"
    )
    more = "or another variable that `llm-manager config` lists"
    said = Problem("keys.providers", f"no provider is configured: set one of {variables}, {more}")
    assert candidates(LLMConfig(), ASK, {}) == Failure(ConfigurationError((said,)))


def test_low_priority_asks_the_cheapest_first_and_unknown_prices_last() -> None:
    cheap = replace(ASK, preferences=Preferences(priority="low"))
    assert names(BOTH, cheap) == ["openai/gpt-oss-120b", "gpt-5.6-terra", "llama-3.3-70b-versatile"]


def test_high_priority_asks_the_fastest_first_by_what_was_observed() -> None:
    fast = replace(ASK, preferences=Preferences(priority="high"))
    assert names(BOTH, fast)[0] == "openai/gpt-oss-120b"
    observed = {resolve(BOTH, "gpt-5.6-terra").unwrap().key: Latency(20.0, 50.0, at_s=0)}
    assert names(BOTH, fast, observed)[0] == "gpt-5.6-terra"
    once = {resolve(BOTH, "openai/gpt-oss-120b").unwrap().key: Latency(60_000.0, 0.01, at_s=0)}
    assert names(BOTH, fast, once)[0] == "openai/gpt-oss-120b", "what was long ago counts little"


def test_the_callers_own_model_stays_in_front_of_any_strategy() -> None:
    wish = replace(ASK, preferences=Preferences(model="gpt-5.6", priority="low"))
    assert names(BOTH, wish)[0] == "gpt-5.6"


def test_a_model_that_cannot_do_what_is_asked_is_passed_over_with_the_reason() -> None:
    picture = Message(role="user", content=(ImagePart(url="https://x/y.png"),))
    blind = LLMConfig(
        keys=KeySettings(providers={"groq": KEY}), routing=RoutingSettings(chains={"general": ("openai/gpt-oss-20b",)})
    )
    [skipped] = candidates(blind, LLMRequest(messages=(picture,)), {}).unwrap()
    assert isinstance(skipped, Skipped)
    assert skipped.error == UnsupportedCapability("openai/gpt-oss-20b", "vision")
    handless = replace(OPENAI, models={"mine": ModelSettings(provider="openai", model="m", capabilities=frozenset())})
    [tools] = candidates(
        handless,
        LLMRequest(prompt="x", tools=(Tool(name="f"),), preferences=Preferences(model="mine", fallback="none")),
        {},
    ).unwrap()
    assert isinstance(tools, Skipped)
    assert tools.error == UnsupportedCapability("m", "tools")


def test_a_prompt_that_cannot_fit_is_not_sent() -> None:
    [skipped] = candidates(
        OPENAI, LLMRequest(prompt="x" * 2_000_000, preferences=Preferences(model="gpt-4o", fallback="none")), {}
    ).unwrap()
    assert isinstance(skipped, Skipped)
    assert skipped.error == ContextTooLarge("gpt-4o", 500_004, 128_000)


def test_in_fallback_mode_neighbours_behind_the_gateway_become_one_target() -> None:
    config = replace(GATEWAY, http=HttpSettings(portkey=PortkeySettings(mode="fallback")))
    [only] = candidates(config, ASK, {}).unwrap()
    assert isinstance(only, Chosen)
    assert [each.model for each in only.target.alternates] == ["claude-sonnet-5-5", "llama-3.3-70b-versatile"]


def test_the_fallback_chain_of_a_model_is_what_follows_it() -> None:
    assert fallback_chain(BOTH, "gpt") == ("openai/gpt-oss-120b", "llama-3.3-70b-versatile")
    assert fallback_chain(BOTH, "no such") == ()


def test_each_target_of_the_configuration_is_listed_once() -> None:
    mine = replace(BOTH, routing=RoutingSettings(chains={"poetry": ("gpt", "gpt-4o", "no such")}))
    assert [target.model for target in configured_targets(mine)] == [
        "openai/gpt-oss-120b",
        "gpt-5.6-terra",
        "llama-3.3-70b-versatile",
        "gpt-4o",
    ]


@pytest.mark.parametrize(
    ("model", "request_", "wish"),
    [
        ("claude-sonnet-5-5", LLMRequest(prompt="x", preferences=Preferences(seed=7)), "seed"),
        (
            "ollama/llava",
            LLMRequest(messages=(Message(role="user", content=(ImagePart(url="https://x/y.png"),)),)),
            "image_urls",
        ),
        ("ollama/llama3.2", LLMRequest(prompt="x", tools=(Tool(name="f"),), tool_choice="required"), "tool_choice"),
    ],
)
def test_what_a_wire_has_no_words_for_is_never_dropped_in_silence(model: str, request_: LLMRequest, wish: str) -> None:
    config = LLMConfig(
        keys=KeySettings(providers={"anthropic": KEY}), http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:1"})
    )
    asked = replace(request_, preferences=replace(request_.preferences, model=model, fallback="none"))
    [skipped] = candidates(config, asked, {}).unwrap()
    assert isinstance(skipped, Skipped)
    assert isinstance(skipped.error, UnsupportedCapability)
    assert skipped.error.capability == wish


def test_an_image_in_a_data_url_needs_no_fetching() -> None:
    config = LLMConfig(http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:1"}))
    image = Message(role="user", content=(ImagePart(url="data:image/png;base64,AAAA"),))
    asked = LLMRequest(messages=(image,), preferences=Preferences(model="ollama/llava", fallback="none"))
    [chosen] = candidates(config, asked, {}).unwrap()
    assert isinstance(chosen, Chosen)


def told(config: LLMConfig, request: LLMRequest, latencies: dict[str, Latency] | None = None) -> list[tuple[str, str]]:
    found = candidates(config, request, latencies or {}).unwrap()
    return [(each.target.model if isinstance(each, Chosen) else f"-{each.name}", each.why) for each in found]


def chained(config: LLMConfig, *chain: str) -> LLMConfig:
    return replace(config, routing=RoutingSettings(chains={"general": chain}))


WISH = replace(ASK, preferences=Preferences(model="gpt-5.6"))
PRICED = chained(OPENAI, "openai/new", "claude", "gpt-4o-mini", "gpt-5-nano")


def test_the_configuration_strategy_is_for_those_who_are_in_no_hurry_and_not_thrifty() -> None:
    cheap = replace(OPENAI, routing=RoutingSettings(strategy="cost"))
    assert strategy_of(cheap, ASK) == "cost"
    assert strategy_of(OPENAI, ASK) == "balanced"
    assert strategy_of(cheap, replace(ASK, preferences=Preferences(priority="high"))) == "performance"
    assert strategy_of(OPENAI, replace(ASK, preferences=Preferences(priority="low"))) == "cost"


def test_each_model_tells_why_it_stands_where_it_does() -> None:
    assert told(chained(OPENAI, "gpt-5-nano", "claude"), WISH) == [
        ("gpt-5.6", "the caller's own choice"),
        ("gpt-5-nano", "in the chain for general"),
        ("-claude", "in the chain for general"),
    ]


def test_what_has_no_price_stands_after_what_has_one_and_before_nothing() -> None:
    why = "in the chain for general, cheapest first"
    assert told(PRICED, replace(ASK, preferences=Preferences(priority="low"))) == [
        ("gpt-5-nano", why),
        ("gpt-4o-mini", why),
        ("new", why),
        ("-claude", why),
    ]


def test_what_was_observed_counts_for_more_than_what_the_catalog_guesses() -> None:
    fast = replace(ASK, preferences=Preferences(model="gpt-5.6", priority="high"))
    why = "in the chain for general, fastest first"
    mine = ("gpt-5.6", "the caller's own choice")
    config = chained(OPENAI, "openai/new", "claude", "gpt-4o", "gpt-4o-mini")
    assert told(config, fast) == [mine, ("gpt-4o-mini", why), ("gpt-4o", why), ("new", why), ("-claude", why)]
    seen = {
        resolve(config, "openai/new").unwrap().key: Latency(20.0, 50.0, at_s=0),
        resolve(config, "gpt-4o-mini").unwrap().key: Latency(2_000.0, 50.0, at_s=0),
    }
    assert told(config, fast, seen) == [mine, ("new", why), ("gpt-4o", why), ("gpt-4o-mini", why), ("-claude", why)]


def test_only_neighbours_behind_the_gateway_are_one_target() -> None:
    config = replace(
        chained(GATEWAY, "gpt", "lm_studio/x", "claude", "ollama/y", "gemini", "gpt-4o", "gpt-5"),
        http=HttpSettings(base_urls={"lm_studio": "http://127.0.0.1:1"}, portkey=PortkeySettings(mode="fallback")),
    )
    found = candidates(config, ASK, {}).unwrap()
    assert [
        (each.target.model, [other.model for other in each.target.alternates], each.why)
        if isinstance(each, Chosen)
        else each.name
        for each in found
    ] == [
        ("gpt-5.6-terra", [], "in the chain for general"),
        ("x", [], "in the chain for general"),
        ("claude-sonnet-5-5", [], "in the chain for general"),
        "ollama/y",
        (
            "gemini-3.8-flash",
            ["gpt-4o", "gpt-5"],
            "in the chain for general, the gateway falls back",
        ),
    ]


@pytest.mark.parametrize(
    "config",
    [
        LLMConfig(models={"mine": ModelSettings(provider="custom")}),
        LLMConfig(models={"mine": ModelSettings(provider="llama_cpp", path="x.gguf")}),
        LLMConfig(http=HttpSettings(base_urls={"lm_studio": "http://127.0.0.1:1"})),
        GATEWAY,
    ],
)
def test_where_anything_is_configured_a_chain_that_leads_nowhere_tells_it_model_by_model(config: LLMConfig) -> None:
    assert names(chained(config, "ollama/x"), ASK) == ["-ollama/x"]


def test_an_alias_of_a_provider_without_a_key_configures_nothing() -> None:
    config = chained(LLMConfig(models={"mine": ModelSettings(provider="openai")}), "mine")
    assert isinstance(candidates(config, ASK, {}).failure(), ConfigurationError)


def test_what_costs_nothing_is_the_cheapest() -> None:
    local = replace(OPENAI, http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:1"}))
    config = chained(local, "gpt-4o", "openai/of-unknown-price", "gpt-4o-mini", "ollama/llama3.2")
    cheap = replace(ASK, preferences=Preferences(priority="low"))
    assert names(config, cheap) == ["llama3.2", "gpt-4o-mini", "gpt-4o", "of-unknown-price"]
    by_cost = replace(config, routing=replace(config.routing, strategy="cost"))
    assert names(by_cost, ASK) == names(config, cheap)
