"""Metrics as a fold over events, with latencies in a histogram of bounded size."""

from __future__ import annotations

import math
from collections import Counter
from typing import final

from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import AttemptFinished, CacheRead, Event, FellBack, RequestFinished, RetryScheduled
from llm_manager.domain.response import ComputedCost, LLMResponse, UnknownCost, Usage
from llm_manager.domain.status import MetricsSnapshot, ModelMetrics

_LOG_GROWTH = math.log(1.05)
_BINS = 400
"""Bins grow by a twentieth, so a quantile is off by 2.5 % at most; 400 of them reach from 0.001 ms to five minutes."""

_SMALLEST_MS = 0.001


@final
class _Latencies:
    """How many calls took about how long. A bin's number is the logarithm of its latency."""

    __slots__ = ("bins", "count", "sum_ms")

    def __init__(self) -> None:
        self.bins: Counter[int] = Counter()
        self.count = 0
        self.sum_ms = 0.0

    def add(self, latency_ms: float) -> None:
        bin_ = int(math.log(max(latency_ms, _SMALLEST_MS) / _SMALLEST_MS) / _LOG_GROWTH)
        self.bins[min(bin_, _BINS)] += 1
        self.count += 1
        self.sum_ms += latency_ms

    def mean_ms(self) -> float | None:
        return self.sum_ms / self.count if self.count else None

    def quantile_ms(self, part: float) -> float | None:
        """The middle of the bin below which *part* of the calls lie."""
        left = math.ceil(part * self.count)
        for bin_ in sorted(self.bins):
            left -= self.bins[bin_]
            if left <= 0:
                return _SMALLEST_MS * math.exp((bin_ + 0.5) * _LOG_GROWTH)
        return None


@final
class _Tally:
    """The running counts of one model, or of all."""

    __slots__ = (
        "completion_tokens",
        "failures",
        "fallbacks",
        "latencies",
        "prompt_tokens",
        "requests",
        "retries",
        "successes",
        "unpriced",
        "usd",
    )

    def __init__(self) -> None:
        self.requests = self.successes = self.retries = self.fallbacks = 0
        self.prompt_tokens = self.completion_tokens = self.unpriced = 0
        self.failures: Counter[str] = Counter()
        self.usd: float | None = None
        self.latencies = _Latencies()

    def ended(self, latency_ms: float, error: LLMError | None) -> None:
        self.requests += 1
        self.latencies.add(latency_ms)
        if error is None:
            self.successes += 1
        else:
            self.failures[error.tag] += 1

    def used(self, usage: Usage) -> None:
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        if isinstance(usage.cost, UnknownCost):
            self.unpriced += 1
        else:
            self.usd = (self.usd or 0.0) + usage.cost.usd

    def snapshot(self) -> ModelMetrics:
        return ModelMetrics(
            requests=self.requests,
            successes=self.successes,
            failures=dict(self.failures),
            retries=self.retries,
            fallbacks=self.fallbacks,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost=UnknownCost() if self.usd is None else ComputedCost(self.usd),
            unpriced=self.unpriced,
            latency_mean_ms=self.latencies.mean_ms(),
            latency_p50_ms=self.latencies.quantile_ms(0.50),
            latency_p95_ms=self.latencies.quantile_ms(0.95),
            latency_p99_ms=self.latencies.quantile_ms(0.99),
        )


@final
class MemoryMetrics:
    """Counts per model over its attempts, and totals over whole operations."""

    __slots__ = ("_hits", "_misses", "_models", "_totals")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start again from zero."""
        self._totals = _Tally()
        self._models: dict[str, _Tally] = {}
        self._hits = 0
        self._misses = 0

    def notify(self, event: Event, /) -> None:
        """Count it."""
        match event:
            case AttemptFinished(attempt=attempt, error=error):
                tally = self._model(attempt.model)
                tally.ended(attempt.latency_ms, error)
                if attempt.usage is not None:
                    tally.used(attempt.usage)
            case RequestFinished(latency_ms=latency_ms, answer=answer):
                error = None if isinstance(answer, LLMResponse) else answer
                self._totals.ended(latency_ms, error)
                if isinstance(answer, LLMResponse):
                    self._totals.used(answer.usage)
            case RetryScheduled(model=model):
                self._model(model).retries += 1
                self._totals.retries += 1
            case FellBack(model=model):
                self._model(model).fallbacks += 1
                self._totals.fallbacks += 1
            case CacheRead(hit=hit):
                self._hits += hit
                self._misses += not hit
            case _:  # the other events are about one request and count nothing
                pass

    def snapshot(self) -> MetricsSnapshot:
        """The figures now."""
        return MetricsSnapshot(
            totals=self._totals.snapshot(),
            models={name: tally.snapshot() for name, tally in self._models.items()},
            cache_hits=self._hits,
            cache_misses=self._misses,
        )

    def _model(self, name: str) -> _Tally:
        tally = self._models.get(name)
        if tally is None:
            tally = self._models[name] = _Tally()
        return tally
