"""Metrics as a fold over events, in memory of bounded size: histograms of latencies, and a cap on models by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, final

from llm_manager.adapters.observers.tally import Figures, Tally
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
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.status import OTHER_MODELS, MetricsSnapshot

MOST_MODELS: Final = 256
"""How many models are counted by name. Names may come from a program's own users."""

TOTALS: Final = "totals"
_MODEL: Final = "model:"
"""Whose figures they are: of whole operations, or of the model whose name follows."""

_OTHERS: Final = f"{_MODEL}{OTHER_MODELS}"

LONGEST_NAME: Final = 200
"""A model with a longer name is not counted by name where many processes count."""


@final
class MemoryMetrics:
    """Counts per model over its attempts, and totals over whole operations."""

    __slots__ = ("_hits", "_misses", "_models", "_most_models", "_observer_failures", "_totals")

    def __init__(self, most_models: int = MOST_MODELS) -> None:
        self._most_models = most_models
        self.reset()

    def reset(self) -> None:
        """Start again from zero."""
        self._totals = Tally()
        self._models: dict[str, Tally] = {}
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
        used = Tally()
        for tally in self._models.values():
            used.take_used(tally)
        return MetricsSnapshot(
            totals=self._totals.snapshot(used),
            models={name: tally.snapshot() for name, tally in self._models.items()},
            cache_hits=self._hits,
            cache_misses=self._misses,
            observer_failures=self._observer_failures,
        )

    def figures(self) -> dict[str, Figures]:
        """The counts by name, of the :data:`TOTALS` and of each model; nothing for who has counted nothing."""
        cache = {"cache_hits": float(self._hits), "cache_misses": float(self._misses)}
        totals = {**self._totals.figures(), **{name: count for name, count in cache.items() if count}}
        found = {TOTALS: totals, **{f"{_MODEL}{name}": tally.figures() for name, tally in self._models.items()}}
        return {subject: figures for subject, figures in found.items() if figures}

    def add_figures(self, figures: Mapping[str, Figures]) -> None:
        """Count what *figures* tell, too: of another process, or of another time."""
        for subject, each in figures.items():
            if subject == TOTALS:
                self._totals.add_figures(each)
                self._hits += int(each.get("cache_hits", 0))
                self._misses += int(each.get("cache_misses", 0))
            else:
                self._model(subject.removeprefix(_MODEL)).add_figures(each)

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

    def _model(self, name: str) -> Tally:
        tally = self._models.get(name)
        if tally is None:
            if len(self._models) >= self._most_models:
                name = OTHER_MODELS
            tally = self._models.setdefault(name, Tally())
        return tally


def at_most(most: int, known: Collection[str], figures: Mapping[str, Figures]) -> dict[str, Figures]:
    """*figures*, those of models beyond *most* under one name, where *known* are counted by name already."""
    kept: dict[str, Figures] = {}
    others = Tally()
    for subject, each in figures.items():
        has_room = len({*known, *kept, TOTALS, subject}) <= most + 1 and len(subject) <= LONGEST_NAME
        if subject in (TOTALS, _OTHERS) or subject in known or has_room:
            kept[subject] = each
        else:
            others.add_figures(each)
    others.add_figures(kept.get(_OTHERS, {}))
    rest = others.figures()
    return {**kept, _OTHERS: rest} if rest else kept
