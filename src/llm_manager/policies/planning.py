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
from llm_manager.policies.asked import sent_tokens
from llm_manager.policies.bucket import longest_wait_s
from llm_manager.policies.latency import Latency
from llm_manager.policies.pricing import is_free, worst_usd
from llm_manager.policies.routing import Candidate, Skipped, candidates
from llm_manager.policies.window import windowed


def plan_of(
    config: LLMConfig, request: LLMRequest, latencies: Mapping[str, Latency], circuits: Sequence[tuple[str, float]]
) -> Outcome[RoutePlan, InvalidRequest | ConfigurationError]:
    """The models in order with their worst cases. *circuits* are the keys of open breakers and how long they stay so.

    A retry after a rate limit may wait a little over a minute, and every try for its turn where requests are limited;
    everything together ends at the deadline. A model whose breaker is open is passed over only if it is certain to be
    so still when its turn comes, however long those before it take.
    """
    found = candidates(config, request, latencies)
    if isinstance(found, Failure):
        return found
    total_s = config.timeouts.total_s
    limit_s = total_s if request.deadline_s is None else min(total_s, request.deadline_s)
    targets: list[PlannedTarget] = []
    passed_s = 0.0
    for each in found.unwrap():
        target = _planned(config, request, each, dict(circuits), passed_s)
        passed_s = min(passed_s + target.worst_wait_s + target.worst_attempts * config.timeouts.attempt_s, limit_s)
        targets.append(target)
    asked = [target for target in targets if target.skipped is None]
    costs = [target.worst_cost_usd for target in asked]
    known = [cost for cost in costs if cost is not None]
    return Success(
        RoutePlan(
            targets=tuple(targets),
            worst_attempts=sum(target.worst_attempts for target in asked),
            worst_cost_usd=sum(known) if len(known) == len(costs) else None,
            worst_latency_s=passed_s,
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
    config: LLMConfig, request: LLMRequest, candidate: Candidate, circuits: Mapping[str, float], passed_s: float
) -> PlannedTarget:
    """*candidate*, whose turn comes when *passed_s* have passed at most."""
    if isinstance(candidate, Skipped):
        return PlannedTarget(
            model=candidate.name, provider=candidate.provider, why=candidate.why, skipped=candidate.error
        )
    target = candidate.target
    name, provider, why = target.model, target.provider.name, candidate.why
    open_s = circuits.get(target.key)
    if open_s is not None and open_s > passed_s:
        return PlannedTarget(model=name, provider=provider, why=why, skipped=CircuitOpen(name, open_s))
    sent = windowed(request, target)
    others = keys_of(config, target) - 1  # each may take over once after a refusal and once after a rate limit
    tries = 1 + config.retry.max_retries + 2 * others
    worst = worst_try_usd(target, sent, sent_tokens(sent, target))
    return PlannedTarget(
        model=name,
        provider=provider,
        why=why if open_s is None else f"{why}, its breaker is open for another {open_s:.3g} s",
        left_out_messages=len(request.messages) - len(sent.messages),
        worst_attempts=tries * (1 + len(target.alternates)),
        worst_cost_usd=None if worst is None else tries * worst,
        worst_wait_s=_worst_pauses_s(config.retry) + tries * longest_wait_s(config.rate_limit),
    )


def worst_try_usd(target: Target, request: LLMRequest, tokens: int) -> float | None:
    """The most that one try of *request*, of so many prompt tokens, can cost; None where that is not known.

    A gateway that may go on to other models by itself is taken to ask them all.
    """
    if target.facts.price is not None and is_free(target.facts.price) and not target.alternates:
        return 0.0  # however long the answer
    longest = request.preferences.max_tokens or target.facts.max_output_tokens
    if target.facts.price is None or longest is None:
        return None
    return (1 + len(target.alternates)) * worst_usd(target.facts.price, tokens, longest)


def _worst_pauses_s(retry: RetrySettings) -> float:
    """A pause before each retry: the backoff's longest, or a Retry-After of a minute and a tenth."""
    return retry.max_retries * max(retry.cap_s, LONGEST_WAIT_S * 1.1)
