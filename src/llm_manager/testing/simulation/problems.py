"""What makes no sense in a scenario, whoever wrote it. Paths are those of a scenario file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import isfinite

from llm_manager.domain.problem import Problem
from llm_manager.testing.simulation.scenario import (
    Behaviour,
    Burst,
    Errors,
    Fault,
    RateLimit,
    Scenario,
    Slow,
    Steady,
    Traffic,
    Window,
    ends_s,
)

MOST_CALLS = 1_000_000
"""More than these would take longer than anybody waits."""


def scenario_problems(scenario: Scenario) -> tuple[Problem, ...]:
    """Everything that keeps *scenario* from being played; empty when nothing does.

    >>> [str(each) for each in scenario_problems(Scenario(duration_s=-1.0, traffic=()))]
    ['duration: must be more than nothing', 'traffic: is empty: nobody would call']
    """
    return tuple(_problems(scenario))


def _problems(scenario: Scenario) -> Iterator[Problem]:
    if not _is_positive(scenario.duration_s):
        yield Problem("duration", "must be more than nothing")
    if not scenario.traffic:
        yield Problem("traffic", "is empty: nobody would call")
    for index, traffic in enumerate(scenario.traffic):
        yield from _traffic(f"traffic.{index}", traffic, scenario.duration_s)
    calls = sum(expected_calls(each, scenario.duration_s) for each in scenario.traffic)
    if calls > MOST_CALLS:
        yield Problem("traffic", f"is {calls:,.0f} calls, more than {MOST_CALLS:,}: lower the rate or the duration")
    for name, behaviour in scenario.models.items():
        yield from _behaviour(f"models.{name}", behaviour, scenario.duration_s)


def expected_calls(traffic: Traffic, duration_s: float) -> float:
    """How many calls *traffic* brings, on average."""
    match traffic.arrive:
        case Burst(calls=calls):
            return calls
        case Steady(per_second=per_second):
            return per_second * max(ends_s(traffic, duration_s) - traffic.at_s, 0.0)


def _traffic(at: str, traffic: Traffic, duration_s: float) -> Iterator[Problem]:
    match traffic.arrive:
        case Steady(per_second=per_second) if not _is_positive(per_second):
            yield Problem(f"{at}.rate", "must be more than nothing")
        case Burst(calls=calls) if calls <= 0:
            yield Problem(f"{at}.calls", f"is {calls}: give a number above 0")
        case Steady() | Burst():
            pass
    yield from _window(at, traffic, duration_s)
    for name, (low, high) in (("prompt_tokens", traffic.prompt_tokens), ("answer_tokens", traffic.answer_tokens)):
        if not 1 <= low <= high:
            yield Problem(f"{at}.{name}", f"is {low} to {high}: give the lowest, which is at least 1, then the highest")
    for name, count in (("max_tokens", traffic.max_tokens), ("questions", traffic.questions)):
        if count is not None and count <= 0:
            yield Problem(f"{at}.{name}", f"is {count}: give a number above 0")
    if traffic.deadline_s is not None and not _is_positive(traffic.deadline_s):
        yield Problem(f"{at}.deadline", "must be more than nothing")


def _window(at: str, window: Traffic | Window, duration_s: float) -> Iterator[Problem]:
    if not _is_positive(duration_s):  # said already, and then nothing lies inside
        return
    if not 0 <= window.at_s < duration_s:
        yield Problem(f"{at}.at", f"is {window.at_s:g} s, outside of the scenario's {duration_s:g} s")
    if window.lasts_s is None:
        return
    instant = isinstance(window, Traffic) and isinstance(window.arrive, Burst) and window.lasts_s == 0
    if not (_is_positive(window.lasts_s) or instant):
        yield Problem(f"{at}.lasts", "must be more than nothing; leave it out to mean the rest of the time")
    elif 0 <= window.at_s < duration_s < ends_s(window, duration_s):
        over_s = ends_s(window, duration_s) - duration_s
        yield Problem(f"{at}.lasts", f"reaches {over_s:g} s beyond the scenario; leave it out to mean the rest of it")


def _behaviour(at: str, behaviour: Behaviour, duration_s: float) -> Iterator[Problem]:
    latency_s, p95_s = behaviour.latency_s, behaviour.latency_p95_s
    if latency_s is not None and not _is_positive(latency_s):
        yield Problem(f"{at}.latency", "must be more than nothing")
    if p95_s is not None and (latency_s is None or not latency_s <= p95_s or not isfinite(p95_s)):
        yield Problem(
            f"{at}.latency_p95", "must not be less than the latency, which is the median and stands beside it"
        )
    speed = behaviour.tokens_per_second
    if speed is not None and not _is_positive(speed):
        yield Problem(f"{at}.tokens_per_second", f"is {speed:g}: give a number above 0")
    for index, fault in enumerate(behaviour.faults):
        yield from _fault(f"{at}.faults.{index}", fault, duration_s)
    for (first, one), (second, other) in combinations(enumerate(behaviour.faults), 2):
        if _overlap(one, other, duration_s) and _clash(one, other):
            said = f"overlaps {at}.faults.{first}, and no call could meet both: move or merge them"
            yield Problem(f"{at}.faults.{second}", said)


def _fault(at: str, fault: Fault, duration_s: float) -> Iterator[Problem]:
    yield from _window(at, fault, duration_s)
    if not 0 < fault.part <= 1:
        yield Problem(
            f"{at}.part", f"is {fault.part:g}: give the part of the calls that meet it, above 0 and at most 1"
        )
    match fault:
        case Errors(status=status) if not 500 <= status <= 599:
            yield Problem(f"{at}.status", f"is {status}: a server's error is 500 to 599")
        case RateLimit(retry_after_s=wait_s) if wait_s is not None and not 0 <= wait_s < float("inf"):
            yield Problem(f"{at}.retry_after", "must not be less than nothing")
        case Slow(factor=factor) if not (factor > 1 and isfinite(factor)):
            yield Problem(f"{at}.factor", f"is {factor:g}: give a number above 1")
        case _:  # nothing else can be wrong with the others
            pass


def _overlap(one: Fault, other: Fault, duration_s: float) -> bool:
    return one.at_s < ends_s(other, duration_s) and other.at_s < ends_s(one, duration_s)


def _clash(one: Fault, other: Fault) -> bool:
    """Two of a kind, of which one would be hidden; or two that meet every call, of which only the first could."""
    both_fail = not isinstance(one, Slow) and not isinstance(other, Slow)
    return type(one) is type(other) or (both_fail and one.part == other.part == 1)


def _is_positive(number: float) -> bool:
    return number > 0 and isfinite(number)
