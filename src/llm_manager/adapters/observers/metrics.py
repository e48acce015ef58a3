"""Metrics as a fold over events, in memory of bounded size: histograms of latencies, and a cap on models by name."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final, final

from llm_manager.domain.events import (
    AttemptFinished,
    CacheRead,
    Event,
    FellBack,
    ObserverFailed,
    RequestFinished,
    RequestLeft,
    RetryScheduled,
)
from llm_manager.domain.paid import may_have_been_paid
from llm_manager.domain.response import ComputedCost, LLMResponse, UnknownCost, Usage
from llm_manager.domain.status import OTHER_MODELS, MetricsSnapshot, ModelMetrics

MOST_MODELS: Final = 256
"""How many models are counted by name. Names may come from a program's own users."""

_LOG_GROWTH = math.log(1.05)
_BINS = 520
"""Bins grow by a twentieth, so their middle is off by 2.5 % at most; they reach from a microsecond to a day."""

_SMALLEST_MS = 0.001


@final
class Latencies:
    """How many calls took about how long, in milliseconds. A bin's number is the logarithm of its latency.

    >>> latencies = Latencies()
    >>> for latency_ms in (10.0, 20.0, 30.0):
    ...     latencies.add(latency_ms)
    >>> round(latencies.quantile_ms(0.5)), latencies.quantile_ms(1.0), latencies.mean_ms()
    (20, 30.0, 20.0)
    """

    __slots__ = ("_bins", "_count", "_longest_ms", "_shortest_ms", "_sum_ms")

    def __init__(self) -> None:
        self._bins: Counter[int] = Counter()
        self._count = 0
        self._sum_ms = 0.0
        self._shortest_ms = math.inf
        self._longest_ms = 0.0

    def add(self, latency_ms: float) -> None:
        """One more."""
        bin_ = int(math.log(max(latency_ms, _SMALLEST_MS) / _SMALLEST_MS) / _LOG_GROWTH)
        self._bins[min(bin_, _BINS)] += 1
        self._count += 1
        self._sum_ms += latency_ms
        self._shortest_ms = min(self._shortest_ms, latency_ms)
        self._longest_ms = max(self._longest_ms, latency_ms)

    @property
    def bins(self) -> int:
        """How many bins are in use."""
        return len(self._bins)

    def take(self, other: Latencies) -> None:
        """All of *other*, too."""
        self._bins += other._bins
        self._count += other._count
        self._sum_ms += other._sum_ms
        self._shortest_ms = min(self._shortest_ms, other._shortest_ms)
        self._longest_ms = max(self._longest_ms, other._longest_ms)

    def mean_ms(self) -> float | None:
        """The exact mean, None of none."""
        return self._sum_ms / self._count if self._count else None

    def quantile_ms(self, part: float) -> float | None:
        """The middle of the bin in which the nearest rank of *part* lies, never beyond the shortest or the longest."""
        left = math.ceil(part * self._count)
        for bin_ in sorted(self._bins):
            left -= self._bins[bin_]
            if left <= 0:
                middle_ms = _SMALLEST_MS * math.exp((bin_ + 0.5) * _LOG_GROWTH)
                return min(max(middle_ms, self._shortest_ms), self._longest_ms)
        return None


