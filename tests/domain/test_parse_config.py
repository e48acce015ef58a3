"""Configurations from mappings, variables and files: right ones are read, wrong ones are told all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from returns.result import Success

from llm_manager import LLMConfig, ModelSettings, Secret, config_from_env, describe, parse_config
from llm_manager.domain.base_urls import is_encrypted_or_local, is_loopback
from llm_manager.domain.catalog import PROVIDERS, ProviderFacts

BAD_FILE = """
[retry]
max_retrys = 3
base_s = -1
[timeouts]
total_s = "5"
[routing]
strategy = "cheap"
chains = { poetry = [] }
[http.base_urls]
openai = "localhost:80"
groq = "http://user:secret-word@x.example/v1"
nowhere = "https://x.example/v1"
[models.mine]
provider = "opnai"
window_tokens = 0
base_url = "https://x.example/v1?key=1"
[keys.providers]
opena = ["sk-canary-that-must-not-show"]
[bogus]
x = 1
"""


def problems(environ: dict[str, str]) -> dict[str, tuple[str | None, str]]:
    return {each.path: (each.source, each.message) for each in config_from_env(environ).failure().problems}


def test_an_empty_environment_is_the_defaults() -> None:
    assert config_from_env({}).unwrap() == LLMConfig()
    assert parse_config({}).unwrap() == LLMConfig()


@pytest.mark.parametrize("row", [row for row in PROVIDERS.values() if row.key_variable], ids=lambda row: row.name)
def test_the_key_variable_of_a_row_of_the_catalog_is_read(row: ProviderFacts) -> None:
    config = config_from_env({str(row.key_variable): "key-canary-0123456789"}).unwrap()
    assert config.keys.providers == {row.name: (Secret("key-canary-0123456789"),)}


@pytest.mark.parametrize("row", [row for row in PROVIDERS.values() if row.url_variable], ids=lambda row: row.name)
def test_the_url_variable_of_a_row_of_the_catalog_is_read(row: ProviderFacts) -> None:
    config = config_from_env({str(row.url_variable): "http://127.0.0.1:1234"}).unwrap()
    assert config.http.base_urls == {row.name: "http://127.0.0.1:1234"}


def test_each_variable_lands_at_its_setting_and_is_its_source() -> None:
    environ = {
        "OPENAI_API_KEY": "sk-canary-0123456789",
        "GROQ_API_KEYS": "gsk-canary-aaaaaaaaa, gsk-canary-bbbbbbbbb",
        "GEMINI_API_KEY": "g-canary-0123456789",
        "OPENAI_BASE_URL": "https://proxy.example/v1",
        "PORTKEY_GPT4_VIRTUAL_KEY": "vk-canary-0123456789",
        "LLAMA_MODEL_PATH": "/models/x.gguf",
        "MAX_REQUESTS_PER_MINUTE": "60",
        "DEBUG_PORTKEY_TIMING": "yes",
        "ANTHROPIC_API_KEY": "  ",
    }
    config = config_from_env(environ).unwrap()
    assert config.keys.providers["openai"] == (Secret("sk-canary-0123456789"),)
    assert len(config.keys.providers["groq"]) == 2
    assert "anthropic" not in config.keys.providers
    assert config.models["gpt"].virtual_key == Secret("vk-canary-0123456789")
    assert config.models["llama"] == ModelSettings(provider="llama_cpp", path="/models/x.gguf")
    assert config.rate_limit.requests_per_minute == 60
    assert config.http.portkey.timings
    assert config.sources["keys.providers.openai"] == "OPENAI_API_KEY"
    assert config.sources["models.llama.path"] == "LLAMA_MODEL_PATH"
    assert hash(config) == hash(config_from_env(environ).unwrap())


def test_a_file_says_the_same_and_a_variable_wins(tmp_path: Path) -> None:
    file = tmp_path / "llm.toml"
    file.write_text(
        "[rate_limit]\nrequests_per_minute = 5\ntokens_per_minute = 7\n"
        '[models.fast]\nprovider = "groq"\nmodel = "x"\ncapabilities = ["tools"]\n'
        '[routing.chains]\npoetry = ["fast", "gpt"]\n'
    )
    config = config_from_env({"LLM_MANAGER_CONFIG": str(file), "MAX_REQUESTS_PER_MINUTE": "9"}).unwrap()
    assert config.rate_limit.requests_per_minute == 9
    assert config.rate_limit.tokens_per_minute == 7
    assert config.models["fast"].capabilities == frozenset({"tools"})
    assert config.routing.chains == {"poetry": ("fast", "gpt")}
    assert config.sources["rate_limit.tokens_per_minute"] == str(file)
    assert config.sources["rate_limit.requests_per_minute"] == "MAX_REQUESTS_PER_MINUTE"


def test_every_problem_of_a_file_and_the_variables_is_named_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(BAD_FILE)
    found = problems(
        {
            "LLM_MANAGER_CONFIG": str(file),
            "MAX_TOKENS_PER_MINUTE": "many",
            "OPENAI_API_KEY": "sk-canary\nsecond-line",
            "DEBUG_PORTKEY_TIMING": "perhaps",
        }
    )
    assert found["rate_limit.tokens_per_minute"] == ("MAX_TOKENS_PER_MINUTE", "must be a whole number, not 'many'")
    assert found["retry.max_retrys"] == (str(file), "is unknown: did you mean max_retries?")
    assert found["retry.base_s"] == (str(file), "input should be greater than 0, not -1")
    assert set(found) == {
        "bogus",
        "http.base_urls.groq",
        "http.base_urls.nowhere",
        "http.base_urls.openai",
        "http.portkey.timings",
        "keys.providers.opena",
        "keys.providers.openai.0",
        "models.mine.base_url",
        "models.mine.provider",
        "models.mine.window_tokens",
        "rate_limit.tokens_per_minute",
        "retry.base_s",
        "retry.max_retrys",
        "routing.chains.poetry",
        "routing.strategy",
        "timeouts.total_s",
    }


def test_no_problem_shows_a_key_or_a_password(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(BAD_FILE + "[models.other]\nvirtual_key = 5\n")
    error = config_from_env({"LLM_MANAGER_CONFIG": str(file), "OPENAI_API_KEY": "sk-canary\nsecond"}).failure()
    text = describe(error) + repr(error)
    for secret in ("canary", "secret-word", "second"):
        assert secret not in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = = 1", "is not TOML"),
        (b"a = " + b"9" * 5_000, "is not TOML: Exceeds the limit"),
        (b"a = " + b"[" * 20_000, "nested too deep"),
        (b"\xff\xfe", "not UTF-8"),
        (None, "there is no such file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "x.toml"
    if content is not None:
        file.write_bytes(content)
    assert said in problems({"LLM_MANAGER_CONFIG": str(file)})["LLM_MANAGER_CONFIG"][1]


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert "cannot be read" in problems({"LLM_MANAGER_CONFIG": str(tmp_path)})["LLM_MANAGER_CONFIG"][1]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("api.example.com/v1", "no http or https URL"),
        ("ftp://api.example.com", "no http or https URL"),
        ("http://api.example.com/v1", "not encrypted"),
        ("https://me:pw@api.example.com/v1", "credentials"),
        ("https://api.example.com/v1#x", "fragment"),
        ("https://api.exa mple.com/v1", "no http or https URL"),
        ("http://[::1", "is no URL"),
    ],
)
def test_a_wrong_base_url_says_what_is_wrong_with_it(url: str, said: str) -> None:
    assert said in problems({"OPENAI_BASE_URL": url})["http.base_urls.openai"][1]


def test_plain_http_is_for_this_machine_or_the_express_wish() -> None:
    assert isinstance(config_from_env({"LM_STUDIO_URL": "http://localhost:1234"}), Success)
    wish = {"http": {"allow_http": True, "base_urls": {"openai": "http://10.0.0.1/v1"}}}
    assert isinstance(parse_config(wish), Success)
    assert is_loopback("127.8.8.8")
    assert is_loopback("::1")
    assert not is_loopback("example.com")
    assert is_encrypted_or_local("http://127.0.0.1:80/v1")
    assert not is_encrypted_or_local("http://example.com")


def test_numbers_are_checked_to_their_ends() -> None:
    for section, name, value in (
        ("timeouts", "total_s", 0),
        ("timeouts", "total_s", float("nan")),
        ("retry", "max_retries", -1),
        ("retry", "max_retries", True),
        ("cache", "ttl_s", "300"),
        ("circuit_breaker", "failure_rate", 1.5),
        ("keys", "max_connections_per_key", 0),
        ("rate_limit", "tokens_per_minute", 0),
    ):
        assert parse_config({section: {name: value}}).failure().problems[0].path == f"{section}.{name}"


def test_a_configuration_that_is_no_table_is_told() -> None:
    assert parse_config({"retry": 5}).failure().problems[0].path == "retry"
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"models": deep}
    assert parse_config(deep).failure().problems


def test_a_secret_given_as_one_is_kept() -> None:
    assert parse_config(
        {"keys": {"providers": {"openai": [Secret("sk-canary-1234567890")]}}}
    ).unwrap().keys.providers == {"openai": (Secret("sk-canary-1234567890"),)}


def test_accounts_of_keys_that_do_not_exist_are_told() -> None:
    wish = {"keys": {"providers": {"openai": ["sk-canary-1234567890"]}, "groups": {"openai": ["ours", "theirs"]}}}
    problem = parse_config(wish).failure().problems[0]
    assert (problem.path, problem.message) == ("keys.groups.openai", "names the accounts of 2 keys, but openai has 1")


def test_a_part_of_a_price_that_nothing_completes_is_a_problem_with_its_source(tmp_path: Path) -> None:
    file = tmp_path / "llm.toml"
    file.write_text(
        """
        [models.mine]
        provider = "openai"
        model = "m"
        prompt_usd = 1.0
        [models.gpt]
        prompt_usd = 1.0
        [models."groq/listed"]
        completion_usd = 1.0
        [models.unlisted]
        model = "gpt-99"
        cached_usd = 1.0
        [models.nonsense]
        cached_usd = 1.0
        [prices."groq/listed"]
        prompt_usd = 1.0
        completion_usd = 1.0
        as_of = "2026-11-21"
        source = "our contract"
        """,
        encoding="utf-8",
    )
    found = problems({"LLM_MANAGER_CONFIG": str(file)})
    assert {path: source for path, (source, _) in found.items()} == {
        "models.mine.prompt_usd": str(file),
        "models.unlisted.cached_usd": str(file),
    }
