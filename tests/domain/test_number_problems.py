"""Numbers that no machine could act on: the same bounds for a file, for the environment and for code."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from returns.result import Failure, Success

from llm_manager import ConfigurationError, custom, provide, validate_config
from llm_manager.domain.catalog import Price
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.number_problems import number_problems
from llm_manager.domain.parse_config import parse_config
from llm_manager.domain.settings import MOST_S, ModelSettings, ProviderSettings

ODD = (float("inf"), float("-inf"), float("nan"), 10**400, 10**5000, -1, -0.5)


def numeric(record: Any, at: str = "") -> list[str]:
    """The paths of all numbers of *record*."""
    found: list[str] = []
    for each in fields(record):
        value = getattr(record, each.name)
        if is_dataclass(value):
            found.extend(numeric(value, f"{at}{each.name}."))
        elif any(word in str(each.type) for word in ("Seconds", "Count", "Amount", "Whole", "Part")):
            found.append(f"{at}{each.name}")
    return found


def changed(record: Any, path: str, value: object) -> Any:
    name, _, rest = path.partition(".")
    return replace(record, **{name: changed(getattr(record, name), rest, value) if rest else value})


def tree(path: str, value: object) -> dict[str, object]:
    name, _, rest = path.partition(".")
    return {name: tree(rest, value) if rest else value}


PATHS = numeric(LLMConfig())


def test_there_are_numbers_to_look_at() -> None:
    assert len(PATHS) > 30


@pytest.mark.parametrize("path", PATHS)
def test_every_number_of_the_settings_is_bounded_in_code_and_in_a_file(path: str) -> None:
    for odd in ODD:
        [found] = number_problems(changed(LLMConfig(), path, odd))
        assert found.path == path
        assert isinstance(parse_config(tree(path, odd)), Failure)


@pytest.mark.parametrize("name", numeric(ModelSettings()))
def test_every_number_of_a_model_is_bounded(name: str) -> None:
    for odd in ODD:
        config = LLMConfig(models={"mine": changed(ModelSettings(), name, odd)})
        assert [each.path for each in number_problems(config)] == [f"models.mine.{name}"]


def test_a_price_and_a_provider_are_bounded_too() -> None:
    price = Price(prompt_usd=float("nan"), completion_usd=1.0, as_of="2026-12-01", source="a test")
    config = LLMConfig(prices={"openai/x": price}, providers={"mine": ProviderSettings(default_max_tokens=10**400)})
    assert sorted(each.path for each in number_problems(config)) == [
        "prices.openai/x.prompt_usd",
        "providers.mine.default_max_tokens",
    ]


def test_the_longest_time_is_allowed_and_nothing_above_it() -> None:
    assert not list(number_problems(changed(LLMConfig(), "timeouts.total_s", MOST_S)))
    [problem] = number_problems(changed(LLMConfig(), "timeouts.total_s", MOST_S + 1))
    assert str(problem) == "timeouts.total_s: is 1000000001: give a number above 0, at most 1,000,000,000"


@pytest.mark.anyio
async def test_a_layer_refuses_them_and_names_each() -> None:
    config = changed(changed(LLMConfig(), "timeouts.total_s", float("inf")), "retry.base_s", float("nan"))
    outcome = await provide(validate_config(), custom(config))
    assert isinstance(outcome, Failure)
    error = outcome.failure()
    assert isinstance(error, ConfigurationError)
    assert sorted(each.path for each in error.problems) == ["retry.base_s", "timeouts.total_s"]


def test_the_defaults_have_no_problem() -> None:
    assert isinstance(parse_config({}), Success)
    assert not list(number_problems(LLMConfig()))
