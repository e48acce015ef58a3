"""The configuration from where programs keep theirs: the environment, and the TOML file it names."""

from __future__ import annotations

from collections.abc import Mapping

from returns.result import Failure

from llm_manager.adapters.toml_file import read_toml
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.environment import CONFIG_FILE, Layered, from_environment, from_file
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.parse_config import configured
from llm_manager.domain.problem import Problem


def config_from_env(environ: Mapping[str, str]) -> Outcome[LLMConfig, ConfigurationError]:
    """The configuration that *environ* describes, and the TOML file that ``LLM_MANAGER_CONFIG`` names in it.

    A variable wins over the file. Every problem of both is named at once, with its path and its source.
    """
    name = environ.get(CONFIG_FILE, "").strip()
    return configured(from_environment(environ, _read(name) if name else Layered({}, {})))


def _read(name: str) -> Layered:
    tree = read_toml(name)
    if isinstance(tree, Failure):
        return Layered({}, {}, (Problem(CONFIG_FILE, tree.failure(), name),))
    return from_file(tree.unwrap(), name)
