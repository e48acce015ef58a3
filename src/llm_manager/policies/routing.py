"""Which models a request goes to, in which order, and which of them it passes over and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf
from typing import TypeAlias

from returns.result import Failure, Success

from llm_manager.domain.catalog import CHAINS, PROVIDERS, Wish
from llm_manager.domain.compatible_providers import COMPATIBLE
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ConfigurationError, ContextTooLarge, InvalidRequest, LLMError
from llm_manager.domain.errors import UnsupportedCapability as Unsupported
from llm_manager.domain.model_names import named_models
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.providers import IN_PROCESS, providers_of
from llm_manager.domain.request import ImagePart, LLMRequest
from llm_manager.domain.secret_problems import model_secret_problems, provider_secret_problems
from llm_manager.domain.settings import ModelSettings, Strategy
from llm_manager.domain.target import Target
from llm_manager.policies.asked import sent_tokens
from llm_manager.policies.latency import Latency, expected_ms
from llm_manager.policies.targets import NoTarget, has_gateway, is_configured, resolve
from llm_manager.policies.window import windowed


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model to ask, and why it stands where it does."""

    target: Target
    why: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A model that is passed over, and the error it would give."""

    name: str
    provider: str
    error: LLMError
    why: str


Candidate: TypeAlias = Chosen | Skipped


def candidates(
    config: LLMConfig, request: LLMRequest, latencies: Mapping[str, Latency]
) -> Outcome[tuple[Candidate, ...], InvalidRequest | ConfigurationError]:
    """The models for *request* in order: the caller's own first, then its task's chain under the strategy.

    *latencies* is what was observed, by target.

    Fails with ``InvalidRequest`` for an unknown task or a preferred model that cannot be told, and with
    ``ConfigurationError`` when nothing at all is configured.
    """
    wish = request.preferences
    strategy = strategy_of(config, request)
    found = _chain(config, request.task_type, wish.model, wish.fallback == "chain")
    if not isinstance(found, Success):
        return found
    chain = found.unwrap()
    if strategy != "balanced":
        chain = _reordered(chain, strategy, latencies, first=0 if wish.model is None else 1)
    if config.http.portkey.mode == "fallback":
        chain = _folded(chain)
    return Success(tuple(_gated(candidate, request) for candidate in chain))


def widest_window_tokens(config: LLMConfig, request: LLMRequest) -> int | None:
    """The widest window of the models that *request* may go to; None where one of them is not known."""
    wish = request.preferences
    found = _chain(config, request.task_type, wish.model, wish.fallback == "chain")
    chain = found.unwrap() if isinstance(found, Success) else ()
    windows = [each.target.facts.window_tokens for each in chain if isinstance(each, Chosen)]
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
    found = _chain(config, "general", model, with_chain=True)
    if not isinstance(found, Success):
        return ()
    return tuple(each.target.model for each in found.unwrap()[1:] if isinstance(each, Chosen))


def configured_targets(config: LLMConfig) -> tuple[Target, ...]:
    """Every target that some chain or alias leads to, each once."""
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


def _named(config: LLMConfig) -> tuple[str, ...]:
    """Every name in an alias or a chain."""
    return (*config.models, *(name for task in task_names(config) for name in _task_chain(config, task) or ()))


@lru_cache(maxsize=1024)
def _chain(
    config: LLMConfig,
    task: str,
    preferred: str | None,
    with_chain: bool,  # noqa: FBT001  # a key of the memo
) -> Outcome[tuple[Candidate, ...], InvalidRequest | ConfigurationError]:
    names = _task_chain(config, task)
    if names is None:
        known = ", ".join(task_names(config))
        said = f"unknown task {task!r}: use one of {known}, or add it under [routing.chains]"
        return Failure(InvalidRequest((Problem("task_type", said),)))
    chain: dict[str, Candidate] = {}
    if preferred is not None:
        resolved = resolve(config, preferred)
        unknown = resolved.failure() if isinstance(resolved, Failure) else None
        if isinstance(unknown, InvalidRequest):
            return Failure(unknown)
        _add(chain, preferred, resolved, "the caller's own choice")
    for name in names if with_chain or preferred is None else ():
        _add(chain, name, resolve(config, name), f"in the chain for {task}")
    if not any(isinstance(each, Chosen) for each in chain.values()) and not _anything_configured(config):
        return Failure(_nothing_configured())
    return Success(tuple(chain.values()))


def task_names(config: LLMConfig) -> tuple[str, ...]:
    """Every task that has a chain."""
    return tuple(dict.fromkeys((*CHAINS, *config.routing.chains)))


def _task_chain(config: LLMConfig, task: str) -> tuple[str, ...] | None:
    return config.routing.chains.get(task) or CHAINS.get(task)


def _add(chain: dict[str, Candidate], name: str, resolved: Outcome[Target, NoTarget], why: str) -> None:
    if isinstance(resolved, Success):
        target = resolved.unwrap()
        chain.setdefault(target.key, Chosen(target, why))
    else:
        chain.setdefault(name, Skipped(name, "", resolved.failure(), why))


def _reordered(
    chain: Sequence[Candidate], strategy: Strategy, latencies: Mapping[str, Latency], first: int
) -> tuple[Candidate, ...]:
    """A stable order by price or latency; what is not known goes last, the caller's own model stays in front."""

    def rank(candidate: Candidate) -> float:
        if isinstance(candidate, Skipped):
            return inf
        facts = candidate.target.facts
        if strategy == "cost":
            return inf if facts.price is None else facts.price.prompt_usd + facts.price.completion_usd
        known = expected_ms(latencies.get(candidate.target.key), facts.typical_latency_ms)
        return inf if known is None else known

    reason = "cheapest first" if strategy == "cost" else "fastest first"
    rest = sorted(chain[first:], key=rank)
    return (*chain[:first], *(replace(each, why=f"{each.why}, {reason}") for each in rest))


