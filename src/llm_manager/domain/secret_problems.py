"""Keys and headers that cannot be sent: whose they are, and which variable or file they came from.

The rule of this room: a broken key concerns those who need it. It keeps no configuration from being read, and no model
of another provider from being asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.problem import Problem
from llm_manager.domain.secret import key_problem


def secret_problems(config: LLMConfig) -> tuple[Problem, ...]:
    """Every key and secret header of *config* that cannot be sent."""
    providers = dict.fromkeys((*config.keys.providers, *config.providers))
    of_providers = (problem for name in providers for problem in provider_secret_problems(config, name))
    of_models = (problem for alias in config.models for problem in model_secret_problems(config, alias))
    return (*of_providers, *of_models)


def provider_secret_problems(config: LLMConfig, name: str) -> tuple[Problem, ...]:
    """What is wrong with the keys and headers of the provider *name*."""
    settings = config.providers.get(name)
    own = settings is not None and settings.key is not None
    keys = () if own else config.keys.providers.get(name, ())
    secrets = {f"keys.providers.{name}.{index}": key for index, key in enumerate(keys)}
    if settings is not None:
        secrets |= {} if settings.key is None else {f"providers.{name}.key": settings.key}
        secrets |= {f"providers.{name}.headers.{header}": value for header, value in settings.headers.items()}
    problems = (Problem(path, said) for path, each in secrets.items() if (said := key_problem(each)) is not None)
    return tuple(sourced(problem, config.sources) for problem in problems)


def model_secret_problems(config: LLMConfig, alias: str) -> tuple[Problem, ...]:
    """What is wrong with the keys of the model *alias* alone."""
    return tuple(sourced(problem, config.sources) for problem in _of_model(config, alias))


def _of_model(config: LLMConfig, alias: str) -> Iterator[Problem]:
    settings = config.models.get(alias)
    if settings is None:
        return
    for path, key in (("key", settings.key), ("virtual_key", settings.virtual_key)):
        said = None if key is None else key_problem(key)
        if said is not None:
            yield Problem(f"models.{alias}.{path}", said)


def sourced(problem: Problem, sources: Mapping[str, str]) -> Problem:
    """*problem* with the source of the setting it is about: the same path, or the nearest one around or inside it."""
    if problem.source is not None:
        return problem
    path = problem.path
    while path and path not in sources:
        path = path.rpartition(".")[0]
    inside = (source for at, source in sources.items() if at.startswith(f"{problem.path}."))
    return replace(problem, source=sources.get(path) or next(inside, None))
