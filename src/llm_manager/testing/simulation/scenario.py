"""What a scenario says: who calls when and with what, and how each model behaves over time.

The rule of this room: plain records in seconds and tokens, with no configuration in them, so that one scenario can be
played against many. To add a fault, add a record to :data:`Fault` and say in :mod:`.weather` what a call meets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llm_manager.domain.request import Priority

DAY_S = 86_400.0

STATUS = 503
"""What a server in trouble says unless told otherwise."""

FACTOR = 10.0
"""How much longer a slow answer takes unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Steady:
    """Calls that come one by one at random, *per_second* of them on average."""

    per_second: float


@dataclass(frozen=True, slots=True)
class Burst:
    """Exactly so many *calls*, at random moments of their window."""

    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One kind of request and when it comes: from *at_s* on, for *lasts_s* seconds or, if that is None, to the end.

    Tokens are drawn evenly from (lowest, highest). *questions* is how many different questions there are, so that the
    cache has something to know; None: each call asks a new one. *model*, *priority*, *max_tokens*, *streaming* and
    *deadline_s* are those of the request.
    """

    arrive: Steady | Burst
    at_s: float = 0.0
    lasts_s: float | None = None
    task: str = "general"
    model: str | None = None
    priority: Priority = "medium"
    prompt_tokens: tuple[int, int] = (500, 500)
    answer_tokens: tuple[int, int] = (200, 200)
    max_tokens: int | None = None
    questions: int | None = None
    streaming: bool = False
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """When a fault is there, as for :class:`Traffic`, and which *part* of the calls meets it."""

    at_s: float = 0.0
    lasts_s: float | None = None
    part: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage(Window):
    """Nobody answers the door: connections are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang(Window):
    """Connections are taken and never answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit(Window):
    """Calls are refused with 429, and told to stay away for *retry_after_s* if that is not None."""

    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors(Window):
    """Calls fail with a *status* of 500 and above."""

    status: int = STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken(Window):
    """Answers break off somewhere in the middle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow(Window):
    """Answers take *factor* times as long."""

    factor: float = FACTOR


Fault: TypeAlias = Outage | Hang | RateLimit | Errors | Broken | Slow

FaultKind: TypeAlias = Literal["outage", "hang", "rate_limit", "errors", "broken", "slow"]
"""The names that a scenario file uses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How one model behaves.

    Half of its answers begin within *latency_s*, and 95 % within *latency_p95_s* (log-normal); None is the catalog's
    guess, and three times the median. The rest of an answer comes at *tokens_per_second*; None: all of it at once.
    """

    latency_s: float | None = None
    latency_p95_s: float | None = None
    tokens_per_second: float | None = None
    faults: tuple[Fault, ...] = ()


ONCE_A_MINUTE = Traffic(arrive=Steady(1 / 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A day, unless *duration_s* says otherwise, on which a call a minute comes, unless *traffic* does.

    *models* is by the names that requests and chains use: an alias of the configuration, a family, a model. One that is
    not in it behaves well. The same *seed* gives the same day.
    """

    title: str = ""
    seed: int = 0
    duration_s: float = DAY_S
    traffic: tuple[Traffic, ...] = (ONCE_A_MINUTE,)
    models: Mapping[str, Behaviour] = field(default_factory=dict[str, Behaviour])


def ends_s(window: Traffic | Window, duration_s: float) -> float:
    """When *window* is over, in a scenario of *duration_s*."""
    return duration_s if window.lasts_s is None else window.at_s + window.lasts_s
