"""Which models a request goes to, in which order, and which of them it passes over and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import groupby
from math import inf
from typing import TypeAlias

from returns.result import Failure, Success

from llm_manager.domain.catalog import PROVIDERS
from llm_manager.domain.compatible_providers import COMPATIBLE
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ConfigurationError, InvalidRequest, LLMError, ModelUnavailable
from llm_manager.domain.model_names import named_models
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.providers import providers_of
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.secret_problems import model_secret_problems, provider_secret_problems
from llm_manager.domain.settings import ModelSettings, Strategy
from llm_manager.domain.target import Target
from llm_manager.policies.calendar import ended, on_day
from llm_manager.policies.candidate import Candidate, Chosen, Skipped, pool_of, weight_in_pool
from llm_manager.policies.chains import task_chain, task_names
from llm_manager.policies.gating import gated
from llm_manager.policies.latency import Latency, expected_ms
from llm_manager.policies.pools import drawn, members_of, weight_of
from llm_manager.policies.sampling import refused_options
from llm_manager.policies.targets import has_gateway, is_configured, resolve
from llm_manager.policies.window import prompt_limit_tokens

_Gate: TypeAlias = Callable[[Candidate], Candidate]
"""A candidate, or why it cannot answer the request at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Route:
    """The candidates of a request before the strategy: the caller's *own*, the *chain* of the task, the *rest* of what
    is configured, and the *order* of fallbacks. *is_exact* says that the user wrote the chain."""

    own: tuple[Candidate, ...] = ()
    chain: tuple[Candidate, ...] = ()
    rest: tuple[Candidate, ...] = ()
    order: tuple[Candidate, ...] = ()
    is_exact: bool = False

    def all(self) -> Iterable[Candidate]:
        """Everything, in the order before the strategy."""
        return (*self.own, *self.chain, *self.rest, *self.order)


def candidates(
    config: LLMConfig, request: LLMRequest, latencies: Mapping[str, Latency], day: str | None = None
) -> Outcome[tuple[Candidate, ...], InvalidRequest | ConfigurationError]:
    """The models for *request* in order: the caller's own first, then its task's chain under the strategy, then the
    rest of what is configured under it, or the fallback order in its place.

    *latencies* is what was observed, by target. *day* (``YYYY-MM-DD``) decides which prices are in force and which
    models have ended; without it, those of the catalog's day are and none has.

    Fails with ``InvalidRequest`` for an unknown task or a preferred model that cannot be told, and with
    ``ConfigurationError`` when no model of all these can be asked.
    """
    wish = request.preferences
    strategy = strategy_of(config, request)
    found = _route(config, request.task_type, wish.model, wish.fallback == "chain", day)
    if not isinstance(found, Success):
        return found
    route = found.unwrap()
    by = _by(strategy, latencies)
    is_strict = (wish.unsupported or config.routing.unsupported) == "refuse"
    gate = partial(gated, request=request, is_strict=is_strict)
    ordered = _assembled(route, (*by(route.chain), *by(route.rest)), gate)
    if config.http.portkey.mode == "fallback":
        ordered = _folded(ordered, request)
    return Success(tuple(map(gate, ordered)))


def drawn_order(chain: Sequence[Candidate], chance: Callable[[], float]) -> tuple[Candidate, ...]:
    """*chain* with the members of each pool in an order drawn by their weights; *chance* is asked for nothing else."""
    pools: dict[str, list[int]] = {}
    for index, each in enumerate(chain):
        if isinstance(each, Chosen) and each.pool is not None:
            pools.setdefault(each.pool, []).append(index)
    ordered = list(chain)
    for places in pools.values():
        order = drawn([weight_in_pool(chain[place]) for place in places], chance)
        for place, index in zip(places, order, strict=True):
            ordered[place] = chain[places[index]]
    return tuple(ordered)


def widest_window_tokens(config: LLMConfig, request: LLMRequest) -> int | None:
    """The widest window of the models that *request* may go to; None where one of them is not known."""
    wish = request.preferences
    found = _route(config, request.task_type, wish.model, wish.fallback == "chain")
    chain = found.unwrap().all() if isinstance(found, Success) else ()
    windows = [prompt_limit_tokens(each.target.facts) for each in chain if isinstance(each, Chosen)]
    known = [window for window in windows if window is not None]
    return max(known) if known and len(known) == len(windows) else None


def strategy_of(config: LLMConfig, request: LLMRequest) -> Strategy:
    """High priority prefers performance, low priority cost, and medium what the configuration says."""
    match request.preferences.priority:
        case "high":
            return "performance"
        case "low":
            return "cost"
        case "medium":
            return config.routing.strategy


