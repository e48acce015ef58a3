"""The counts behind metrics, and the same as plain numbers by name: what processes add up, and a store keeps.

The rule: every number is a sum or a maximum, so that those of two tallies, of two processes or of two hours, make those
of both together. A quantile is neither; the counts of a histogram's bins are, and a quantile is read from them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final, TypeAlias, final

from llm_manager.domain.response import ComputedCost, UnknownCost, Usage
from llm_manager.domain.status import ModelMetrics

Figures: TypeAlias = Mapping[str, float]
"""Numbers by name. Those of :func:`is_maximum` are maxima and the others sums; what is not there was not counted."""

_LOG_GROWTH = math.log(1.05)
_BINS = 520
"""Bins grow by a twentieth, so their middle is off by 2.5 % at most; they reach from a microsecond to a day."""

_SMALLEST_MS = 0.001

_SUM, _LONGEST, _SHORTEST = ".sum_ms", ".longest_ms", ".shortest_ms"
"""How the names of a histogram's figures end, beside those of its bins."""


def is_maximum(name: str) -> bool:
    """Is it the greatest that counts, of several figures of this *name*, and not their sum?"""
    return name.endswith((_LONGEST, _SHORTEST))


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

    def figures(self, name: str) -> dict[str, float]:
        """What it counts, under *name*; the shortest is told below zero, as a maximum."""
        if not self._count:
            return {}
        bins = {f"{name}.{bin_}": float(count) for bin_, count in self._bins.items()}
        ends = {f"{name}{_LONGEST}": self._longest_ms, f"{name}{_SHORTEST}": -self._shortest_ms}
        return {**bins, **ends, f"{name}{_SUM}": self._sum_ms}

    def add_figures(self, name: str, figures: Figures) -> None:
        """Count what *figures* tell under *name*, too."""
        for each, value in figures.items():
            bin_ = each.removeprefix(f"{name}.")
            if bin_ != each and bin_.isdecimal():
                self._bins[int(bin_)] += int(value)
                self._count += int(value)
        self._sum_ms += figures.get(f"{name}{_SUM}", 0.0)
        self._longest_ms = max(self._longest_ms, figures.get(f"{name}{_LONGEST}", 0.0))
        self._shortest_ms = min(self._shortest_ms, -figures.get(f"{name}{_SHORTEST}", -math.inf))

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


_ENDED: Final = ("requests", "successes", "left", "retries", "fallbacks")
_USED: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cache_hour_tokens",
    "reasoning_tokens",
    "unpriced",
)
_FAILURE: Final = "failures."


@final
class Tally:
    """The running counts of one model, or of all."""

    __slots__ = (*_ENDED, *_USED, "failures", "firsts", "latencies", "usd")

    def __init__(self) -> None:
        self.requests = self.successes = self.left = self.retries = self.fallbacks = 0
        self.prompt_tokens = self.completion_tokens = self.reasoning_tokens = self.unpriced = 0
        self.cached_tokens = self.cache_write_tokens = self.cache_hour_tokens = 0
        self.failures: Counter[str] = Counter()
        self.usd: float | None = None
        self.latencies = Latencies()
        self.firsts = Latencies()

    def ended(self, latency_ms: float, outcome: str) -> None:
        """One more, after *latency_ms*: ``ok``, ``left``, or the tag of an error."""
        self.requests += 1
        self.latencies.add(latency_ms)
        if outcome == "ok":
            self.successes += 1
        elif outcome == "left":
            self.left += 1
        else:
            self.failures[outcome] += 1

    def used(self, usage: Usage) -> None:
        """Tokens and cost, as far as they are known."""
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        self.cached_tokens += usage.cached_tokens or 0
        self.cache_write_tokens += usage.cache_write_tokens or 0
        self.cache_hour_tokens += usage.cache_hour_tokens or 0
        self.reasoning_tokens += usage.reasoning_tokens or 0
        if isinstance(usage.cost, UnknownCost):
            self.unpriced += 1
        else:
            self.usd = (self.usd or 0.0) + usage.cost.usd

    def take_used(self, other: Tally) -> None:
        """What *other* has used, too."""
        for name in _USED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.usd is not None:
            self.usd = (self.usd or 0.0) + other.usd
        self.firsts.take(other.firsts)

    def figures(self) -> dict[str, float]:
        """Everything that was counted, by name."""
        counts = {name: float(getattr(self, name)) for name in (*_ENDED, *_USED) if getattr(self, name)}
        failures = {f"{_FAILURE}{tag}": float(count) for tag, count in self.failures.items()}
        usd = {} if self.usd is None else {"usd": self.usd}
        return {**counts, **failures, **usd, **self.latencies.figures("latency"), **self.firsts.figures("first")}

    def add_figures(self, figures: Figures) -> None:
        """Count what *figures* tell, too."""
        for name in (*_ENDED, *_USED):
            setattr(self, name, getattr(self, name) + int(figures.get(name, 0)))
        for name, count in figures.items():
            if name.startswith(_FAILURE):
                self.failures[name.removeprefix(_FAILURE)] += int(count)
        if "usd" in figures:
            self.usd = (self.usd or 0.0) + figures["usd"]
        self.latencies.add_figures("latency", figures)
        self.firsts.add_figures("first", figures)

    def snapshot(self, used: Tally | None = None) -> ModelMetrics:
        """The counts now; tokens, cost and first pieces are those of *used* if it is given."""
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
            cache_write_tokens=used.cache_write_tokens,
            cache_hour_tokens=used.cache_hour_tokens,
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
