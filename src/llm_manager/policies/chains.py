"""The names that a request is routed by: the chain of its task, what else is configured, and the fallback order.

Every configured provider is reachable: behind the built-in chain of a task come the user's own aliases, and one model
of each configured provider that the chain does not lead to. A chain that the user wrote is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from returns.result import Success

from llm_manager.domain.catalog import CHAINS, FAMILIES, PROVIDERS
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.model_names import provider_and_model
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import ModelSettings
from llm_manager.domain.target import Target
from llm_manager.policies.targets import NoTarget, has_access, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskChain:
    """The names for one task: its *chain*, and the *rest* of what is configured behind it.

    *is_exact* says that the user wrote the chain, which has no rest.
    """

    chain: tuple[str, ...]
    rest: tuple[str, ...] = ()
    is_exact: bool = False


def task_names(config: LLMConfig) -> tuple[str, ...]:
    """Every task that has a chain."""
    return tuple(dict.fromkeys((*CHAINS, *config.routing.chains)))


@lru_cache(maxsize=256)
def task_chain(config: LLMConfig, task: str) -> TaskChain | None:
    """What *task* is routed by; None for a task that has no chain."""
    own = config.routing.chains.get(task)
    if own:
        return TaskChain(chain=own, is_exact=True)
    table = CHAINS.get(task)
    return None if table is None else TaskChain(chain=table, rest=_rest(config, table))


def states_a_model(settings: ModelSettings) -> bool:
    """Does an entry of ``models`` lead to a model of its own, and not only state facts about one that has its name?"""
    return bool(settings.provider or settings.model or settings.base_url or settings.path or settings.pool)


def standing_model(provider: str) -> str | None:
    """The model that stands for *provider* where none is named: the first that a family has there; None without one.

    >>> standing_model("gemini"), standing_model("ollama"), standing_model("custom")
    ('gemini-3.8-flash', 'ollama/llama3.2', None)
    """
    for model in (model for family in FAMILIES.values() for model in family):
        found = provider_and_model(model)
        if found is not None and found[0].name == provider:
            return model
    return None


def _rest(config: LLMConfig, chain: tuple[str, ...]) -> tuple[str, ...]:
    """The names of what can be asked beside *chain*: aliases in the order they are written, then providers."""
    reached = {found.unwrap().provider.name for name in chain if isinstance(found := resolve(config, name), Success)}
    named = {*chain, *(member for settings in config.models.values() for member in settings.pool)}
    names = [name for name, settings in config.models.items() if states_a_model(settings) and name not in named]
    for provider in PROVIDERS.values():
        model = standing_model(provider.name)
        if model is not None and provider.name not in reached and has_access(config, provider, model):
            names.append(model)
    return tuple(name for name in names if _is_chat(resolve(config, name)))


def _is_chat(found: Outcome[Target, NoTarget]) -> bool:
    """An alias of a model that only embeds answers no request."""
    return isinstance(found, Success) and found.unwrap().facts.kind == "chat"
