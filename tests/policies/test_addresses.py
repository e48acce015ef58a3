"""Where a model is asked and with whose key: what is secret of a provider stays at the provider's own server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    ConfigurationError,
    HttpSettings,
    KeySettings,
    LLMConfig,
    ModelSettings,
    Problem,
    ProviderSettings,
    Secret,
)
from llm_manager.domain.catalog import PROVIDERS
from llm_manager.domain.compatible_providers import COMPATIBLE
from llm_manager.domain.provider_facts import ProviderFacts
from llm_manager.policies.routing import broken_models
from llm_manager.policies.targets import is_configured, resolve

KEY = Secret("sk-canary-0123456789")
OPENAI = LLMConfig(keys=KeySettings(providers={"openai": (KEY,)}))


def mine(settings: ModelSettings, config: LLMConfig = OPENAI) -> LLMConfig:
    return replace(config, models={"mine": settings})


def test_another_server_without_a_key_of_its_own_says_what_to_write() -> None:
    config = mine(ModelSettings(provider="openai", model="m", base_url="https://llm.example/v1"))
    said = (
        "is missing: the key of openai belongs to api.openai.com and is not sent to llm.example; write the key for "
        "llm.example here (or name its variable in key_variable), or, for a server that takes none, provider = 'vllm' "
        "or one stated under [providers]"
    )
    assert resolve(config, "mine") == Failure(ConfigurationError((Problem("models.mine.key", said),)))


def test_another_server_is_asked_with_the_key_of_the_model() -> None:
    settings = ModelSettings(provider="openai", model="m", base_url="https://llm.example/v1", key=Secret("of-example"))
    target = resolve(mine(settings), "mine").unwrap()
    assert (target.base_url, target.key_pool) == ("https://llm.example/v1", "models.mine")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/v1", "http://localhost:8000/v1", "http://[::1]:8000/v1"])
def test_a_server_on_this_machine_is_asked_without_any_key(url: str) -> None:
    target = resolve(mine(ModelSettings(provider="openai", model="m", base_url=url)), "mine").unwrap()
    assert (target.base_url, target.key_pool) == (url, None)


@pytest.mark.parametrize("url", ["https://api.openai.com/v1/", "https://API.openai.com:443/other"])
def test_the_server_of_the_provider_is_asked_with_its_key_also_under_another_path(url: str) -> None:
    assert resolve(mine(ModelSettings(model="gpt-4o", base_url=url)), "mine").unwrap().key_pool == "openai"


def test_an_address_that_is_configured_for_a_provider_takes_its_key() -> None:
    config = replace(OPENAI, http=HttpSettings(base_urls={"openai": "https://proxy.example/v1"}))
    at_vendor = mine(ModelSettings(model="gpt-4o", base_url="https://api.openai.com/v1"), config)
    assert resolve(config, "gpt-4o").unwrap().key_pool == "openai"
    assert isinstance(resolve(at_vendor, "mine"), Failure), "then its key belongs there, and not to the vendor"


def test_a_model_can_have_a_key_of_its_own_at_its_provider() -> None:
    target = resolve(mine(ModelSettings(model="gpt-4o", key=Secret("of-the-model"))), "mine").unwrap()
    assert (target.base_url, target.key_pool) == ("https://api.openai.com/v1", "models.mine")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (ModelSettings(model="gpt-4o"), "max_completion_tokens"),
        (ModelSettings(model="gpt-4o", base_url="https://api.openai.com/v1"), "max_completion_tokens"),
        (ModelSettings(provider="openai", base_url="http://127.0.0.1:1/v1"), "max_tokens"),
        (ModelSettings(provider="groq", base_url="http://127.0.0.1:1/v1"), "max_tokens"),
        (
            ModelSettings(provider="openai", base_url="http://127.0.0.1:1/v1", limit_field="max_completion_tokens"),
            "max_completion_tokens",
        ),
        (
            ModelSettings(provider="azure_openai", base_url="https://me.openai.azure.com", key=KEY),
            "max_completion_tokens",
        ),
    ],
)
def test_the_limit_has_the_name_that_the_server_knows(settings: ModelSettings, field: str) -> None:
    assert resolve(mine(settings), "mine").unwrap().provider.limit_field == field


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (LLMConfig(http=HttpSettings(base_urls={"openai": "http://127.0.0.1:1/v1"})), "max_tokens"),
        (LLMConfig(http=HttpSettings(base_urls={"openai": "https://eu.api.openai.com/v1"})), "max_completion_tokens"),
        (LLMConfig(providers={"openai": ProviderSettings(base_url="http://127.0.0.1:1/v1")}), "max_tokens"),
        (
            LLMConfig(
                providers={"openai": ProviderSettings(limit_field="max_completion_tokens")},
                http=HttpSettings(base_urls={"openai": "http://127.0.0.1:1/v1"}),
            ),
            "max_completion_tokens",
        ),
    ],
)
def test_a_vendor_at_another_address_is_a_server_like_others(config: LLMConfig, field: str) -> None:
    keyed = replace(config, keys=KeySettings(providers={"openai": (KEY,)}))
    assert resolve(keyed, "openai/gpt-4o").unwrap().provider.limit_field == field


def test_a_model_that_refuses_the_older_name_is_never_told_it() -> None:
    proxy = ModelSettings(model="gpt-6.1-terra", provider="openai", base_url="http://127.0.0.1:1/v1")
    assert resolve(mine(proxy), "mine").unwrap().provider.limit_field == "max_completion_tokens"
    stated = replace(proxy, limit_field="max_tokens")
    assert resolve(mine(stated), "mine").unwrap().provider.limit_field == "max_tokens"


@pytest.mark.parametrize(
    ("settings", "is_native"),
    [
        (ModelSettings(model="claude-haiku-5-5"), True),
        (ModelSettings(provider="anthropic", base_url="http://127.0.0.1:1/v1"), False),
        (ModelSettings(provider="anthropic", base_url="https://api.anthropic.com/v1"), True),
        (
            ModelSettings(
                provider="anthropic",
                base_url="http://127.0.0.1:1/v1",
                capabilities=frozenset({"tools", "json_schema"}),
            ),
            True,
        ),
    ],
)
def test_a_copy_of_anthropics_wire_has_a_native_schema_where_it_is_stated(
    settings: ModelSettings, *, is_native: bool
) -> None:
    config = replace(mine(settings), keys=KeySettings(providers={"anthropic": (KEY,)}))
    assert ("json_schema" in resolve(config, "mine").unwrap().facts.capabilities) == is_native


ACME = ProviderSettings(
    base_url="https://llm.acme.example/api", key=KEY, headers={"X-Team": Secret("blue")}, limit_field="max_tokens"
)


def test_a_stated_provider_is_resolved_by_alias_and_by_name() -> None:
    config = LLMConfig(providers={"acme": ACME}, models={"fast": ModelSettings(provider="acme", model="acme-1")})
    fast, named = resolve(config, "fast").unwrap(), resolve(config, "acme/acme-1").unwrap()
    assert (fast.model, fast.service, fast.base_url) == ("acme-1", "acme", "https://llm.acme.example/api")
    assert (fast.key_pool, fast.headers) == ("acme", (("x-team", Secret("blue")),))
    assert replace(named, settings=None) == replace(fast, settings=None)
    assert is_configured(config, fast.provider)


def test_the_headers_of_a_provider_stay_at_its_server() -> None:
    elsewhere = ModelSettings(provider="acme", model="m", base_url="https://other.example/v1", key=Secret("of-other"))
    config = LLMConfig(providers={"acme": ACME}, models={"mine": elsewhere})
    assert resolve(config, "mine").unwrap().headers == ()


def test_a_stated_provider_of_another_wire_has_its_facts() -> None:
    config = LLMConfig(providers={"proxy": ProviderSettings(wire="anthropic", base_url="https://proxy.example/claude")})
    target = resolve(config, "proxy/claude-x").unwrap()
    assert target.base_url == "https://proxy.example/claude/v1"
    assert target.provider.default_max_tokens == PROVIDERS["anthropic"].default_max_tokens


def test_a_row_of_the_catalog_can_be_stated_anew() -> None:
    stated = ProviderSettings(capabilities=frozenset({"tools"}), limit_field="max_tokens")
    row = resolve(replace(OPENAI, providers={"openai": stated}), "openai/new").unwrap().provider
    assert (row.capabilities, row.limit_field) == (frozenset({"tools"}), "max_tokens")
    assert row.base_url == PROVIDERS["openai"].base_url


def test_a_provider_without_an_address_says_what_to_state() -> None:
    found = resolve(LLMConfig(providers={"acme": ProviderSettings(key=KEY)}), "acme/m")
    problem = Problem("http.base_urls.acme", "acme has no address: set providers.acme.base_url")
    assert found == Failure(ConfigurationError((problem,)))


@pytest.mark.parametrize("row", COMPATIBLE, ids=lambda row: row.name)
def test_every_ready_row_is_reached_with_its_variables_alone(row: ProviderFacts) -> None:
    keys = KeySettings(providers={row.name: (KEY,)})
    urls = {} if row.base_url else {row.name: "https://here.example"}
    target = resolve(LLMConfig(keys=keys, http=HttpSettings(base_urls=urls)), f"{row.name}/some/model").unwrap()
    assert (target.model, target.key_pool) == ("some/model", row.name)
    assert (row.as_of, bool(row.source)) == ("2026-12-01", True)


@pytest.mark.parametrize("url", ["https://x.example/v1/chat/completions", "https://x.example/v1/messages/"])
def test_an_address_with_an_endpoint_says_to_leave_it_off(url: str) -> None:
    found = resolve(replace(OPENAI, http=HttpSettings(base_urls={"openai": url})), "gpt-4o")
    ending = url.removeprefix("https://x.example/v1").rstrip("/")
    problem = Problem("http.base_urls.openai", f"ends in {ending}, which is added to it: leave that off")
    assert found == Failure(ConfigurationError((problem,)))


BROKEN = {"openai": (KEY,), "groq": (Secret('"gsk-canary-0123456789"'),)}


def test_a_key_in_quotes_keeps_its_own_provider_from_being_asked_and_no_other() -> None:
    config = LLMConfig(keys=KeySettings(providers=BROKEN), sources={"keys.providers.groq": "GROQ_API_KEY"})
    said = "stands in quotes, which are sent as a part of it: remove them"
    error = ConfigurationError((Problem("keys.providers.groq.0", said, "GROQ_API_KEY"),))
    assert isinstance(resolve(config, "gpt-4o"), Success)
    assert resolve(config, "openai/gpt-oss-120b") == Failure(error)
    assert ("groq", "openai/gpt-oss-120b", error) in broken_models(config)


def test_a_broken_header_or_key_of_a_model_is_named() -> None:
    stated = {"acme": replace(ACME, headers={"X-Team": Secret("a\nb")})}
    config = LLMConfig(providers=stated, models={"mine": ModelSettings(model="acme/m", key=Secret("'k'"))})
    error = resolve(config, "mine").failure()
    assert isinstance(error, ConfigurationError)
    paths = [each.path for each in error.problems]
    assert paths == ["providers.acme.headers.X-Team", "models.mine.key"]
