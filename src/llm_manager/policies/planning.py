"""What would be done with a request, and the most it could take: attempts, money and time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from returns.result import Failure, Success

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import CircuitOpen, ConfigurationError, InvalidRequest
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.plan import PlannedTarget, RoutePlan
from llm_manager.domain.providers import key_pools
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import RetrySettings
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import LONGEST_WAIT_S
from llm_manager.policies.asked import sent_tokens
from llm_manager.policies.bucket import longest_wait_s
from llm_manager.policies.candidate import Candidate, Chosen, Skipped, pool_of
from llm_manager.policies.latency import Latency
from llm_manager.policies.model_limits import limits_of, max_connections_of
from llm_manager.policies.patience import CIRCUIT_S, QUEUE_S, TURNS
from llm_manager.policies.pricing import is_free, worst_usd
from llm_manager.policies.routing import candidates
from llm_manager.policies.sampling import dropped_options
from llm_manager.policies.window import windowed


def plan_of(
    config: LLMConfig,
    request: LLMRequest,
    latencies: Mapping[str, Latency],
    circuits: Sequence[tuple[str, float]],
    day: str | None = None,
) -> Outcome[RoutePlan, InvalidRequest | ConfigurationError]:
    """The models in order with their worst cases. *circuits* are the keys of open breakers and how long they stay so;
    *day* is as for :func:`~llm_manager.policies.routing.candidates`.

    Attempts are those that may be answered or billed: a model may refuse as many again by a rate limit, which costs
    nothing but time. A retry may wait a little over a minute, every attempt for its turn where requests are limited,
    and all of them five minutes for keys that rest; everything together ends at the deadline. A model whose circuit is
    open is skipped only if it is certain to be so still when its turn comes, however long those before it take; one
    that is waited for when all others have failed comes last. Members of a pool stand in the likeliest order, and each
    of them may be drawn first or last.
    """
    found = candidates(config, request, latencies, day)
    if isinstance(found, Failure):
        return found
    total_s = config.timeouts.total_s
    limit_s = total_s if request.deadline_s is None else min(total_s, request.deadline_s)
    targets: list[PlannedTarget] = []
    last: list[PlannedTarget] = []
    passed_s = 0.0
    chain = found.unwrap()
    several = sum(isinstance(each, Chosen) for each in chain) > 1
    for each in chain:
        pooled = [other for other in chain if pool_of(other) is not None and pool_of(other) == pool_of(each)]
        planned = (_planned(config, request, other, {}, 0.0, among_others=several) for other in pooled)
        latest_s = passed_s + sum(_longest_s(config, other) for other in planned)
        target = _planned(config, request, each, dict(circuits), latest_s, among_others=several)
        open_s = dict(circuits).get(each.target.key, 0.0) if isinstance(each, Chosen) else 0.0
        (last if several and target.skipped is None and open_s > passed_s else targets).append(target)
        passed_s = min(passed_s + _longest_s(config, target), limit_s)
    targets += last
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


def _longest_s(config: LLMConfig, target: PlannedTarget) -> float:
    return target.worst_wait_s + target.worst_attempts * config.timeouts.attempt_s


def key_owner(config: LLMConfig, target: Target) -> str | None:
    """The pool of the API keys that are leased for *target*; None when it has none, or the gateway holds them."""
    return target.key_pool if target.key_pool is not None and key_pools(config).get(target.key_pool) else None


def key_pool_name(config: LLMConfig, target: Target) -> str:
    """The pool that an attempt on *target* leases from: the keys of its provider, or a queue without keys."""
    return key_owner(config, target) or f"@{target.key}"


def max_in_flight(config: LLMConfig, target: Target) -> int:
    """How many calls to *target* may be under way at once: it may have a limit of its own, and several keys have a
    limit each, a single one has not."""
    own = max_connections_of(config, target.key)
    most = config.http.max_connections if own is None else min(own, config.http.max_connections)
    keys = keys_of(config, target)
    return min(keys * config.keys.max_connections_per_key, most) if keys > 1 else most


def alternate_keys(config: LLMConfig, target: Target) -> Mapping[str, Secret]:
    """A key for each model the gateway may fall back to by itself: the first one, for only it knows which is used."""
    if not target.alternates:
        return {}
    owners = (key_owner(config, alternate) for alternate in target.alternates)
    return {owner: first_key(config, owner) for owner in owners if owner is not None}


def first_key(config: LLMConfig, owner: str) -> Secret:
    """The first of the keys of *owner*."""
    return key_pools(config)[owner][0]


def keys_of(config: LLMConfig, target: Target) -> int:
    """How many API keys there are for *target*, at least one."""
    owner = key_owner(config, target)
    return 1 if owner is None else len(key_pools(config)[owner])


def _planned(
    config: LLMConfig,
    request: LLMRequest,
    candidate: Candidate,
    circuits: Mapping[str, float],
    passed_s: float,
    *,
    among_others: bool,
) -> PlannedTarget:
    """*candidate*, whose turn comes when *passed_s* have passed at most."""
    if isinstance(candidate, Skipped):
        return PlannedTarget(
            model=candidate.name, provider=candidate.provider, why=candidate.why, skipped=candidate.error
        )
    target = candidate.target
    name, provider, why = target.model, target.provider.name, candidate.why
    open_s = circuits.get(target.key)
    if open_s is not None and open_s > passed_s + CIRCUIT_S:
        return PlannedTarget(model=name, provider=provider, why=why, skipped=CircuitOpen(name, open_s))
    sent = windowed(request, target)
    # Each key may be tried once after a refusal of another, and all of them again where a model among others is asked
    # once more at the end.
    keys = keys_of(config, target)
    tries = config.retry.max_retries + keys * (1 + among_others)
    worst = worst_try_usd(target, sent, sent_tokens(sent, target).high)
    return PlannedTarget(
        model=name,
        provider=provider,
        why=why if open_s is None else f"{why}, its breaker is open for another {open_s:.3g} s",
        left_out_messages=len(request.messages) - len(sent.messages),
        dropped=dropped_options(request, target),
        worst_attempts=tries * (1 + len(target.alternates)),
        worst_cost_usd=None if worst is None else tries * worst,
        worst_wait_s=_longest_in_line_s(config, target)
        + _worst_pauses_s(config.retry)
        + (tries + TURNS) * longest_wait_s(limits_of(config, target.key))
        + (1 + among_others) * (QUEUE_S + CIRCUIT_S),
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


def _longest_in_line_s(config: LLMConfig, target: Target) -> float:
    """How long an attempt may wait for a place: as long as the deadline allows, for calls of others have no length."""
    return 0.0 if max_connections_of(config, target.key) is None else config.timeouts.total_s


def _worst_pauses_s(retry: RetrySettings) -> float:
    """A pause before each retry: the backoff's longest, or a Retry-After of a minute and a tenth."""
    return retry.max_retries * max(retry.cap_s, LONGEST_WAIT_S * 1.1)
