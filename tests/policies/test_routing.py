"""Which models a request goes to: chains, strategies and gates."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure

from llm_manager.domain.catalog import CHAINS, FAMILIES, PROVIDERS
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import (
    AuthenticationFailed,
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
from llm_manager.policies.candidate import Chosen, Skipped
from llm_manager.policies.latency import Latency
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.policies.routing import candidates, configured_targets, drawn_order, fallback_chain, strategy_of
from llm_manager.policies.targets import resolve

KEY = (Secret("sk-canary-0123456789"),)
OPENAI = LLMConfig(keys=KeySettings(providers={"openai": KEY}))
BOTH = LLMConfig(
    keys=KeySettings(providers={"openai": KEY, "groq": KEY}),
    models={"claude": ModelSettings(provider="groq", model="openai/gpt-oss-20b")},
)
GATEWAY = LLMConfig(keys=KeySettings(providers={"portkey": KEY}))
ASK = LLMRequest(prompt="hi")


def names(config: LLMConfig, request: LLMRequest, latencies: dict[str, Latency] | None = None) -> list[str]:
    found = candidates(config, request, latencies or {}).unwrap()
    return [each.target.model if isinstance(each, Chosen) else f"-{each.name}" for each in found]


def test_every_chain_and_family_leads_to_something_we_know() -> None:
    for chain in CHAINS.values():
        assert set(chain) <= set(FAMILIES)
    assert {facts.provider for facts in MODELS.values()} <= PROVIDERS.keys()
    prices = [facts.price for facts in MODELS.values() if facts.price is not None]
    assert all(price.as_of and price.source for price in prices)


def test_each_task_has_its_chain() -> None:
    assert names(BOTH, replace(ASK, task_type="analysis")) == [
        "openai/gpt-oss-20b",
        "gpt-6.1-terra",
        "openai/gpt-oss-120b",
    ]


def test_the_callers_own_model_goes_first_and_nothing_follows_when_fallback_is_none() -> None:
    assert names(OPENAI, replace(ASK, preferences=Preferences(model="gpt-4o")))[:2] == ["gpt-4o", "gpt-6.1-terra"]
    assert names(OPENAI, replace(ASK, preferences=Preferences(model="gpt-4o", fallback="none"))) == ["gpt-4o"]


def test_no_model_is_asked_twice() -> None:
    chain = replace(OPENAI, routing=RoutingSettings(chains={"general": ("gpt", "gpt-6.1-terra", "gpt")}))
    assert names(chain, ASK) == ["gpt-6.1-terra"]


def test_an_unknown_task_names_the_known_ones() -> None:
    error = candidates(OPENAI, replace(ASK, task_type="poetry"), {}).failure()
    assert isinstance(error, InvalidRequest)
    assert "ui-generation" in error.problems[0].message
    mine = replace(OPENAI, routing=RoutingSettings(chains={"poetry": ("gpt",)}))
    assert names(mine, replace(ASK, task_type="poetry")) == ["gpt-6.1-terra"]


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
    chain = ("gpt-99", "gpt", "openai/gpt-oss-20b", "llama")
    mine = replace(BOTH, routing=RoutingSettings(chains={"general": chain}))
    assert names(mine, cheap) == ["openai/gpt-oss-20b", "openai/gpt-oss-120b", "gpt-6.1-terra", "gpt-99"]


def test_high_priority_asks_the_fastest_first_by_what_was_observed() -> None:
    fast = replace(ASK, preferences=Preferences(priority="high"))
    assert names(BOTH, fast)[0] == "openai/gpt-oss-20b"
    observed = {resolve(BOTH, "gpt-6.1-terra").unwrap().key: Latency(20.0, 50.0, at_s=0)}
    assert names(BOTH, fast, observed)[0] == "gpt-6.1-terra"
    once = {resolve(BOTH, "openai/gpt-oss-20b").unwrap().key: Latency(60_000.0, 0.01, at_s=0)}
    assert names(BOTH, fast, once)[2] == "gpt-6.1-terra", "what was long ago counts little"


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


LONG = " word" * 200_000


def test_a_prompt_that_cannot_fit_is_not_sent() -> None:
    [skipped] = candidates(
        OPENAI, LLMRequest(prompt=LONG, preferences=Preferences(model="gpt-4o", fallback="none")), {}
    ).unwrap()
    assert isinstance(skipped, Skipped)
    assert skipped.error == ContextTooLarge("gpt-4o", prompt_tokens(LLMRequest(prompt=LONG), "gpt-4o").low, 128_000)


def test_in_fallback_mode_neighbours_behind_the_gateway_become_one_target() -> None:
    config = replace(GATEWAY, http=HttpSettings(portkey=PortkeySettings(mode="fallback")))
    [only] = candidates(config, ASK, {}).unwrap()
    assert isinstance(only, Chosen)
    assert [each.model for each in only.target.alternates] == ["claude-sonnet-5-5", "openai/gpt-oss-120b"]


@pytest.mark.parametrize(
    ("preferences", "targets"),
    [
        (Preferences(temperature=0.7), [["gpt-6.1-terra", "claude-sonnet-5-5"], ["openai/gpt-oss-120b"]]),
        (Preferences(stop=("END",)), [["gpt-6.1-terra"], ["claude-sonnet-5-5", "openai/gpt-oss-120b"]]),
    ],
)
def test_behind_the_gateway_only_those_are_one_target_that_refuse_the_same_options(
    preferences: Preferences, targets: list[list[str]]
) -> None:
    config = replace(GATEWAY, http=HttpSettings(portkey=PortkeySettings(mode="fallback")))
    chain = candidates(config, replace(ASK, preferences=preferences), {}).unwrap()
    found = [[each.target, *each.target.alternates] for each in chain if isinstance(each, Chosen)]
    assert [[target.model for target in each] for each in found] == targets


def test_the_fallback_chain_of_a_model_is_what_follows_it() -> None:
    assert fallback_chain(BOTH, "gpt") == ("openai/gpt-oss-20b", "openai/gpt-oss-120b")
    assert fallback_chain(BOTH, "no such") == ()


def test_each_target_of_the_configuration_is_listed_once() -> None:
    mine = replace(BOTH, routing=RoutingSettings(chains={"poetry": ("gpt", "gpt-4o", "no such")}))
    assert [target.model for target in configured_targets(mine)] == [
        "openai/gpt-oss-20b",
        "gpt-6.1-terra",
        "openai/gpt-oss-120b",
        "gpt-4o",
    ]


@pytest.mark.parametrize(
    ("model", "request_", "wish"),
    [
        (
            "claude-sonnet-5-5",
            LLMRequest(prompt="x", preferences=Preferences(seed=7, unsupported="refuse")),
            "seed",
        ),
        (
            "ollama/llava",
            LLMRequest(messages=(Message(role="user", content=(ImagePart(url="https://x/y.png"),)),)),
            "image_urls",
        ),
        ("ollama/llama3.2", LLMRequest(prompt="x", tools=(Tool(name="f"),), tool_choice="required"), "tool_choice"),
    ],
)
def test_a_model_whose_wire_cannot_express_a_condition_is_skipped(model: str, request_: LLMRequest, wish: str) -> None:
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
        ("gpt-6.1-terra", [], "in the chain for general"),
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
    said = (
        "leads to no model that can be asked (ollama/x: ollama has no address: set OLLAMA_HOST; "
        "nobody/y: unknown model 'nobody/y' (write provider/model for one that is not in the catalog))"
    )
    assert candidates(chained(config, "ollama/x", "nobody/y"), ASK, {}) == Failure(
        ConfigurationError((Problem("routing.chains.general", said),))
    )


def test_a_caller_who_wants_one_model_alone_hears_what_that_one_lacks() -> None:
    [skipped] = candidates(OPENAI, replace(ASK, preferences=Preferences(model="claude", fallback="none")), {}).unwrap()
    assert isinstance(skipped, Skipped)
    assert isinstance(skipped.error, AuthenticationFailed)


GEMINI = LLMConfig(keys=KeySettings(providers={"gemini": KEY}))


def test_a_provider_that_no_chain_holds_is_asked_all_the_same() -> None:
    assert told(GEMINI, ASK)[-1] == ("gemini-3.8-flash", "configured beside the chain")
    assert names(GEMINI, ASK) == ["-gpt", "-claude", "-llama", "gemini-3.8-flash"]


def test_two_accounts_of_one_model_are_two_deployments_and_a_pool_draws_from_both() -> None:
    accounts = {
        name: ModelSettings(model="gpt-6-luna", key=Secret(f"sk-account-{name}-0123456789"), weight=weight)
        for name, weight in (("a", 1.0), ("b", 3.0))
    }
    config = LLMConfig(models={**accounts, "both": ModelSettings(pool=("a", "b"))})
    asked = LLMRequest(prompt="hi", preferences=Preferences(model="both", fallback="none"))
    chain = candidates(config, asked, {}).unwrap()
    assert [each.target.key_pool for each in chain if isinstance(each, Chosen)] == ["models.b", "models.a"]
    assert len({each.target.key for each in chain if isinstance(each, Chosen)}) == 2


def test_an_alias_of_a_model_that_only_embeds_answers_no_request() -> None:
    vectors = {"vectors": ModelSettings(model="text-embedding-3-small", key=Secret("sk-vectors-0123456789"))}
    assert "text-embedding-3-small" not in [name for name, _ in told(replace(GEMINI, models=vectors), ASK)]


def test_every_configured_provider_comes_after_those_of_the_table() -> None:
    everything = LLMConfig(
        keys=KeySettings(providers={"gemini": KEY, "openai": KEY, "groq": KEY}),
        http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:1", "lm_studio": "http://127.0.0.1:2"}),
        models={
            "mine": ModelSettings(provider="custom", prompt_usd=1.0, completion_usd=1.0),
            "gpt-4o": ModelSettings(prompt_usd=3.0),  # facts about a model, which is asked by its name alone
            "broken": ModelSettings(provider="anthropic"),
        },
    )
    table = ["gpt-6.1-terra", "-claude", "local-model"]
    rest = ["mine", "openai/gpt-oss-120b", "gemini-3.8-flash", "llama3.2"]
    assert names(everything, ASK) == table + rest
    cheap = replace(ASK, preferences=Preferences(priority="low"))
    assert names(everything, cheap) == [
        "local-model",
        "gpt-6.1-terra",
        "-claude",
        "llama3.2",
        "openai/gpt-oss-120b",
        "mine",
        "gemini-3.8-flash",
    ]


def test_a_chain_that_the_user_wrote_is_exact() -> None:
    config = replace(GEMINI, keys=KeySettings(providers={"gemini": KEY, "openai": KEY}))
    assert names(chained(config, "gpt"), ASK) == ["gpt-6.1-terra"]


def test_behind_the_gateway_a_provider_is_reached_with_a_key_of_its_own_or_a_virtual_one() -> None:
    assert names(GATEWAY, ASK) == ["gpt-6.1-terra", "claude-sonnet-5-5", "openai/gpt-oss-120b"]
    virtual = replace(GATEWAY, models={"gemini": ModelSettings(virtual_key=KEY[0])})
    keyed = replace(GATEWAY, keys=KeySettings(providers={"portkey": KEY, "gemini": KEY}))
    assert names(virtual, ASK) == names(keyed, ASK) == [*names(GATEWAY, ASK), "gemini-3.8-flash"]


ORDER = replace(
    OPENAI,
    keys=KeySettings(providers={"openai": KEY, "gemini": KEY, "anthropic": KEY}),
    routing=RoutingSettings(fallback_order=("gemini", "gpt-4o", "gpt")),
)


def test_a_fallback_order_stands_behind_the_first_that_can_answer() -> None:
    assert names(ORDER, ASK) == ["gpt-6.1-terra", "gemini-3.8-flash", "gpt-4o"]
    assert names(ORDER, replace(ASK, task_type="analysis")) == [
        "claude-sonnet-5-5",
        "gemini-3.8-flash",
        "gpt-4o",
        "gpt-6.1-terra",
    ]
    seeded = replace(ASK, task_type="analysis", preferences=Preferences(seed=7, unsupported="refuse"))
    assert names(ORDER, seeded) == ["-claude-sonnet-5-5", "gpt-6.1-terra", "gemini-3.8-flash", "gpt-4o"]


def test_a_fallback_order_stands_behind_the_callers_own_model_and_a_chain_that_the_user_wrote() -> None:
    assert names(ORDER, replace(ASK, preferences=Preferences(model="claude"))) == [
        "claude-sonnet-5-5",
        "gemini-3.8-flash",
        "gpt-4o",
        "gpt-6.1-terra",
    ]
    assert names(ORDER, replace(ASK, preferences=Preferences(model="claude", fallback="none"))) == ["claude-sonnet-5-5"]
    written = replace(ORDER, routing=replace(ORDER.routing, chains={"general": ("claude", "gpt-5")}))
    assert names(written, ASK) == ["claude-sonnet-5-5", "gpt-5", "gemini-3.8-flash", "gpt-4o", "gpt-6.1-terra"]
    assert fallback_chain(ORDER, "claude") == ("gemini-3.8-flash", "gpt-4o", "gpt-6.1-terra")


def test_no_strategy_changes_a_fallback_order() -> None:
    cheap = replace(ASK, task_type="analysis", preferences=Preferences(priority="low"))
    dear_first = replace(ORDER, routing=replace(ORDER.routing, fallback_order=("gpt-4o", "gemini", "claude")))
    assert names(dear_first, cheap) == ["gpt-6.1-terra", "gpt-4o", "gemini-3.8-flash", "claude-sonnet-5-5"]


POOL = LLMConfig(
    models={
        "east": ModelSettings(provider="custom", weight=1.0, prompt_usd=5.0, completion_usd=5.0),
        "west": ModelSettings(provider="custom", weight=3.0, prompt_usd=1.0, completion_usd=1.0),
        "spare": ModelSettings(provider="custom", weight=0.0),
        "chat": ModelSettings(pool=("east", "west", "spare")),
        "other": ModelSettings(provider="custom", prompt_usd=2.0, completion_usd=2.0),
    }
)


def draws(config: LLMConfig, *chances: float) -> list[str]:
    found = candidates(config, replace(ASK, preferences=Preferences(model="chat")), {}).unwrap()
    left = iter(chances)
    order = drawn_order(found, lambda: next(left))
    return [each.target.model for each in order if isinstance(each, Chosen)]


def test_a_pool_is_listed_with_the_most_likely_first_and_drawn_by_weight() -> None:
    assert told(POOL, replace(ASK, preferences=Preferences(model="chat")))[:3] == [
        ("west", "the caller's own choice, drawn from the pool chat by its weight of 3"),
        ("east", "the caller's own choice, drawn from the pool chat by its weight of 1"),
        ("spare", "the caller's own choice, drawn from the pool chat by its weight of 0"),
    ]
    assert draws(POOL, 0.74) == ["west", "east", "spare", "other"]
    assert draws(POOL, 0.76) == ["east", "west", "spare", "other"]


def test_a_pool_stands_where_its_best_member_does_and_stays_together() -> None:
    cheap = replace(ASK, preferences=Preferences(priority="low"))
    assert names(chained(POOL, "other", "chat"), cheap) == ["west", "east", "spare", "other"]


def test_a_member_that_cannot_answer_takes_no_part_in_the_draw() -> None:
    blind = replace(POOL, models={**POOL.models, "west": ModelSettings(provider="custom", capabilities=frozenset())})
    found = candidates(chained(blind, "chat"), LLMRequest(prompt="x", tools=(Tool(name="f"),)), {}).unwrap()
    order = drawn_order(found, lambda: 0.0)
    assert [each.target.model if isinstance(each, Chosen) else f"-{each.name}" for each in order] == [
        "east",
        "-west",
        "spare",
    ]


def test_a_pool_holds_models_and_no_pools() -> None:
    nested = replace(POOL, models={**POOL.models, "all": ModelSettings(pool=("other", "chat"))})
    said = Problem("models.all.pool", "names 'chat', which is a pool itself: name its members")
    assert resolve(nested, "all") == Failure(ConfigurationError((said,)))
    assert resolve(POOL, "chat").unwrap().model == "east"


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
