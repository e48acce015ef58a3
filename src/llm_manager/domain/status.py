"""How the models and the library are doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llm_manager.domain.errors import LLMError
from llm_manager.domain.response import Cost, UnknownCost

CircuitState: TypeAlias = Literal["closed", "open", "half-open"]

OTHER_MODELS = "(other models)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelHealthStatus:
    """One configured model. *latency_ms* is what its provider took to list its models; *checked_at* is in seconds on
    the context's clock, None when nothing was asked. *listed* is None where the provider has no list: it answers, and
    whether it offers the model is not known."""

    model: str
    provider: str
    healthy: bool
    circuit: CircuitState = "closed"
    latency_ms: float | None = None
    last_error: LLMError | None = None
    checked_at: float | None = None
    listed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMetrics:
    """Counts since the last reset. *requests* are *successes*, *failures* by error tag, and those that were *left*: the
    reader of a stream left it, or the run was cancelled.

    Tokens and *cost* add up what is known of all that was sent, failures too; *unpriced* counts what used tokens whose
    price is not known, and what may have: a call that was cancelled after it was sent, or one that no answer came of
    though it may have been given. *cached_tokens* and *cache_write_tokens* are among *prompt_tokens*,
    *cache_hour_tokens* among the latter, *reasoning_tokens* among *completion_tokens*. Latencies, and the times until
    the *first* piece of what came in pieces, are in milliseconds, None before there was one; quantiles are within 2.5 %
    of the exact ones.
    """

    requests: int = 0
    successes: int = 0
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    left: int = 0
    retries: int = 0
    fallbacks: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    cache_hour_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Cost = field(default_factory=UnknownCost)
    unpriced: int = 0
    latency_mean_ms: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    first_mean_ms: float | None = None
    first_p50_ms: float | None = None
    first_p95_ms: float | None = None
    first_p99_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSnapshot:
    """Totals over all operations, the same per model over its attempts, the cache, and what observers failed to hear.

    Tokens, cost and first pieces of the totals are those of all attempts, for an answer from the cache uses nothing.
    When a program names very many models, the later ones are counted together as ``(other models)``.
    """

    totals: ModelMetrics = field(default_factory=ModelMetrics)
    models: Mapping[str, ModelMetrics] = field(default_factory=dict[str, ModelMetrics])
    cache_hits: int = 0
    cache_misses: int = 0
    observer_failures: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatus:
    """What the cache holds now; None where it cannot say: a cache that is shared counts nothing and has no bound."""

    enabled: bool
    entries: int | None
    max_entries: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerStatus:
    """The whole library at one moment; *healthy* when at least one configured model can be asked.

    *metrics* are those of this process; *stored* those of all processes that share a store (``observe.keep_metrics``),
    None where none is kept, or it cannot be read.
    """

    healthy: bool
    models: tuple[ModelHealthStatus, ...]
    metrics: MetricsSnapshot
    cache: CacheStatus
    uptime_s: float
    version: str
    stored: MetricsSnapshot | None = None