def _folded(chain: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Neighbours behind the gateway as one target: it falls back among them itself."""
    folded: list[Candidate] = []
    for candidate in chain:
        last = folded[-1] if folded else None
        if isinstance(candidate, Chosen) and isinstance(last, Chosen) and _both_behind_gateway(last, candidate):
            alternates = (*last.target.alternates, candidate.target)
            why = last.why if last.target.alternates else f"{last.why}, the gateway falls back"
            folded[-1] = Chosen(replace(last.target, alternates=alternates), why)
        else:
            folded.append(candidate)
    return tuple(folded)


def _both_behind_gateway(one: Chosen, other: Chosen) -> bool:
    return one.target.service == other.target.service == "portkey"


def _gated(candidate: Candidate, request: LLMRequest) -> Candidate:
    """*candidate*, or why it cannot answer this request."""
    if isinstance(candidate, Skipped):
        return candidate
    target = candidate.target
    error = _lacks(target, request) or _too_small(target, windowed(request, target))
    return candidate if error is None else Skipped(target.model, target.provider.name, error, candidate.why)


def _lacks(target: Target, request: LLMRequest) -> LLMError | None:
    """What *request* needs and *target* cannot do."""
    capabilities, provider = target.facts.capabilities, target.provider
    if request.tools and "tools" not in capabilities:
        return Unsupported(target.model, "tools")
    images = _images(request)
    if images and "vision" not in capabilities:
        return Unsupported(target.model, "vision")
    for wish in _unsupported(provider.unsupported, target.facts.unsupported):
        if _wants(wish, request, images):
            said = "has no words for it" if wish in provider.unsupported else "takes none with this model"
            return Unsupported(target.model, wish, f"{provider.name} {said}")
    return None


@lru_cache(maxsize=1024)
def _unsupported(by_provider: frozenset[Wish], by_model: frozenset[Wish]) -> Sequence[Wish]:
    return sorted(by_provider | by_model)


def _wants(wish: Wish, request: LLMRequest, images: Sequence[ImagePart]) -> bool:
    match wish:
        case "temperature":
            return request.preferences.temperature is not None
        case "top_p":
            return request.preferences.top_p is not None
        case "seed":
            return request.preferences.seed is not None
        case "stop":
            return bool(request.preferences.stop)
        case "image_urls":
            return any(image.url is not None and not image.url.startswith("data:") for image in images)
        case "tool_choice":
            return bool(request.tools) and request.tool_choice not in ("auto", "none")


def _images(request: LLMRequest) -> Sequence[ImagePart]:
    return [
        part
        for message in request.messages
        if not isinstance(message.content, str)
        for part in message.content
        if isinstance(part, ImagePart)
    ]


def _too_small(target: Target, request: LLMRequest) -> LLMError | None:
    window = target.facts.window_tokens
    if window is None:
        return None
    needed = sent_tokens(request, target) + (request.preferences.max_tokens or 0)
    return ContextTooLarge(target.model, needed, window) if needed > window else None


def _anything_configured(config: LLMConfig) -> bool:
    aliases = config.models.values()
    return (
        has_gateway(config)
        or any(is_configured(config, provider) for provider in providers_of(config).values())
        or any(each.provider in IN_PROCESS or each.base_url or each.key for each in aliases)
    )


def _nothing_configured() -> ConfigurationError:
    rows = (row for row in PROVIDERS.values() if row not in COMPATIBLE)
    variables = (name for row in rows for name in (row.key_variable, row.url_variable) if name is not None)
    listed = ", ".join(("PORTKEY_API_KEY", *variables, "LLAMA_MODEL_PATH"))
    said = f"no provider is configured: set one of {listed}, or another variable that `llm-manager config` lists"
    return ConfigurationError((Problem("keys.providers", said),))
