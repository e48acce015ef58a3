"""What would be done with a request, and the most it could take: attempts, money and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from returns.result import Failure, Success

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import CircuitOpen, ConfigurationError, InvalidRequest
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.plan import PlannedTarget, RoutePlan
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import RetrySettings
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import LONGEST_WAIT_S
from llm_manager.policies.latency import Latency
from llm_manager.policies.pricing import worst_usd
from llm_manager.policies.routing import Candidate, Skipped, candidates
from llm_manager.policies.tokens import prompt_tokens


def plan_of(
    config: LLMConfig, request: LLMRequest, latencies: Mapping[str, Latency], circuits: Sequence[tuple[str, float]]
) -> Outcome[RoutePlan, InvalidRequest | ConfigurationError]:
    """The models in order with their worst cases. *circuits* are the keys of open breakers and how long they stay so.

    A retry after a rate limit may wait a little over a minute; everything together ends at the deadline.
    """
    found = candidates(config, request, latencies)
    if isinstance(found, Failure):
        return found
    tokens = prompt_tokens(request)
    targets = tuple(_planned(config, request, each, tokens, dict(circuits)) for each in found.unwrap())
    asked = [target for target in targets if target.skipped is None]
    costs = [target.worst_cost_usd for target in asked]
    known = [cost for cost in costs if cost is not None]
    worst_s = sum(target.worst_wait_s + target.worst_attempts * config.timeouts.attempt_s for target in asked)
    limit_s = config.timeouts.total_s if request.deadline_s is None else request.deadline_s
    return Success(
        RoutePlan(
            targets=targets,
            worst_attempts=sum(target.worst_attempts for target in asked),
            worst_cost_usd=sum(known) if len(known) == len(costs) else None,
            worst_latency_s=min(worst_s, limit_s, config.timeouts.total_s),
        )
    )


def key_owner(config: LLMConfig, target: Target) -> str | None:
    """Whose API keys are leased for *target*: its provider's; None when it has none, or the gateway holds them."""
    name = target.provider.name
    return name if config.keys.providers.get(name) else None


def alternate_keys(config: LLMConfig, target: Target) -> Mapping[str, Secret]:
    """A key for each model the gateway may fall back to by itself: the first one, for only it knows which is used."""
    if not target.alternates:
        return {}
    owners = (key_owner(config, alternate) for alternate in target.alternates)
    return {owner: config.keys.providers[owner][0] for owner in owners if owner is not None}


def keys_of(config: LLMConfig, target: Target) -> int:
    """How many API keys there are for *target*, at least one."""
    owner = key_owner(config, target)
    return 1 if owner is None else len(config.keys.providers[owner])


def _planned(
    config: LLMConfig, request: LLMRequest, candidate: Candidate, tokens: int, circuits: dict[str, float]
) -> PlannedTarget:
    if isinstance(candidate, Skipped):
        return PlannedTarget(
            model=candidate.name, provider=candidate.provider, why=candidate.why, skipped=candidate.error
        )
    target = candidate.target
    name, provider = target.model, target.provider.name
    if target.key in circuits:
        error = CircuitOpen(name, circuits[target.key])
        return PlannedTarget(model=name, provider=provider, why=candidate.why, skipped=error)
    tries = config.retry.max_retries + keys_of(config, target)
    worst = worst_try_usd(target, request, tokens)
    return PlannedTarget(
        model=name,
        provider=provider,
        why=candidate.why,
        worst_attempts=tries * (1 + len(target.alternates)),
        worst_cost_usd=None if worst is None else tries * worst,
        worst_wait_s=_worst_wait_s(config.retry),
    )


def worst_try_usd(target: Target, request: LLMRequest, tokens: int) -> float | None:
    """The most that one try of *request*, of so many prompt tokens, can cost; None where that is not known.

    A gateway that may go on to other models by itself is taken to ask them all.
    """
    longest = request.preferences.max_tokens or target.facts.max_output_tokens
    if target.facts.price is None or longest is None:
        return None
    return (1 + len(target.alternates)) * worst_usd(target.facts.price, tokens, longest)


def _worst_wait_s(retry: RetrySettings) -> float:
    """A pause before each retry: the backoff's longest, or a Retry-After of a minute and a tenth."""
    return retry.max_retries * max(retry.cap_s, LONGEST_WAIT_S * 1.1)