@final
class _Tally:
    """The running counts of one model, or of all."""

    __slots__ = (
        "cached_tokens",
        "completion_tokens",
        "failures",
        "fallbacks",
        "firsts",
        "latencies",
        "left",
        "prompt_tokens",
        "reasoning_tokens",
        "requests",
        "retries",
        "successes",
        "unpriced",
        "usd",
    )

    def __init__(self) -> None:
        self.requests = self.successes = self.left = self.retries = self.fallbacks = 0
        self.prompt_tokens = self.completion_tokens = self.cached_tokens = self.reasoning_tokens = self.unpriced = 0
        self.failures: Counter[str] = Counter()
        self.usd: float | None = None
        self.latencies = Latencies()
        self.firsts = Latencies()

    def ended(self, latency_ms: float, outcome: str) -> None:
        self.requests += 1
        self.latencies.add(latency_ms)
        if outcome == "ok":
            self.successes += 1
        elif outcome == "left":
            self.left += 1
        else:
            self.failures[outcome] += 1

    def used(self, usage: Usage) -> None:
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        self.cached_tokens += usage.cached_tokens or 0
        self.reasoning_tokens += usage.reasoning_tokens or 0
        if isinstance(usage.cost, UnknownCost):
            self.unpriced += 1
        else:
            self.usd = (self.usd or 0.0) + usage.cost.usd

    def take_used(self, other: _Tally) -> None:
        """What *other* has used, too."""
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.cached_tokens += other.cached_tokens
        self.reasoning_tokens += other.reasoning_tokens
        self.unpriced += other.unpriced
        if other.usd is not None:
            self.usd = (self.usd or 0.0) + other.usd
        self.firsts.take(other.firsts)

    def snapshot(self, used: _Tally | None = None) -> ModelMetrics:
        """The figures now; tokens, cost and first pieces are those of *used* if it is given."""
        used = self if used is None else used
        return ModelMetrics(
            requests=self.requests,
            successes=self.successes,
            failures=dict(self.failures),
            left=self.left,
            retries=self.retries,
            fallbacks=self.fallbacks,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cached_tokens=used.cached_tokens,
            reasoning_tokens=used.reasoning_tokens,
            cost=UnknownCost() if used.usd is None else ComputedCost(used.usd),
            unpriced=used.unpriced,
            latency_mean_ms=self.latencies.mean_ms(),
            latency_p50_ms=self.latencies.quantile_ms(0.50),
            latency_p95_ms=self.latencies.quantile_ms(0.95),
            latency_p99_ms=self.latencies.quantile_ms(0.99),
            first_mean_ms=used.firsts.mean_ms(),
            first_p50_ms=used.firsts.quantile_ms(0.50),
            first_p95_ms=used.firsts.quantile_ms(0.95),
            first_p99_ms=used.firsts.quantile_ms(0.99),
        )


@final
class MemoryMetrics:
    """Counts per model over its attempts, and totals over whole operations."""

    __slots__ = ("_hits", "_misses", "_models", "_most_models", "_observer_failures", "_totals")

    def __init__(self, most_models: int = MOST_MODELS) -> None:
        self._most_models = most_models
        self.reset()

    def reset(self) -> None:
        """Start again from zero."""
        self._totals = _Tally()
        self._models: dict[str, _Tally] = {}
        self._hits = 0
        self._misses = 0
        self._observer_failures = 0

    def notify(self, event: Event, /) -> None:
        """Count it."""
        match event:
            case AttemptFinished():
                self._attempted(event)
            case RequestFinished(latency_ms=latency_ms, answer=answer):
                self._totals.ended(latency_ms, "ok" if isinstance(answer, LLMResponse) else answer.tag)
            case RequestLeft(latency_ms=latency_ms):
                self._totals.ended(latency_ms, "left")
            case RetryScheduled(model=model):
                self._model(model).retries += 1
                self._totals.retries += 1
            case FellBack(model=model):
                self._model(model).fallbacks += 1
                self._totals.fallbacks += 1
            case CacheRead(hit=hit):
                self._hits += hit
                self._misses += not hit
            case ObserverFailed():
                self._observer_failures += 1
            case _:  # the other events are about one request and count nothing
                pass

    def snapshot(self) -> MetricsSnapshot:
        """The figures now."""
        used = _Tally()
        for tally in self._models.values():
            used.take_used(tally)
        return MetricsSnapshot(
            totals=self._totals.snapshot(used),
            models={name: tally.snapshot() for name, tally in self._models.items()},
            cache_hits=self._hits,
            cache_misses=self._misses,
            observer_failures=self._observer_failures,
        )

    def _attempted(self, finished: AttemptFinished) -> None:
        attempt = finished.attempt
        tally = self._model(attempt.model)
        tally.ended(attempt.latency_ms, attempt.outcome)
        if attempt.usage is not None:
            tally.used(attempt.usage)
        elif attempt.outcome == "left" or (finished.error is not None and may_have_been_paid(finished.error)):
            tally.unpriced += 1  # it may have been answered, and paid for
        if attempt.first_ms is not None:
            tally.firsts.add(attempt.first_ms)

    def _model(self, name: str) -> _Tally:
        tally = self._models.get(name)
        if tally is None:
            if len(self._models) >= self._most_models:
                name = OTHER_MODELS
            tally = self._models.setdefault(name, _Tally())
        return tally
