"""From a name to a target."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import (
    AuthenticationFailed,
    ConfigurationError,
    InvalidRequest,
)
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import HttpSettings, KeySettings, ModelSettings
from llm_manager.policies.targets import resolve

KEY = (Secret("sk-canary-0123456789"),)
OPENAI = LLMConfig(keys=KeySettings(providers={"openai": KEY}))
GATEWAY = LLMConfig(keys=KeySettings(providers={"portkey": KEY}))


def test_a_family_is_the_first_of_its_models_that_can_be_reached() -> None:
    assert resolve(OPENAI, "gpt").unwrap().model == "gpt-5.6-terra"
    only_groq = LLMConfig(keys=KeySettings(providers={"groq": KEY}))
    assert resolve(only_groq, "gpt").unwrap().model == "openai/gpt-oss-120b"


def test_a_model_nobody_knows_is_usable_when_its_provider_is_told() -> None:
    target = resolve(OPENAI, "openai/some-new-model").unwrap()
    assert (target.model, target.facts.price, target.facts.window_tokens) == ("some-new-model", None, None)
    assert resolve(OPENAI, "gpt-99").unwrap().provider.name == "openai"


def test_a_name_that_tells_no_provider_is_invalid_and_near_names_are_offered() -> None:
    error = resolve(OPENAI, "claud").failure()
    assert isinstance(error, InvalidRequest)
    assert "claude" in error.problems[0].message
    assert isinstance(resolve(OPENAI, "llama_cpp/x").failure(), InvalidRequest)


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
        provider="openai", model="m", base_url="https://my.example/v1", window_tokens=10, prompt_usd=1, completion_usd=2
    )
    target = resolve(replace(OPENAI, models={"mine": settings}), "mine").unwrap()
    assert (target.model, target.base_url, target.facts.window_tokens) == ("m", "https://my.example/v1", 10)
    assert target.facts.price is not None
    assert target.facts.price.source == "configuration"


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        (ModelSettings(provider="opnai"), "models.mine.provider"),
        (ModelSettings(provider="llama_cpp"), "models.mine.path"),
        (ModelSettings(provider="lm_studio"), "http.base_urls.lm_studio"),
    ],
)
def test_an_alias_that_leads_nowhere_is_a_configuration_error(settings: ModelSettings, path: str) -> None:
    error = resolve(LLMConfig(models={"mine": settings}), "mine").failure()
    assert isinstance(error, ConfigurationError)
    assert error.problems[0].path == path