def fallback_chain(config: LLMConfig, model: str) -> tuple[str, ...]:
    """The models that would be asked after *model*, for a general request."""
    found = _route(config, "general", model, with_chain=True)
    if not isinstance(found, Success):
        return ()
    route = found.unwrap()
    own = {each.target.key for each in route.own[:1] if isinstance(each, Chosen)}
    after = _assembled(
        route, (*route.chain, *route.rest), partial(gated, request=LLMRequest(prompt="x"), is_strict=False)
    )
    return tuple(each.target.model for each in after if isinstance(each, Chosen) and each.target.key not in own)


def configured_targets(config: LLMConfig) -> tuple[Target, ...]:
    """Every target that some chain, alias or the rest of what is configured leads to, each once."""
    found: dict[str, Target] = {}
    for name in _named(config):
        resolved = resolve(config, name)
        if isinstance(resolved, Success):
            found.setdefault(resolved.unwrap().key, resolved.unwrap())
    return tuple(found.values())


def broken_models(config: LLMConfig) -> tuple[tuple[str, str, ConfigurationError], ...]:
    """Provider, name and problem of every model of a chain, a family or an alias whose secrets cannot be sent."""
    found: dict[tuple[str, str], ConfigurationError] = {}
    for name in _named(config):
        settings = config.models.get(name, ModelSettings())
        for provider, model in named_models(name, settings, providers_of(config)):
            asked = name if name in config.models else f"{provider.name}/{model}"
            problems = (*provider_secret_problems(config, provider.name), *model_secret_problems(config, name))
            if problems and isinstance(resolve(config, asked), Failure):
                found[provider.name, model] = ConfigurationError(problems)
    return tuple((*key, error) for key, error in found.items())


def _named(config: LLMConfig) -> Iterable[str]:
    """Every name in an alias, a chain, the rest of what is configured or the fallback order; a pool as its members."""
    chains = [chain for task in task_names(config) if (chain := task_chain(config, task)) is not None]
    chained = (name for chain in chains for name in (*chain.chain, *chain.rest))
    names = dict.fromkeys((*config.models, *chained, *config.routing.fallback_order))
    return (member for name in names for member in members_of(config.models, name))


@lru_cache(maxsize=1024)
def _route(
    config: LLMConfig,
    task: str,
    preferred: str | None,
    with_chain: bool,  # noqa: FBT001  # a key of the memo
    day: str | None = None,
) -> Outcome[_Route, InvalidRequest | ConfigurationError]:
    chain = task_chain(config, task)
    if chain is None:
        known = ", ".join(task_names(config))
        said = f"unknown task {task!r}: use one of {known}, or add it under [routing.chains]"
        return Failure(InvalidRequest((Problem("task_type", said),)))
    own: tuple[Candidate, ...] = ()
    if preferred is not None:
        resolved = resolve(config, preferred)
        unknown = resolved.failure() if isinstance(resolved, Failure) else None
        if isinstance(unknown, InvalidRequest):
            return Failure(unknown)
        own = _candidates_of(config, (preferred,), "the caller's own choice", day)
    route = _Route(own=own)
    if with_chain or preferred is None:
        order = _candidates_of(config, config.routing.fallback_order, "in the fallback order", day)
        route = _Route(
            own=own,
            chain=_candidates_of(config, chain.chain, f"in the chain for {task}", day),
            rest=_candidates_of(config, chain.rest, "configured beside the chain", day),
            order=order,
            is_exact=chain.is_exact,
        )
    if any(map(_is_reached, route.all())):
        return Success(route)
    if not _anything_configured(config):
        return Failure(_nothing_configured())
    alone = preferred is not None and not with_chain
    return Success(route) if alone else Failure(_nowhere(task, route))


def _candidates_of(config: LLMConfig, names: Iterable[str], why: str, day: str | None) -> tuple[Candidate, ...]:
    """What *names* lead to on *day*, each target once; a pool is its members, the most likely first."""
    chain: dict[str, Candidate] = {}
    for name in names:
        pool = name if name in config.models and config.models[name].pool else None
        for member in members_of(config.models, name):
            resolved = resolve(config, member, day)
            if isinstance(resolved, Failure):
                chain.setdefault(member, Skipped(member, "", resolved.failure(), why))
                continue
            target, weight = on_day(resolved.unwrap(), day), weight_of(config.models, member)
            reason = why if pool is None else f"{why}, drawn from the pool {pool} by its weight of {weight:g}"
            chain.setdefault(target.key, _still_there(Chosen(target, reason, pool, weight), day))
    return tuple(chain.values())


def _still_there(chosen: Chosen, day: str | None) -> Candidate:
    """*chosen*, and from which model its facts are guessed; or that it has ended by *day*."""
    target, guessed = chosen.target, chosen.target.facts.guessed_from
    error = ended(target, day)
    if error is not None:
        return Skipped(target.model, target.provider.name, error, chosen.why)
    return chosen if guessed is None else replace(chosen, why=f"{chosen.why}, taken to be like {guessed}")


