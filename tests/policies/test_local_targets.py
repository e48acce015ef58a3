"""Models of this process: what they are filed under, and how many calls they take at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.settings import ModelSettings
from llm_manager.policies.engines import ENGINE_FIELDS
from llm_manager.policies.model_limits import max_connections_of
from llm_manager.policies.targets import resolve

LOCAL = ModelSettings(provider="llama_cpp", path="/m.gguf")


@pytest.mark.parametrize("name", ENGINE_FIELDS)
def test_two_models_of_one_file_share_a_circuit_only_where_they_share_an_engine(name: str) -> None:
    changes: Any = {name: "a template" if name == "chat_template" else 7}
    models = {"one": LOCAL, "other": replace(LOCAL, **changes)}
    config = LLMConfig(models=models)
    keys = {each: resolve(config, each).unwrap().key for each in models}
    assert keys["one"] == "llama_cpp||/m.gguf"
    assert keys["other"] != keys["one"]


def test_the_file_of_a_local_model_and_how_it_is_loaded_are_what_it_is_filed_under() -> None:
    config = LLMConfig(models={"one": replace(LOCAL, threads=4, slots=2), "two": replace(LOCAL, slots=2, threads=4)})
    assert {resolve(config, name).unwrap().key for name in config.models} == {"llama_cpp||/m.gguf?threads=4&slots=2"}


def test_a_local_model_answers_as_many_calls_at_once_as_it_has_slots() -> None:
    models = {"one": LOCAL, "two": replace(LOCAL, slots=2), "own": replace(LOCAL, slots=3, max_connections=8)}
    config = LLMConfig(models=models)
    assert [max_connections_of(config, resolve(config, name).unwrap().key) for name in models] == [1, 2, 8]
