"""The report as a fold over what happened."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias, final

from returns.result import Success

from llm_manager.domain.errors import AllModelsFailed, LLMError
from llm_manager.domain.events import AttemptFinished, Event, FellBack, RetryScheduled
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import ComputedCost, Cost, LLMResponse, UnknownCost, Usage
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import model_of
from llm_manager.testing.simulation.report import SLOTS, ModelReport, Opening, Quantiles, Report
from llm_manager.testing.simulation.scenario import Scenario
from llm_manager.testing.simulation.watch import BreakerMoved, CallRefused, Queued, Watched

Happening: TypeAlias = Event | Watched
"""Something that happened to a call."""

_DIGITS = 6
"""Microseconds and millionths of a dollar: what is behind them is rounding."""


@final
class Spent:
    """Tokens and money, as far as they are known."""

    __slots__ = ("completion_tokens", "prompt_tokens", "unpriced", "usd")

    def __init__(self) -> None:
        self.prompt_tokens = self.completion_tokens = self.unpriced = 0
        self.usd: float | None = None

    def add(self, usage: Usage) -> None:
        self.prompt_tokens += usage.prompt_tokens or 0
        self.completion_tokens += usage.completion_tokens or 0
        if isinstance(usage.cost, UnknownCost):
            self.unpriced += 1
        else:
            self.usd = (self.usd or 0.0) + usage.cost.usd

    @property
    def cost(self) -> Cost:
        return UnknownCost() if self.usd is None else ComputedCost(round(self.usd, _DIGITS))


@final
class _ModelTally:
    """The running counts of one model."""

    __slots__ = (
        "answered",
        "attempts",
        "attempts_over_time",
        "failures",
        "failures_over_time",
        "fallbacks",
        "latencies_s",
        "passed_over",
        "retries",
        "spent",
        "tries",
        "waited_s",
    )

    def __init__(self) -> None:
        self.tries = self.attempts = self.answered = self.retries = self.fallbacks = self.passed_over = 0
        self.failures: Counter[str] = Counter()
        self.waited_s = 0.0
        self.latencies_s = array("d")
        self.spent = Spent()
        self.attempts_over_time = [0] * SLOTS
        self.failures_over_time = [0] * SLOTS

    def attempted(self, finished: AttemptFinished, slot: int) -> None:
        self.attempts += 1
        self.waited_s += finished.attempt.waited_s
        self.attempts_over_time[slot] += 1
        if finished.attempt.usage is not None:
            self.spent.add(finished.attempt.usage)
        if finished.attempt.outcome == "ok":
            self.answered += 1
            self.latencies_s.append(finished.attempt.latency_ms / 1000)
        else:  # one that was left, by a call that was cancelled, brought nothing either
            self.failures[finished.attempt.outcome] += 1
            self.failures_over_time[slot] += 1

    def report(self, target: Target, *, described: bool) -> ModelReport:
        return ModelReport(
            model=target.model,
            provider=target.provider.name,
            described=described,
            tries=self.tries,
            attempts=self.attempts,
            answered=self.answered,
            failures=_sorted(self.failures),
            retries=self.retries,
            fallbacks=self.fallbacks,
            passed_over=self.passed_over,
            amplification=_ratio(self.attempts, self.tries),
            waited_s=round(self.waited_s, _DIGITS),
            latency=quantiles(self.latencies_s),
            prompt_tokens=self.spent.prompt_tokens,
            completion_tokens=self.spent.completion_tokens,
            cost=self.spent.cost,
            unpriced=self.spent.unpriced,
            attempts_over_time=tuple(self.attempts_over_time),
            failures_over_time=tuple(self.failures_over_time),
        )


@final
class Tally:
    """What is known of a scenario while it is played: :meth:`came`, :meth:`heard`, :meth:`ended`, then the report."""

    def __init__(self, scenario: Scenario, targets: Iterable[Target], described: Iterable[str]) -> None:
        self._scenario = scenario
        self._targets = tuple(targets)
        self._described = frozenset(described)
        self._names = {target.key: target.model for target in self._targets}
        self._models: dict[str, _ModelTally] = {target.model: _ModelTally() for target in self._targets}
        self._tried: dict[int, set[str]] = {}
        self._calls = self._answered = self._from_cache = self._asked = 0
        self._failures: Counter[str] = Counter()
        self._causes: Counter[str] = Counter()
        self._paused_s = 0.0
        self._queued_s = {"key": 0.0, "limit": 0.0}
        self._latencies_s = array("d")
        self._failed_s = array("d")
        self._calls_over_time = [0] * SLOTS
        self._failures_over_time = [0] * SLOTS
        self._openings: list[Opening] = []
        self._open: dict[str, int] = {}

    def came(self, call: int, at_s: float) -> None:
        """*call* has come."""
        self._calls += 1
        self._tried[call] = set()
        self._calls_over_time[self._slot(at_s)] += 1

    def ended(self, call: int, came_s: float, now_s: float, outcome: Outcome[object, LLMError]) -> None:
        """*call* is over."""
        self._asked += bool(self._tried.pop(call))
        if isinstance(outcome, Success):
            answer = outcome.unwrap()
            self._answered += 1
            self._from_cache += isinstance(answer, LLMResponse) and answer.metadata.cached
            self._latencies_s.append(now_s - came_s)
        else:
            error = outcome.failure()
            self._failures[error.tag] += 1
            self._causes[", ".join(f"{model} {each.tag}".strip() for model, each in _told_apart(error))] += 1
            self._failures_over_time[self._slot(came_s)] += 1
            self._failed_s.append(now_s - came_s)

    def heard(self, call: int, happening: Happening) -> None:
        """Something happened to *call*."""
        match happening:
            case AttemptFinished(attempt=attempt):
                model = self._model(attempt.model)
                if attempt.model not in self._tried[call]:
                    self._tried[call].add(attempt.model)
                    model.tries += 1
                model.attempted(happening, self._slot(attempt.started_s))
            case RetryScheduled(model=name, delay_s=delay_s):
                self._model(name).retries += 1
                self._paused_s += delay_s
            case FellBack(model=name):
                self._model(name).fallbacks += 1
            case CallRefused(key=key):
                self._model(self._names.get(key, key)).passed_over += 1
            case Queued(where=where, waited_s=waited_s):
                self._queued_s[where] += waited_s
            case BreakerMoved():
                self._moved(happening)
            case _:  # the other events count nothing
                pass

    def _moved(self, moved: BreakerMoved) -> None:
        if moved.after == "closed":
            index = self._open.pop(moved.key)
            self._openings[index] = replace(self._openings[index], until_s=round(moved.at_s, _DIGITS))
        elif moved.before == "closed":
            self._open[moved.key] = len(self._openings)
            name = self._names.get(moved.key, moved.key)
            self._openings.append(Opening(model=name, at_s=round(moved.at_s, _DIGITS)))
        elif moved.after == "open":
            index = self._open[moved.key]
            opening = self._openings[index]
            self._openings[index] = replace(opening, failed_probes=opening.failed_probes + 1)

    def report(self, ended_s: float) -> Report:
        """The figures, once all is over at *ended_s*."""
        models = self._reports()
        attempts = sum(model.attempts for model in self._models.values())
        costs = [each.spent.usd for each in self._models.values() if each.spent.usd is not None]
        return Report(
            title=self._scenario.title,
            seed=self._scenario.seed,
            duration_s=self._scenario.duration_s,
            ended_s=round(ended_s, _DIGITS),
            calls=self._calls,
            answered=self._answered,
            from_cache=self._from_cache,
            failures=_sorted(self._failures),
            causes=_sorted(self._causes),
            attempts=attempts,
            retries=sum(model.retries for model in self._models.values()),
            fallbacks=sum(model.fallbacks for model in self._models.values()),
            amplification=_ratio(attempts, self._asked),
            paused_s=round(self._paused_s, _DIGITS),
            queued_for_keys_s=round(self._queued_s["key"], _DIGITS),
            queued_for_limits_s=round(self._queued_s["limit"], _DIGITS),
            latency=quantiles(self._latencies_s),
            failed_after=quantiles(self._failed_s),
            cost=ComputedCost(round(sum(costs), _DIGITS)) if costs else UnknownCost(),
            unpriced=sum(model.spent.unpriced for model in self._models.values()),
            models=models,
            openings=tuple(self._openings),
            calls_over_time=tuple(self._calls_over_time),
            failures_over_time=tuple(self._failures_over_time),
        )

    def _reports(self) -> tuple[ModelReport, ...]:
        return tuple(
            self._models[target.model].report(target, described=target.key in self._described)
            for target in self._targets
        )

    def _model(self, name: str) -> _ModelTally:
        """An operation of one's own may ask a model that no chain leads to, or fail in none's name."""
        return self._models.setdefault(name, _ModelTally())

    def _slot(self, at_s: float) -> int:
        return min(int(at_s / self._scenario.duration_s * SLOTS), SLOTS - 1)


def quantiles(values: Iterable[float]) -> Quantiles | None:
    """The nearest-rank quantiles of *values*, None if there are none.

    >>> quantiles([3.0, 1.0, 2.0])
    Quantiles(p50_s=2.0, p95_s=3.0, p99_s=3.0, longest_s=3.0)
    """
    ranked = sorted(values)
    if not ranked:
        return None

    def rank(part: float) -> float:
        return round(ranked[math.ceil(part * len(ranked)) - 1], _DIGITS)

    return Quantiles(p50_s=rank(0.50), p95_s=rank(0.95), p99_s=rank(0.99), longest_s=rank(1.0))


def _told_apart(error: LLMError) -> tuple[tuple[str, LLMError], ...]:
    """What each model said in the end."""
    return error.failures if isinstance(error, AllModelsFailed) else ((model_of(error), error),)


def _ratio(count: int, of: int) -> float | None:
    return round(count / of, _DIGITS) if of else None


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent first."""
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
