"""What would have happened, as data: the answer of ``simulate``. Seconds, tokens and US dollars; None is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llm_manager.domain.response import Cost, UnknownCost

SLOTS = 48
"""How many parts of equal length a scenario is shown in: of a day, half hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """How long the calls took of which half, 95 %, 99 % and all took no longer."""

    p50_s: float
    p95_s: float
    p99_s: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A breaker that opened at *at_s* and closed at *until_s*, None if it was not closed by the end.

    *failed_probes* is how many probes found the model as ill as before.
    """

    model: str
    at_s: float
    until_s: float | None = None
    failed_probes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """One model. *tries* is the calls that asked it, *attempts* the requests it got for them; *failures* by error tag.

    *amplification* is attempts for a try: what retries add to its load. *passed_over* counts the calls that found its
    breaker open. *waited_s* was spent in queues and pauses before its attempts. *latency* is of those that succeeded.
    *described* says whether the scenario did, or whether it was taken to be well.
    """

    model: str
    provider: str
    described: bool = True
    tries: int = 0
    attempts: int = 0
    answered: int = 0
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    retries: int = 0
    fallbacks: int = 0
    passed_over: int = 0
    amplification: float | None = None
    waited_s: float = 0.0
    latency: Quantiles | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Cost = field(default_factory=UnknownCost)
    unpriced: int = 0
    attempts_over_time: tuple[int, ...] = ()
    failures_over_time: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole. *failures* is by error tag, and *causes* by what each model said in the end: ``gpt CircuitOpen, claude
    RateLimitExceeded``. *from_cache* counts the calls that were answered with what another one got. *attempts* is over
    all models and *amplification* for a call that asked any of them.

    *paused_s* was spent before retries, *queued_for_keys_s* because each key had as many calls in flight as it may, and
    *queued_for_limits_s* at ``rate_limit``; also by calls that gave up. *latency* is of the calls that were answered,
    *failed_after* of those that were not. What is *over_time* is in :data:`SLOTS` parts of the scenario, each call in
    the part in which it came and each attempt in the part in which it was sent.
    """

    title: str
    seed: int
    duration_s: float
    ended_s: float
    calls: int
    answered: int
    from_cache: int
    failures: Mapping[str, int]
    causes: Mapping[str, int]
    attempts: int
    retries: int
    fallbacks: int
    amplification: float | None
    paused_s: float
    queued_for_keys_s: float
    queued_for_limits_s: float
    latency: Quantiles | None
    failed_after: Quantiles | None
    cost: Cost
    unpriced: int
    models: tuple[ModelReport, ...]
    openings: tuple[Opening, ...]
    calls_over_time: tuple[int, ...]
    failures_over_time: tuple[int, ...]
