"""A scenario as a TOML file says it: times as text with a unit, and one flat table for each fault.

    title = "Claude is down in the morning"
    duration = "24h"

    [[traffic]]
    rate = "1/min"

    [[models.claude.faults]]
    kind = "outage"
    at = "9h"
    lasts = "2h"

The rule of this room: every problem is named at once, with its path; what was written is turned into the records of
:mod:`.scenario` and checked as those are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, TypeAlias, TypeVar, final

from annotated_types import Len
from returns.result import Failure, Success

from llm_manager.adapters.toml_file import read_toml
from llm_manager.domain.decode import decoded
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import Priority
from llm_manager.testing.simulation.problems import scenario_problems
from llm_manager.testing.simulation.scenario import (
    DAY_S,
    FACTOR,
    ONCE_A_MINUTE,
    STATUS,
    Behaviour,
    Broken,
    Burst,
    Errors,
    Fault,
    FaultKind,
    Hang,
    Outage,
    RateLimit,
    Scenario,
    Slow,
    Steady,
    Traffic,
)
from llm_manager.testing.simulation.units import RATE, TIME, per_second_of, seconds_of

A = TypeVar("A")

Tokens: TypeAlias = int | Annotated[tuple[int, ...], Len(2, 2)]
"""So many, or between two numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficEntry:
    """One ``[[traffic]]``."""

    rate: str | None = None
    calls: int | None = None
    at: str | None = None
    lasts: str | None = None
    task: str = "general"
    model: str | None = None
    priority: Priority = "medium"
    prompt_tokens: Tokens = 500
    answer_tokens: Tokens = 200
    max_tokens: int | None = None
    questions: int | None = None
    streaming: bool = False
    deadline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEntry:
    """One ``[[models.NAME.faults]]``; which of the last three fields it has is up to its kind."""

    kind: FaultKind
    at: str | None = None
    lasts: str | None = None
    part: float = 1.0
    status: int | None = None
    retry_after: str | None = None
    factor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One ``[models.NAME]``."""

    latency: str | None = None
    latency_p95: str | None = None
    tokens_per_second: float | None = None
    faults: tuple[FaultEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioEntry:
    """The whole file."""

    title: str = ""
    seed: int = 0
    duration: str | None = None
    traffic: tuple[TrafficEntry, ...] | None = None
    models: Mapping[str, ModelEntry] = field(default_factory=dict[str, ModelEntry])


def read_scenario(name: str) -> Outcome[Scenario, ConfigurationError]:
    """The scenario in the TOML file *name*; what keeps it from being read, or makes no sense in it, is all named."""
    tree = read_toml(name)
    if isinstance(tree, Failure):
        return Failure(ConfigurationError((Problem("scenario", tree.failure(), name),)))
    return parse_scenario(tree.unwrap(), source=name)


def parse_scenario(tree: Mapping[str, object], *, source: str | None = None) -> Outcome[Scenario, ConfigurationError]:
    """The scenario that *tree* describes; *source* says in its problems where they are.

    >>> parse_scenario({"duration": "1d"}).unwrap().duration_s
    86400.0
    >>> [str(each) for each in parse_scenario({"duration": "soon", "speed": 3}).failure().problems]
    ['speed: is unknown: did you mean seed?', 'duration: write a time with its unit, as in "90s", "1h30m" or "250ms"']
    """
    read = decoded(ScenarioEntry, tree)
    reading = _Reading(list(read.problems))
    scenario = Scenario() if read.value is None else reading.scenario(read.value)
    told = {problem.path for problem in reading.problems}
    reading.problems.extend(each for each in scenario_problems(scenario) if not _is_told(each.path, told))
    if reading.problems:
        return Failure(ConfigurationError(tuple(replace(each, source=source) for each in reading.problems)))
    return Success(scenario)


def _is_told(path: str, told: set[str]) -> bool:
    """Is *path*, or something around or inside it, named already? Then a default stands there and not what was
    written."""
    return any(path == each or path.startswith(f"{each}.") or each.startswith(f"{path}.") for each in told)


@final
class _Reading:
    """From what was written to what it means; what means nothing becomes one of *problems*."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def scenario(self, entry: ScenarioEntry) -> Scenario:
        duration_s = self._time("duration", entry.duration, DAY_S)
        traffic = (
            (ONCE_A_MINUTE,)
            if entry.traffic is None
            else tuple(self._traffic(f"traffic.{index}", each) for index, each in enumerate(entry.traffic))
        )
        return Scenario(
            title=entry.title,
            seed=entry.seed,
            duration_s=duration_s,
            traffic=traffic,
            models={name: self._behaviour(f"models.{name}", each) for name, each in entry.models.items()},
        )

    def _traffic(self, at: str, entry: TrafficEntry) -> Traffic:
        return Traffic(
            arrive=self._arrivals(at, entry),
            at_s=self._time(f"{at}.at", entry.at, 0.0),
            lasts_s=self._time(f"{at}.lasts", entry.lasts, None),
            task=entry.task,
            model=entry.model,
            priority=entry.priority,
            prompt_tokens=_between(entry.prompt_tokens),
            answer_tokens=_between(entry.answer_tokens),
            max_tokens=entry.max_tokens,
            questions=entry.questions,
            streaming=entry.streaming,
            deadline_s=self._time(f"{at}.deadline", entry.deadline, None),
        )

    def _arrivals(self, at: str, entry: TrafficEntry) -> Steady | Burst:
        if (entry.rate is None) == (entry.calls is None):
            self._wrong(at, 'needs one of rate, as in "2/min", and calls, as in 50')
        if entry.rate is None:
            return Burst(1 if entry.calls is None else entry.calls)
        return Steady(self._read(f"{at}.rate", entry.rate, per_second_of, RATE, 1.0))

    def _behaviour(self, at: str, entry: ModelEntry) -> Behaviour:
        return Behaviour(
            latency_s=self._time(f"{at}.latency", entry.latency, None),
            latency_p95_s=self._time(f"{at}.latency_p95", entry.latency_p95, None),
            tokens_per_second=entry.tokens_per_second,
            faults=tuple(self._fault(f"{at}.faults.{index}", each) for index, each in enumerate(entry.faults)),
        )

    def _fault(self, at: str, entry: FaultEntry) -> Fault:
        at_s = self._time(f"{at}.at", entry.at, 0.0)
        lasts_s = self._time(f"{at}.lasts", entry.lasts, None)
        retry_after_s = self._time(f"{at}.retry_after", entry.retry_after, None)
        self._only_its_own(at, entry)
        match entry.kind:
            case "outage":
                return Outage(at_s=at_s, lasts_s=lasts_s, part=entry.part)
            case "hang":
                return Hang(at_s=at_s, lasts_s=lasts_s, part=entry.part)
            case "rate_limit":
                return RateLimit(at_s=at_s, lasts_s=lasts_s, part=entry.part, retry_after_s=retry_after_s)
            case "errors":
                return Errors(at_s=at_s, lasts_s=lasts_s, part=entry.part, status=_given(entry.status, STATUS))
            case "broken":
                return Broken(at_s=at_s, lasts_s=lasts_s, part=entry.part)
            case "slow":
                return Slow(at_s=at_s, lasts_s=lasts_s, part=entry.part, factor=_given(entry.factor, FACTOR))

    def _only_its_own(self, at: str, entry: FaultEntry) -> None:
        """A field that belongs to another kind of fault is a problem, not an ornament."""
        owners: Mapping[str, tuple[FaultKind, object]] = {
            "status": ("errors", entry.status),
            "retry_after": ("rate_limit", entry.retry_after),
            "factor": ("slow", entry.factor),
        }
        for name, (owner, value) in owners.items():
            if value is not None and entry.kind != owner:
                self._wrong(f"{at}.{name}", f"belongs to {owner} and says nothing about {entry.kind}")

    def _time(self, at: str, text: str | None, default: A) -> float | A:
        return default if text is None else self._read(at, text, seconds_of, TIME, default)

    def _read(self, at: str, text: str, meaning: Callable[[str], float | None], advice: str, default: A) -> float | A:
        value = meaning(text)
        if value is None:
            self._wrong(at, advice)
            return default
        return value

    def _wrong(self, at: str, said: str) -> None:
        self.problems.append(Problem(at, said))


def _given(value: A | None, default: A) -> A:
    """A zero is given, and wrong; it is no default."""
    return default if value is None else value


def _between(tokens: Tokens) -> tuple[int, int]:
    return (tokens, tokens) if isinstance(tokens, int) else (tokens[0], tokens[-1])
