"""The configuration from where programs keep theirs: the environment, and the TOML file it names."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

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
    try:
        with Path(name).expanduser().open("rb") as file:
            return from_file(tomllib.load(file), name)
    except FileNotFoundError:
        said = "there is no such file"
    except OSError as bad:
        said = f"cannot be read: {bad.strerror}"
    except tomllib.TOMLDecodeError as bad:
        said = f"is not TOML: {bad}"
    except UnicodeDecodeError:
        said = "is not TOML: it is not UTF-8 text"
    return Layered({}, {}, (Problem(CONFIG_FILE, said, name),))
