"""From a name to a target."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager.domain.catalog import FREE, PROVIDERS, Capability, LongRates, ModelFacts, Price
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.environment import Layered, from_environment
from llm_manager.domain.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidRequest,
)
from llm_manager.domain.models import MODELS
from llm_manager.domain.parse_config import configured
from llm_manager.domain.problem import Problem
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import HttpSettings, KeySettings, ModelSettings
from llm_manager.domain.target import Target
from llm_manager.policies.targets import resolve

KEY = (Secret("sk-canary-0123456789"),)
OPENAI = LLMConfig(keys=KeySettings(providers={"openai": KEY}))
GATEWAY = LLMConfig(keys=KeySettings(providers={"portkey": KEY}))


def test_a_family_is_the_first_of_its_models_that_can_be_reached() -> None:
    assert resolve(OPENAI, "gpt").unwrap().model == "gpt-6.1-terra"
    only_groq = LLMConfig(keys=KeySettings(providers={"groq": KEY}))
    assert resolve(only_groq, "gpt").unwrap().model == "openai/gpt-oss-120b"


def test_a_model_nobody_knows_is_usable_when_its_provider_is_told() -> None:
    target = resolve(OPENAI, "openai/some-new-model").unwrap()
    assert (target.model, target.facts.price, target.facts.window_tokens) == ("some-new-model", None, None)
    assert resolve(OPENAI, "gpt-99").unwrap().provider.name == "openai"


def test_a_known_model_without_a_key_says_which_variable_would_help() -> None:
    error = resolve(LLMConfig(), "gpt-4o").failure()
    assert isinstance(error, AuthenticationFailed)
    assert "OPENAI_API_KEY" in error.message


@pytest.mark.parametrize(
    ("model", "address"),
    [
        ("claude-sonnet-5-5", "https://api.anthropic.com/v1"),
        ("gemini-3.8-flash", "https://generativelanguage.googleapis.com/v1beta"),
        ("ollama/llama3.2", "http://127.0.0.1:11434/api"),
    ],
)
def test_each_provider_is_called_directly_where_its_own_wire_begins(model: str, address: str) -> None:
    keys = KeySettings(providers={"anthropic": (KEY[0],), "gemini": (KEY[0],)})
    direct = LLMConfig(keys=keys, http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:11434"}))
    assert resolve(direct, model).unwrap().base_url == address


def test_a_gateway_takes_the_place_of_a_direct_connection() -> None:
    assert resolve(GATEWAY, "claude-sonnet-5-5").unwrap().service == "portkey"


def test_with_a_gateway_every_hosted_model_goes_through_it_and_local_ones_do_not() -> None:
    config = replace(GATEWAY, http=HttpSettings(base_urls={"lm_studio": "http://127.0.0.1:1234"}))
    hosted, local = resolve(config, "gpt-4o").unwrap(), resolve(config, "lm_studio/x").unwrap()
    assert (hosted.service, hosted.base_url) == ("portkey", "https://api.portkey.ai/v1")
    assert (local.service, local.base_url) == ("lm_studio", "http://127.0.0.1:1234/v1")


def test_the_users_own_base_url_becomes_the_gateways_custom_host() -> None:
    urls = {"portkey": "http://127.0.0.1:8787", "openai": "https://proxy.example/v1"}
    config = LLMConfig(http=HttpSettings(base_urls=urls), keys=KeySettings(providers={"openai": KEY}))
    target = resolve(config, "gpt-4o").unwrap()
    assert (target.base_url, target.custom_host) == ("http://127.0.0.1:8787/v1", "https://proxy.example/v1")


def test_an_alias_takes_its_own_address_window_and_price() -> None:
    settings = ModelSettings(
        provider="openai",
        model="m",
        base_url="https://my.example/v1",
        key=Secret("of-my-example"),
        window_tokens=10,
        prompt_usd=1,
        completion_usd=2,
    )
    target = resolve(replace(OPENAI, models={"mine": settings}), "mine").unwrap()
    assert (target.model, target.base_url, target.facts.window_tokens) == ("m", "https://my.example/v1", 10)
    assert target.facts.price is not None
    assert target.facts.price.source == "configuration"


NOTHING = ModelSettings()
WAY_OUT = "(write provider/model for one that is not in the catalog)"


def direct(name: str, provider: str = "openai", capabilities: frozenset[Capability] | None = None) -> Target:
    """*name* as *provider* is asked for it without a gateway, at its usual address."""
    row = PROVIDERS[provider]
    known = MODELS.get(name, ModelFacts(name=name, provider=provider, capabilities=row.capabilities))
    return Target(
        model=name,
        provider=row,
        facts=known if capabilities is None else replace(known, capabilities=capabilities),
        service=provider,
        base_url=row.base_url,
        key=f"{provider}|{row.base_url}|{name}",
        key_pool=provider,
        settings=NOTHING,
    )


EVERY = LLMConfig(keys=KeySettings(providers={"openai": KEY, "groq": KEY, "anthropic": KEY}))

NEWEST = MODELS["gpt-6.1-terra"]
LIKE_THE_NEWEST = replace(
    direct("gpt-99"),
    facts=ModelFacts(
        name="gpt-99",
        provider="openai",
        capabilities=NEWEST.capabilities,
        guessed_from="gpt-6.1-terra",
        unsupported=NEWEST.unsupported,
        reasons_with_tools=NEWEST.reasons_with_tools,
        typical_latency_ms=NEWEST.typical_latency_ms,
    ),
)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("gpt-4o", direct("gpt-4o")),
        ("openai/gpt-4o", direct("gpt-4o")),
        ("groq/openai/gpt-oss-120b", direct("openai/gpt-oss-120b", "groq")),
        ("groq/gpt-4o", None),
        ("gpt-99", LIKE_THE_NEWEST),
        ("openai/new", direct("new")),
        ("claude-sonnet-5-5", direct("claude-sonnet-5-5", "anthropic")),
    ],
)
def test_a_target_holds_all_that_is_known_of_its_model(name: str, target: Target | None) -> None:
    if target is None:  # a model of another provider's catalog: nothing is known of it here
        bare = ModelFacts(name="gpt-4o", provider="groq", capabilities=PROVIDERS["groq"].capabilities)
        target = replace(direct("gpt-4o", "groq"), facts=bare)
    assert resolve(EVERY, name) == Success(target)


def test_behind_the_gateway_a_model_cannot_do_what_the_gateway_does_not_pass_on() -> None:
    own = direct("claude-sonnet-5-5", "anthropic", capabilities=frozenset({"vision", "tools"}))
    url = "https://api.portkey.ai/v1"
    key = f"anthropic|{url}|claude-sonnet-5-5"
    behind = replace(own, service="portkey", base_url=url, key=key, key_pool=None)
    assert resolve(GATEWAY, "claude-sonnet-5-5") == Success(behind)


@pytest.mark.parametrize(
    ("settings", "model"),
    [
        (ModelSettings(provider="openai", model="gpt-4o"), "gpt-4o"),
        (ModelSettings(provider="openai"), "mine"),
        (ModelSettings(model="gpt-4o"), "gpt-4o"),
    ],
)
def test_an_alias_knows_what_is_known_of_its_model(settings: ModelSettings, model: str) -> None:
    config = replace(OPENAI, models={"mine": settings})
    assert resolve(config, "mine") == Success(replace(direct(model), settings=settings))


def test_an_alias_of_another_providers_model_takes_none_of_its_facts() -> None:
    settings = ModelSettings(provider="custom", model="gpt-4o")
    facts = ModelFacts(name="gpt-4o", provider="custom", capabilities=PROVIDERS["custom"].capabilities)
    target = resolve(LLMConfig(models={"mine": settings}), "mine").unwrap()
    assert (target.facts, target.key) == (facts, "custom||gpt-4o")


LONG = LongRates(above_tokens=200, prompt_usd=4.0, completion_usd=15.0, cached_usd=0.4)
LISTED = Price(
    prompt_usd=2.0,
    completion_usd=10.0,
    cached_usd=0.2,
    cache_hour_usd=4.0,
    long=(LONG,),
    service_tiers=frozenset({"priority"}),
    as_of="2026-11-21",
    source="a page",
)

MINE = ModelSettings(
    provider="openai",
    model="gpt-4o",
    virtual_key=Secret("vk-canary-01234567"),
    capabilities=frozenset({"tools"}),
    window_tokens=10,
    context_tokens=20,
    max_output_tokens=5,
    prompt_usd=1.0,
    completion_usd=2.0,
    cached_usd=0.5,
)


def test_what_the_configuration_states_goes_before_the_catalog() -> None:
    facts = replace(
        MODELS["gpt-4o"],
        capabilities=frozenset({"tools"}),
        window_tokens=10,
        max_output_tokens=5,
        price=Price(prompt_usd=1.0, completion_usd=2.0, cached_usd=0.5, as_of="", source="configuration"),
    )
    target = replace(direct("gpt-4o"), facts=facts, settings=MINE)
    assert resolve(replace(OPENAI, models={"mine": MINE}), "mine") == Success(target)


BEHIND = LLMConfig(http=HttpSettings(base_urls={"portkey": "http://127.0.0.1:1/v1"}))


def virtual_key_of(config: LLMConfig, name: str) -> str | None:
    key = resolve(config, name).unwrap().virtual_key
    return None if key is None else key.reveal()


def test_a_virtual_key_is_a_key_behind_a_gateway_and_nowhere_else() -> None:
    models = {"mine": MINE}
    assert virtual_key_of(replace(BEHIND, models=models), "mine") == "vk-canary-01234567"
    assert resolve(LLMConfig(models=models), "mine") == Failure(
        AuthenticationFailed("gpt-4o", message="no key for openai is configured: set OPENAI_API_KEY")
    )


def test_a_virtual_key_follows_the_family_and_not_the_spelling_of_the_name() -> None:
    environ = {
        "PORTKEY_API_KEY": "pk-canary-0123456789",
        "PORTKEY_GPT4_VIRTUAL_KEY": "vk-of-gpt-012345678",
        "PORTKEY_CLAUDE_VIRTUAL_KEY": "vk-of-claude-0123456",
        "PORTKEY_LLAMA_VIRTUAL_KEY": "vk-of-llama-01234567",
    }
    found = configured(from_environment(environ, Layered({}, {}))).unwrap()
    own = ModelSettings(model="gpt-4o", virtual_key=Secret("vk-of-its-own-012345"))
    config = replace(found, models={**found.models, "fast": ModelSettings(model="gpt-4o-mini"), "own": own})
    names = ("gpt-4", "gpt-5.6-terra", "gpt", "fast", "claude-3-opus", "claude", "llama-70b", "llama", "gemini", "own")
    assert {name: virtual_key_of(config, name) for name in names} == {
        "gpt-4": "vk-of-gpt-012345678",
        "gpt-5.6-terra": "vk-of-gpt-012345678",
        "gpt": "vk-of-gpt-012345678",
        "fast": "vk-of-gpt-012345678",
        "claude-3-opus": "vk-of-claude-0123456",
        "claude": "vk-of-claude-0123456",
        "llama-70b": "vk-of-llama-01234567",
        "llama": "vk-of-llama-01234567",
        "gemini": None,
        "own": "vk-of-its-own-012345",
    }


@pytest.mark.parametrize(
    ("settings", "price"),
    [
        (ModelSettings(prompt_usd=3.0), replace(LISTED, prompt_usd=3.0)),
        (ModelSettings(completion_usd=7.0), replace(LISTED, completion_usd=7.0)),
        (ModelSettings(cached_usd=0.1), replace(LISTED, cached_usd=0.1)),
        (ModelSettings(prompt_usd=9.0), replace(LISTED, prompt_usd=9.0, long=(replace(LONG, prompt_usd=9.0),))),
        (ModelSettings(prompt_usd=0.1), replace(LISTED, prompt_usd=0.1, cached_usd=0.1)),
        (
            ModelSettings(reasoning_usd=30.0),
            replace(LISTED, reasoning_usd=30.0, long=(replace(LONG, reasoning_usd=30.0),)),
        ),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "ollama"])
def test_a_rate_by_itself_completes_the_listed_price(settings: ModelSettings, price: Price, provider: str) -> None:
    model = f"{provider}/listed"
    urls = {"ollama": "http://127.0.0.1:11434"}
    config = replace(OPENAI, prices={model: LISTED}, http=HttpSettings(base_urls=urls), models={model: settings})
    assert resolve(config, model).unwrap().facts.price == replace(price, source="configuration; a page")


def test_a_rate_by_itself_completes_the_catalogs_row() -> None:
    row = MODELS["gpt-4o"]
    assert row.price is not None
    price = replace(row.price, completion_usd=1.0, services=(), source=f"configuration; {row.price.source}")
    config = replace(OPENAI, models={"mine": ModelSettings(model="gpt-4o", completion_usd=1.0)})
    assert resolve(config, "mine").unwrap().facts == replace(row, price=price)


@pytest.mark.parametrize(
    ("settings", "at", "missing"),
    [
        (ModelSettings(provider="openai", prompt_usd=1.0), "prompt_usd", "completion_usd"),
        (ModelSettings(provider="openai", completion_usd=1.0), "completion_usd", "prompt_usd"),
        (ModelSettings(model="gpt-99", cached_usd=0.0), "cached_usd", "prompt_usd and completion_usd"),
        (ModelSettings(model="openai/new", prompt_usd=1.0, reasoning_usd=1.0), "prompt_usd", "completion_usd"),
        (ModelSettings(model="ollama/new", prompt_usd=1.0), "prompt_usd", "completion_usd"),
        (ModelSettings(model="llama", prompt_usd=1.0), "prompt_usd", "completion_usd"),
        (ModelSettings(provider="openai", model="openai/gpt-oss-120b", prompt_usd=1.0), "prompt_usd", "completion_usd"),
    ],
)
def test_a_rate_that_nothing_completes_says_what_is_missing(settings: ModelSettings, at: str, missing: str) -> None:
    urls = {"ollama": "http://127.0.0.1:11434"}
    config = replace(OPENAI, http=HttpSettings(base_urls=urls), models={"mine": settings})
    error = resolve(config, "mine").failure()
    assert isinstance(error, ConfigurationError)
    [problem] = error.problems
    assert problem.path == f"models.mine.{at}"
    assert problem.message.startswith(f"is no price without {missing}, ")


def test_what_is_missing_of_a_price_says_what_to_write() -> None:
    config = replace(OPENAI, models={"mine": ModelSettings(provider="openai", model="m", prompt_usd=1.0)})
    said = (
        "is no price without completion_usd, and none is listed of openai/m to complete it: "
        "write completion_usd too, in US dollars for a million tokens (0 where it is free)"
    )
    assert resolve(config, "mine") == Failure(ConfigurationError((Problem("models.mine.prompt_usd", said),)))


def test_what_the_configuration_does_not_state_stays_as_the_catalog_has_it() -> None:
    settings = ModelSettings(model="claude-sonnet-5-5", context_tokens=20)
    facts = replace(MODELS["claude-sonnet-5-5"], window_tokens=20)
    assert resolve(replace(EVERY, models={"mine": settings}), "mine").unwrap().facts == facts


def test_a_file_is_what_tells_two_models_in_process_apart() -> None:
    settings = ModelSettings(provider="llama_cpp", path="tiny.gguf")
    assert resolve(LLMConfig(models={"mine": settings}), "mine").unwrap().key == "llama_cpp||tiny.gguf"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.0.0.1:1/v1/", "http://127.0.0.1:1/v1"),
        ("https://my.example/X/", "https://my.example/X"),
        ("https://my.example/a/b", "https://my.example/a/b"),
    ],
)
def test_an_openai_address_is_used_as_it_is_written_but_for_the_slash_at_its_end(url: str, address: str) -> None:
    config = replace(OPENAI, http=HttpSettings(base_urls={"openai": url}))
    target = resolve(config, "gpt-4o").unwrap()
    assert (target.base_url, target.custom_host) == (address, None)
    mine = replace(OPENAI, models={"mine": ModelSettings(model="gpt-4o", base_url=url, key=KEY[0])})
    assert resolve(mine, "mine").unwrap().base_url == address


@pytest.mark.parametrize(
    ("provider", "url", "address"),
    [
        ("anthropic", "https://my.example", "https://my.example/v1"),
        ("anthropic", "https://my.example/anthropic", "https://my.example/anthropic/v1"),
        ("anthropic", "https://my.example/v1/", "https://my.example/v1"),
        ("gemini", "https://my.example/google", "https://my.example/google/v1beta"),
        ("gemini", "https://my.example/v1", "https://my.example/v1"),
        ("groq", "https://my.example", "https://my.example/openai/v1"),
        ("azure_openai", "https://me.openai.azure.com/", "https://me.openai.azure.com/openai/v1"),
        ("vllm", "http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("ollama", "http://api", "http://api/api"),
    ],
)
def test_an_address_gets_the_version_of_its_wire_unless_it_ends_in_one(provider: str, url: str, address: str) -> None:
    config = LLMConfig(keys=KeySettings(providers={provider: KEY}), http=HttpSettings(base_urls={provider: url}))
    assert resolve(config, f"{provider}/m").unwrap().base_url == address


def test_an_alias_with_an_address_of_its_own_goes_there_and_not_through_the_gateway() -> None:
    settings = ModelSettings(provider="openai", model="m", base_url="https://my.example/v1", key=KEY[0])
    target = resolve(replace(GATEWAY, models={"mine": settings}), "mine").unwrap()
    assert (target.service, target.base_url, target.custom_host) == ("openai", "https://my.example/v1", None)


def test_the_gateway_forwards_to_its_own_hosts_unless_the_user_has_one() -> None:
    assert resolve(GATEWAY, "gpt-4o").unwrap().custom_host is None


def test_a_gateway_of_ones_own_without_any_key_has_none_for_a_provider() -> None:
    config = LLMConfig(http=HttpSettings(base_urls={"portkey": "http://127.0.0.1:8787"}))
    said = "no key for openai is configured: set OPENAI_API_KEY"
    assert resolve(config, "gpt-4o") == Failure(AuthenticationFailed("gpt-4o", message=said))


def test_a_family_that_cannot_be_reached_tells_every_way_to_it_once() -> None:
    said = (
        "lm_studio has no address: set LM_STUDIO_URL; or ollama has no address: set OLLAMA_HOST; "
        "or no key for groq is configured: set GROQ_API_KEY"
    )
    assert resolve(LLMConfig(), "llama") == Failure(AuthenticationFailed("llama", message=said))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("zzz", f"unknown model 'zzz' {WAY_OUT}"),
        ("4o", f"unknown model '4o'; did you mean o3 or gpt-4o? {WAY_OUT}"),
        (
            "claud",
            f"unknown model 'claud'; did you mean claude or claude-opus-5 or claude-fable-5? {WAY_OUT}",
        ),
    ],
)
def test_what_cannot_be_told_is_said_with_the_names_that_come_near(name: str, said: str) -> None:
    assert resolve(EVERY, name) == Failure(InvalidRequest((Problem("preferences.model", said),)))


@pytest.mark.parametrize("name", ["openai", "openai/", "/gpt-4o", "llama_cpp/x"])
def test_a_provider_without_a_model_is_no_target_and_neither_is_a_file_without_an_alias(name: str) -> None:
    assert isinstance(resolve(EVERY, name).failure(), InvalidRequest)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            ModelSettings(provider="opnai"),
            Problem(
                "models.mine.provider",
                f"unknown provider 'opnai': use one of {', '.join(PROVIDERS)}",
            ),
        ),
        (
            ModelSettings(provider="llama_cpp"),
            Problem("models.mine.path", "a model of llama_cpp needs the path of its GGUF file"),
        ),
        (
            ModelSettings(provider="lm_studio"),
            Problem("http.base_urls.lm_studio", "lm_studio has no address: set LM_STUDIO_URL"),
        ),
    ],
)
def test_an_alias_that_leads_nowhere_says_what_to_set(settings: ModelSettings, problem: Problem) -> None:
    assert resolve(LLMConfig(models={"mine": settings}), "mine") == Failure(ConfigurationError((problem,)))


def test_prices_of_the_configuration_go_before_the_catalogs() -> None:
    mine = Price(prompt_usd=1.0, completion_usd=2.0, as_of="2026-11-21", source="mine")
    keys = KeySettings(providers={"openai": (Secret("k" * 20),)})
    priced = LLMConfig(keys=keys, prices={"openai/gpt-4o": mine})
    assert resolve(priced, "gpt-4o").unwrap().facts.price == mine
    assert resolve(priced, "gpt-4o-mini").unwrap().facts == resolve(LLMConfig(keys=keys), "gpt-4o-mini").unwrap().facts


def test_an_alias_states_every_kind_of_price() -> None:
    settings = ModelSettings(
        provider="custom",
        base_url="https://x.example/v1",
        prompt_usd=1.0,
        completion_usd=2.0,
        cached_usd=0.1,
        cache_write_usd=1.25,
        reasoning_usd=3.0,
    )
    assert resolve(LLMConfig(models={"m": settings}), "m").unwrap().facts.price == Price(
        prompt_usd=1.0,
        completion_usd=2.0,
        cached_usd=0.1,
        cache_write_usd=1.25,
        reasoning_usd=3.0,
        as_of="",
        source="configuration",
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:11434", "http://gpu.example:11434", "https://ollama.example"])
def test_a_self_hosted_model_costs_nothing_wherever_its_server_is(url: str) -> None:
    config = LLMConfig(http=HttpSettings(base_urls={"ollama": url, "lm_studio": url}))
    assert [resolve(config, name).unwrap().facts.price for name in ("ollama/x", "lm_studio/x")] == [FREE, FREE]
    inside = LLMConfig(models={"mine": ModelSettings(provider="llama_cpp", path="/models/a.gguf")})
    assert resolve(inside, "mine").unwrap().facts.price == FREE


def test_a_self_hosted_model_costs_what_the_user_says_it_does() -> None:
    server = LLMConfig(http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:11434"}))
    mine = ModelSettings(provider="ollama", model="x", prompt_usd=1.0, completion_usd=2.0)
    price = resolve(replace(server, models={"mine": mine}), "mine").unwrap().facts.price
    assert price == Price(prompt_usd=1.0, completion_usd=2.0, as_of="", source="configuration")
    listed = Price(prompt_usd=3.0, completion_usd=4.0, as_of="2026-11-30", source="test")
    assert resolve(replace(server, prices={"ollama/x": listed}), "ollama/x").unwrap().facts.price == listed


def test_a_server_of_another_provider_has_no_price_of_its_own() -> None:
    config = LLMConfig(keys=KeySettings(providers={"openai": KEY}), http=HttpSettings(base_urls={"openai": "http://x"}))
    assert resolve(config, "openai/mine").unwrap().facts.price is None
