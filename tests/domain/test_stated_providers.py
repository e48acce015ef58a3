"""Providers by configuration: in a file, in the environment, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_manager import LLMConfig, ModelSettings, ProviderSettings, Secret, config_from_env, parse_config
from llm_manager.domain.secret_problems import secret_problems

FILE = """
[providers.acme]
base_url = "https://llm.acme.example/v1"
key_variable = "ACME_TOKEN"
limit_field = "max_completion_tokens"
capabilities = ["tools"]

[providers.acme.headers]
X-Team = "blue-canary-0123456789"

[models.own]
provider = "openai"
base_url = "https://own.example/v1"
key_variable = "OWN_KEY"
"""


def test_a_file_states_providers_and_which_variables_hold_their_keys(tmp_path: Path) -> None:
    file = tmp_path / "llm.toml"
    file.write_text(FILE)
    environ = {"LLM_MANAGER_CONFIG": str(file), "ACME_TOKEN": "of-acme", "OWN_KEY": "of-own\n"}
    config = config_from_env(environ).unwrap()
    assert config.providers == {
        "acme": ProviderSettings(
            base_url="https://llm.acme.example/v1",
            key=Secret("of-acme"),
            key_variable="ACME_TOKEN",
            limit_field="max_completion_tokens",
            capabilities=frozenset({"tools"}),
            headers={"X-Team": Secret("blue-canary-0123456789")},
        )
    }
    assert config.models["own"].key == Secret("of-own")
    assert (config.sources["providers.acme.key"], config.sources["models.own.key"]) == ("ACME_TOKEN", "OWN_KEY")
    assert "canary" not in repr(config)


def test_a_variable_states_providers_and_the_key_of_each_has_its_name() -> None:
    stated = "acme=https://llm.acme.example/v1, my-proxy=anthropic+https://proxy.example"
    environ = {"LLM_MANAGER_PROVIDERS": stated, "MY_PROXY_API_KEY": "of-proxy"}
    config = config_from_env(environ).unwrap()
    assert config.providers == {
        "acme": ProviderSettings(base_url="https://llm.acme.example/v1"),
        "my-proxy": ProviderSettings(wire="anthropic", base_url="https://proxy.example", key=Secret("of-proxy")),
    }
    assert config.sources["providers.acme.base_url"] == "LLM_MANAGER_PROVIDERS"


def test_a_variable_adds_to_what_the_file_states_of_a_provider(tmp_path: Path) -> None:
    file = tmp_path / "llm.toml"
    file.write_text('[providers.acme]\nlimit_field = "max_tokens"\nbase_url = "https://old.example"\n')
    environ = {"LLM_MANAGER_CONFIG": str(file), "LLM_MANAGER_PROVIDERS": "acme=https://new.example/v1"}
    stated = config_from_env(environ).unwrap().providers["acme"]
    assert stated == ProviderSettings(base_url="https://new.example/v1", limit_field="max_tokens")


def test_openais_organization_and_project_are_headers_of_its_address() -> None:
    config = config_from_env({"OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1"}).unwrap()
    headers = {"OpenAI-Organization": Secret("org-1"), "OpenAI-Project": Secret("proj-1")}
    assert config.providers == {"openai": ProviderSettings(headers=headers)}


@pytest.mark.parametrize("ending", ["", "S"])
def test_of_googles_two_names_for_a_key_the_one_of_its_sdk_wins(ending: str) -> None:
    environ = {f"GEMINI_API_KEY{ending}": "of-gemini", f"GOOGLE_API_KEY{ending}": "of-google"}
    assert config_from_env(environ).unwrap().keys.providers == {"gemini": (Secret("of-google"),)}


@pytest.mark.parametrize(
    ("tree", "path", "said"),
    [
        ({"acme": {"key": "k"}}, "providers.acme.base_url", "is missing: a provider that is not in the catalog"),
        ({"a/b": {"base_url": "https://x.example"}}, "providers.a/b", "is no name for a provider"),
        ({"portkey": {"base_url": "https://x.example"}}, "providers.portkey", "is no name for a provider"),
        ({"llama_cpp": {"base_url": "https://x.example"}}, "providers.llama_cpp", "llama_cpp runs in this process"),
        ({"acme": {"base_url": "http://x.example"}}, "providers.acme.base_url", "is not encrypted"),
        (
            {"acme": {"base_url": "https://x.example/v1/responses"}},
            "providers.acme.base_url",
            "ends in /responses, which is added to it: leave that off",
        ),
        ({"acme": {"base_url": "https://x.example", "keys": "k"}}, "providers.acme.keys", "did you mean key?"),
    ],
)
def test_what_is_wrong_with_a_provider_is_said(tree: object, path: str, said: str) -> None:
    found = {each.path: each.message for each in parse_config({"providers": tree}).failure().problems}
    assert said in found[path]


def test_a_list_of_providers_that_cannot_be_read_says_how_to_write_one() -> None:
    problem = config_from_env({"LLM_MANAGER_PROVIDERS": "https://me:canary@llm.example"}).failure().problems[0]
    assert str(problem) == ("providers (LLM_MANAGER_PROVIDERS): must be name=URL, several separated by commas")


def test_keys_and_models_may_name_a_stated_provider() -> None:
    tree = {
        "providers": {"acme": {"base_url": "https://x.example"}},
        "keys": {"providers": {"acme": ["one", "two"]}},
        "models": {"mine": {"provider": "acme"}},
    }
    config = parse_config(tree).unwrap()
    assert isinstance(config, LLMConfig)
    assert config.models == {"mine": ModelSettings(provider="acme")}


@pytest.mark.parametrize("key", ['"sk-canary-0123456789"', "sk-canary\n0123456789", "'sk-canary-0123456789"])
def test_a_key_that_cannot_be_sent_names_its_variable_and_is_not_shown(key: str) -> None:
    problems = secret_problems(config_from_env({"GROQ_API_KEY": key, "OPENAI_API_KEY": "sk-fine"}).unwrap())
    assert [(each.path, each.source) for each in problems] == [("keys.providers.groq.0", "GROQ_API_KEY")]
    assert "canary" not in str(problems)


@pytest.mark.parametrize("key", ["sk-0123456789\n", " sk-0123456789\r\n"])
def test_the_line_break_at_the_end_of_a_file_is_no_part_of_the_key(key: str) -> None:
    assert config_from_env({"OPENAI_API_KEY": key}).unwrap().keys.providers == {"openai": (Secret("sk-0123456789"),)}