def _assembled(route: _Route, by_strategy: Sequence[Candidate], gate: _Gate) -> tuple[Candidate, ...]:
    """The whole order, each target where it comes first.

    A fallback order stands behind the caller's own model, or the first that can answer, and a chain that the user
    wrote; the built-in chain and the rest give way to it.
    """
    followers: Sequence[Candidate] = by_strategy
    if route.order and not route.is_exact:
        followers = () if route.own else _up_to_first(by_strategy, gate)
    chain: dict[str, Candidate] = {}
    for each in (*route.own, *followers, *route.order):
        chain.setdefault(each.target.key if isinstance(each, Chosen) else each.name, each)
    return tuple(chain.values())


def _up_to_first(chain: Sequence[Candidate], gate: _Gate) -> Sequence[Candidate]:
    """*chain* up to the first model that can answer, with the whole of the pool that it is in."""
    for index, each in enumerate(chain):
        if isinstance(each, Chosen) and isinstance(gate(each), Chosen):
            pool, end = each.pool, index + 1
            while pool is not None and end < len(chain) and pool_of(chain[end]) == pool:
                end += 1
            return chain[:end]
    return chain


def _is_reached(candidate: Candidate) -> bool:
    """Is its provider configured, although the model may have ended?"""
    return isinstance(candidate, Chosen) or isinstance(candidate.error, ModelUnavailable)


def _by(strategy: Strategy, latencies: Mapping[str, Latency]) -> Callable[[Sequence[Candidate]], Sequence[Candidate]]:
    """A stable order by price or latency; what is not known goes last, and a pool stands where its best member does."""

    def rank(candidate: Candidate) -> float:
        if isinstance(candidate, Skipped):
            return inf
        facts = candidate.target.facts
        if strategy == "cost":
            return inf if facts.price is None else facts.price.prompt_usd + facts.price.completion_usd
        known = expected_ms(latencies.get(candidate.target.key), facts.typical_latency_ms)
        return inf if known is None else known

    def ordered(chain: Sequence[Candidate]) -> Sequence[Candidate]:
        if strategy == "balanced":
            return chain
        reason = "cheapest first" if strategy == "cost" else "fastest first"
        blocks = [block for pool, group in groupby(chain, key=pool_of) for block in _blocks(pool, tuple(group))]
        blocks.sort(key=lambda block: min(map(rank, block)))
        return [replace(each, why=f"{each.why}, {reason}") for block in blocks for each in block]

    return ordered


def _blocks(pool: str | None, group: tuple[Candidate, ...]) -> Iterable[tuple[Candidate, ...]]:
    """What is sorted as one: the members of a pool, or each model alone."""
    return [group] if pool is not None else [(each,) for each in group]


def _folded(chain: Sequence[Candidate], request: LLMRequest) -> tuple[Candidate, ...]:
    """Neighbours behind the gateway as one target: it falls back among them itself.

    It sends all of them one body, so that they have to refuse the same options of *request*.
    """
    folded: list[Candidate] = []
    for candidate in chain:
        last = folded[-1] if folded else None
        if isinstance(candidate, Chosen) and isinstance(last, Chosen) and _share_a_body(last, candidate, request):
            alternates = (*last.target.alternates, candidate.target)
            why = last.why if last.target.alternates else f"{last.why}, the gateway falls back"
            folded[-1] = Chosen(replace(last.target, alternates=alternates), why)
        else:
            folded.append(candidate)
    return tuple(folded)


def _share_a_body(one: Chosen, other: Chosen, request: LLMRequest) -> bool:
    if not one.target.service == other.target.service == "portkey" or one.pool is not None or other.pool is not None:
        return False
    return refused_options(request, one.target) == refused_options(request, other.target)


def _anything_configured(config: LLMConfig) -> bool:
    return (
        has_gateway(config)
        or any(is_configured(config, provider) for provider in providers_of(config).values())
        or any(isinstance(resolve(config, alias), Success) for alias in config.models)
    )


def _nowhere(task: str, route: _Route) -> ConfigurationError:
    """Why no model of *route* can be asked, model by model."""
    skipped = (each for each in route.all() if isinstance(each, Skipped))
    said = "; ".join(f"{each.name}: {_why_not(each.error)}" for each in skipped)
    return ConfigurationError((Problem(f"routing.chains.{task}", f"leads to no model that can be asked ({said})"),))


def _why_not(error: LLMError) -> str:
    match error:
        case InvalidRequest(problems=problems) | ConfigurationError(problems=problems):
            return "; ".join(problem.message for problem in problems)
        case _:
            return error.message or error.tag


def _nothing_configured() -> ConfigurationError:
    rows = (row for row in PROVIDERS.values() if row not in COMPATIBLE)
    variables = (name for row in rows for name in (row.key_variable, row.url_variable) if name is not None)
    listed = ", ".join(("PORTKEY_API_KEY", *variables, "LLAMA_MODEL_PATH"))
    said = f"no provider is configured: set one of {listed}, or another variable that `llm-manager config` lists"
    return ConfigurationError((Problem("keys.providers", said),))
