"""What one try at a model meets at a moment: pure, from the scenario and chance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from llm_manager.domain.catalog import ModelFacts
from llm_manager.domain.errors import LLMError, NetworkError, RateLimitExceeded, ServerError
from llm_manager.testing.simulation.chance import skewed
from llm_manager.testing.simulation.scenario import (
    Behaviour,
    Broken,
    Errors,
    Fault,
    Hang,
    Outage,
    RateLimit,
    Slow,
)

REFUSED_S = 0.05
"""How long it takes to hear a no: a round trip or two."""

UNKNOWN_LATENCY_S = 2.0
"""The median of a model of which the catalog has no guess."""

USUAL_SPREAD = 3.0
"""How many times the median the 95th percentile is, where nobody said."""

Draw: TypeAlias = Callable[[str], float]
"""A number in [0, 1) for what is named."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A whole answer: it begins after *first_s* and is there after *whole_s*."""

    first_s: float
    whole_s: float


@dataclass(frozen=True, slots=True)
class BreaksOff:
    """An answer of which *part* comes, beginning after *first_s*; it is over after *broken_s*."""

    first_s: float
    broken_s: float
    part: float


@dataclass(frozen=True, slots=True)
class Refuses:
    """*error* comes back after *after_s*."""

    after_s: float
    error: LLMError


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing comes, ever."""


Fate: TypeAlias = Answers | BreaksOff | Refuses | Silence


def fate(behaviour: Behaviour, facts: ModelFacts, at_s: float, answer_tokens: int, draw: Draw) -> Fate:
    """What a call sent at *at_s* for so many tokens meets. Of several faults it meets the first of :data:`ORDER`."""
    met = [each for each in behaviour.faults if _is_met(each, at_s, draw)]
    first_s = _first_s(behaviour, facts, draw)
    speed = behaviour.tokens_per_second
    whole_s = first_s if speed is None else first_s + answer_tokens / speed
    for fault in met:
        if isinstance(fault, Slow):
            first_s, whole_s = first_s * fault.factor, whole_s * fault.factor
    match min(met, key=_precedence, default=None):
        case Outage():
            return Refuses(REFUSED_S, NetworkError(facts.name, message="connection refused (simulated)"))
        case Hang():
            return Silence()
        case RateLimit(retry_after_s=wait_s):
            return Refuses(REFUSED_S, RateLimitExceeded(facts.name, wait_s, "too many requests (simulated)"))
        case Errors(status=status):
            return Refuses(first_s, ServerError(facts.name, status, "simulated"))
        case Broken():
            part = draw("break")
            return BreaksOff(first_s, first_s + part * (whole_s - first_s), part)
        case Slow() | None:
            return Answers(first_s, whole_s)


ORDER: tuple[type[Fault], ...] = (Outage, Hang, RateLimit, Errors, Broken, Slow)


def _precedence(fault: Fault) -> int:
    return ORDER.index(type(fault))


def _is_met(fault: Fault, at_s: float, draw: Draw) -> bool:
    if at_s < fault.at_s or (fault.lasts_s is not None and at_s >= fault.at_s + fault.lasts_s):
        return False
    return fault.part == 1 or draw(type(fault).__name__) < fault.part


def _first_s(behaviour: Behaviour, facts: ModelFacts, draw: Draw) -> float:
    """When an answer begins, on a good day."""
    median_s = behaviour.latency_s
    if median_s is None:
        guess_ms = facts.typical_latency_ms
        median_s = UNKNOWN_LATENCY_S if guess_ms is None else guess_ms / 1000
    p95_s = behaviour.latency_p95_s
    if p95_s is None:
        p95_s = median_s * USUAL_SPREAD
    return skewed(draw("latency"), draw("spread"), median_s, p95_s)
