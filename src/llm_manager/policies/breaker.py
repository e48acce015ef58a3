"""The circuit breaker's states and moves.

Closed until calls fail too often, then open for a while, then half-open: one probe at a time holds a lease. Every move
between states, and every probe, begins a new generation; what comes back from an earlier one is ignored.

Failures of calls that were under way at the same moment are one observation: five answers of 503 to five calls at once
say as much about a target as one. An outage in which every call hangs is seen all the same: what fails later than
:data:`BURST_S` after the last observation is one more.
Source of the pattern: M. Nygard, "Release It!", 2007; the window of buckets is resilience4j's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

from llm_manager.domain.settings import BreakerSettings
from llm_manager.domain.status import CircuitState

BUCKETS = 10
"""How many parts the window is counted in: a bucket as old as the window is dropped whole."""

JITTER = 0.1
"""Up to this part is added to the time a breaker stays open after a failed probe, so that many do not probe at once."""

BURST_S = 1.0
"""A failure of a call that began before the last observation belongs to it for so long."""

Bucket: TypeAlias = tuple[int, int, int]
"""(number of the bucket since time began, calls, failures)."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Calls pass and are counted; *streak* is the failures since the last success, *failures* those in the window.

    *failed_s* is when the last failure was counted.
    """

    generation: int = 0
    window: tuple[Bucket, ...] = ()
    streak: int = 0
    failures: int = 0
    failed_s: float | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """No call passes before *until_s*; the next time it will be open longer than *open_s*."""

    generation: int
    until_s: float
    open_s: float


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """One probe passes; *leased_until_s* bounds the one under way, None when there is none."""

    generation: int
    open_s: float
    successes: int = 0
    leased_until_s: float | None = None


State: TypeAlias = Closed | Open | HalfOpen


@dataclass(frozen=True, slots=True)
class Admitted:
    """The call may pass; what comes of it is recorded under this generation."""

    generation: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The call may not pass for *wait_s* seconds; while another is *probing* that is the most, it may end sooner."""

    wait_s: float
    probing: bool = False


def admit(state: State, now_s: float, settings: BreakerSettings) -> tuple[State, Admitted | Refused]:
    """May a call pass now?"""
    if isinstance(state, Closed):
        return state, Admitted(state.generation, probe=False)
    if isinstance(state, Open):
        if now_s < state.until_s:
            return state, Refused(state.until_s - now_s)
        state = HalfOpen(state.generation, state.open_s)
    if state.leased_until_s is not None and now_s < state.leased_until_s:
        return state, Refused(state.leased_until_s - now_s, probing=True)
    generation = state.generation + 1
    probing = HalfOpen(generation, state.open_s, state.successes, now_s + settings.probe_s)
    return probing, Admitted(generation, probe=True)


def record(
    state: State,
    generation: int,
    verdict: Literal["success", "failure", "neither"],
    began_s: float,
    now_s: float,
    chance: float,
    settings: BreakerSettings,
) -> State:
    """What came of a call that was admitted under *generation* and began at *began_s*."""
    if generation != state.generation or isinstance(state, Open):
        return state
    if isinstance(state, Closed):
        if verdict == "neither" or (verdict == "failure" and _is_observed(state, began_s, now_s)):
            return state
        return _counted(state, verdict == "failure", now_s, settings)
    if state.leased_until_s is None:  # the probe of this generation has had its say
        return state
    match verdict:
        case "neither":
            return HalfOpen(state.generation, state.open_s, state.successes)
        case "failure":
            open_s = min(state.open_s * 2, longest_s(settings))
            return Open(generation + 1, now_s + open_s * (1 + JITTER * chance), open_s)
        case "success":
            if state.successes + 1 >= settings.success_threshold:
                return Closed(generation + 1)
            return HalfOpen(generation, state.open_s, state.successes + 1)
        case _:
            assert_never(verdict)


def _is_observed(state: Closed, began_s: float, now_s: float) -> bool:
    """Whether the failure of a call that began at *began_s* is part of the last observation."""
    return state.failed_s is not None and began_s < state.failed_s and now_s - state.failed_s < BURST_S


def expected(state: State, now_s: float) -> State:
    """The target seems to be well again: an open breaker lets a probe pass now. Only probes close it; one that fails
    opens it for twice as long as before, as ever."""
    return Open(state.generation, now_s, state.open_s) if isinstance(state, Open) and state.until_s > now_s else state


def standing(state: State, now_s: float) -> tuple[CircuitState, float]:
    """Where the breaker stands, and in how many seconds it lets a call pass: half-open, in so many at the most."""
    match state:
        case Closed():
            return "closed", 0.0
        case Open(until_s=until_s) if now_s < until_s:
            return "open", until_s - now_s
        case HalfOpen(leased_until_s=leased_until_s) if leased_until_s is not None and now_s < leased_until_s:
            return "half-open", leased_until_s - now_s
        case Open() | HalfOpen():
            return "half-open", 0.0


def longest_s(settings: BreakerSettings) -> float:
    """How long a breaker is open at most, jitter left out: a first time above ``max_open_s`` is not cut short by it."""
    return max(settings.open_s, settings.max_open_s)


def bucket_number(now_s: float, settings: BreakerSettings) -> int:
    """The number, since time began, of the part of a window in which *now_s* lies."""
    return int(now_s * BUCKETS // settings.window_s)


def _counted(state: Closed, failed: bool, now_s: float, settings: BreakerSettings) -> State:  # noqa: FBT001  # a fact
    number = bucket_number(now_s, settings)
    kept, failures = state.window, state.failures
    calls = failed_here = 0
    if kept and kept[-1][0] == number:
        _, calls, failed_here = kept[-1]
        kept = kept[:-1]
    else:
        kept = tuple(bucket for bucket in kept if bucket[0] > number - BUCKETS)
        failures = sum(bucket[2] for bucket in kept)
    window = (*kept, (number, calls + 1, failed_here + failed))
    failures += failed
    streak = state.streak + 1 if failed else 0
    if streak >= settings.failure_threshold or (failures and _too_many(window, failures, settings)):
        return Open(state.generation + 1, now_s + settings.open_s, settings.open_s)
    return Closed(state.generation, window, streak, failures, now_s if failed else state.failed_s)


def _too_many(window: tuple[Bucket, ...], failures: int, settings: BreakerSettings) -> bool:
    """Asked after successes too: one may be the call that makes the window worth judging.

    Divided, because 7 / 25 is 0.28 to the last bit and 0.28 * 25 is more than 7.
    """
    calls = sum(bucket[1] for bucket in window)
    return calls >= settings.minimum_calls and failures / calls >= settings.failure_rate
