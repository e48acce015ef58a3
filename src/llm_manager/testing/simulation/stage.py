"""A scenario set against a configuration: whom its names stand for, and what is missing is lent.

No key opens anything here, so a model that the scenario names needs none: its provider is given one that says so, or
an address. What the configuration has is left as it is, for how many keys there are decides how many calls fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from returns.result import Failure, Success

from llm_manager.domain.catalog import ProviderFacts
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.descriptions import describe
from llm_manager.domain.errors import ConfigurationError, InvalidRequest, LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.providers import providers_of
from llm_manager.domain.request_problems import request_problems
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target
from llm_manager.policies.addresses import provider_url
from llm_manager.policies.candidate import Chosen, Skipped
from llm_manager.policies.routing import candidates
from llm_manager.policies.targets import NoTarget, resolve
from llm_manager.testing.simulation.problems import scenario_problems
from llm_manager.testing.simulation.scenario import Behaviour, Scenario
from llm_manager.testing.simulation.traffic import request_of

LENT_KEY = Secret("lent-for-a-simulation")

LENT_ADDRESS = "http://127.0.0.1:9"
"""The discard port of this machine; nothing is sent there, or anywhere."""


SOURCE = "scenario"
"""Where its problems are: a configuration has ``models``, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """*config* with what was lent, and how the models behave, by the key of their target.

    *targets* are the models that the scenario names and those that its traffic may reach, in that order.
    """

    config: LLMConfig
    targets: tuple[Target, ...]
    behaviours: Mapping[str, Behaviour]


def staged(scenario: Scenario, config: LLMConfig) -> Outcome[Stage, ConfigurationError]:
    """*scenario* against *config*; fails with everything that keeps it from being played."""
    problems = [*scenario_problems(scenario)]
    behaviours: dict[str, Behaviour] = {}
    targets: dict[str, Target] = {}
    for name, behaviour in scenario.models.items():
        config, found = _lent(config, name)
        if isinstance(found, Failure):
            problems.append(Problem(f"models.{name}", _said(found.failure())))
            continue
        target = found.unwrap()
        if target.key in targets:
            problems.append(Problem(f"models.{name}", f"is {target.model}, which has been described already"))
        targets[target.key], behaviours[target.key] = target, behaviour
    if not problems:
        problems.extend(_reached(scenario, config, targets))
    if problems:
        return Failure(ConfigurationError(tuple(replace(each, source=SOURCE) for each in problems)))
    return Success(Stage(config=config, targets=tuple(targets.values()), behaviours=behaviours))


def _lent(config: LLMConfig, name: str) -> tuple[LLMConfig, Outcome[Target, NoTarget]]:
    """*config* with the first thing that makes *name* a model that can be asked, and that model."""
    found = resolve(config, name)
    if isinstance(found, Success) or isinstance(found.failure(), InvalidRequest):
        return config, found
    alias = config.models.get(name)
    if alias is not None and alias.base_url is not None and alias.key is None:
        own = replace(config, models={**config.models, name: replace(alias, key=LENT_KEY)})
        if isinstance(better := resolve(own, name), Success):
            return own, better
    for provider in providers_of(config).values():
        richer = _with(config, provider)
        if isinstance(better := resolve(richer, name), Success):
            return richer, better
    return config, found


def _with(config: LLMConfig, provider: ProviderFacts) -> LLMConfig:
    if provider.needs_key:
        owned = config.keys.providers.get(provider.name) or (LENT_KEY,)
        config = replace(config, keys=replace(config.keys, providers={**config.keys.providers, provider.name: owned}))
        if provider_url(config, provider):
            return config
    urls = {provider.name: LENT_ADDRESS, **config.http.base_urls}
    return replace(config, http=replace(config.http, base_urls=urls))


def _reached(scenario: Scenario, config: LLMConfig, targets: dict[str, Target]) -> Iterator[Problem]:
    """Add to *targets* whom each kind of traffic may ask; a problem for each kind that may ask nobody."""
    for index, traffic in enumerate(scenario.traffic):
        at = f"traffic.{index}"
        request = request_of(traffic, "Who would be asked?", traffic.prompt_tokens[0])
        yield from (Problem(f"{at}.{each.path}", each.message) for each in request_problems(request))
        chain = candidates(config, request, {})
        if isinstance(chain, Failure):
            hint = " (or describe a model under [models])" if isinstance(chain.failure(), ConfigurationError) else ""
            yield Problem(at, f"{_said(chain.failure())}{hint}")
            continue
        chosen = [each.target for each in chain.unwrap() if isinstance(each, Chosen)]
        if not chosen:
            reasons = (f"{each.name} ({_said(each.error)})" for each in chain.unwrap() if isinstance(each, Skipped))
            yield Problem(at, f"may ask nobody: {'; '.join(reasons)}")
        for target in chosen:
            for each in (target, *target.alternates):
                targets.setdefault(each.key, each)


def _said(error: LLMError) -> str:
    if isinstance(error, InvalidRequest | ConfigurationError):
        return "; ".join(each.message for each in error.problems)
    return describe(error)
