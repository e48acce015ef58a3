"""How fast a target answers: its latest latencies, blended with the catalog's guess while there are few of them.

Recent answers count most and old ones fade, so that a target which was slow once is thought of as it was before, and
asked again, after a while.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HALF_LIFE_S = 120.0
"""After this long an observation counts half. Balancers that compare equal servers use seconds (Finagle's Peak EWMA:
10); answers of models differ in length, so more of them are needed for a fair mean."""

GUESS_WEIGHT = 2.0
"""How many fresh observations the guess is worth: the first answer alone may be an odd one."""


FORGETTING = 0.98
"""What each answer leaves of the longest before it: a single long one is forgotten after some hundred others."""

UNUSUAL = 2.0
"""A deadline that leaves a target so many times its longest answer of late, and passes, speaks against the target."""


@dataclass(frozen=True, slots=True)
class Latency:
    """The weighted mean of what was observed of one target by *at_s*; *weight* counts observations, faded ones less.

    *longest_ms* is about the longest that an answer took of late; failures have no part in it.
    """

    mean_ms: float
    weight: float
    at_s: float
    longest_ms: float = field(default=0.0, repr=False, compare=False)


def answered(before: Latency | None, latency_ms: float, now_s: float) -> Latency:
    """What is known once an answer took *latency_ms*.

    >>> answered(answered(None, 100, 0), 400, HALF_LIFE_S)
    Latency(mean_ms=300.0, weight=1.5, at_s=120.0)
    """
    if before is None:
        return Latency(latency_ms, 1.0, now_s, latency_ms)
    longest_ms = max(latency_ms, before.longest_ms * FORGETTING)
    return _blended(before, latency_ms, now_s, longest_ms)


def _blended(before: Latency, latency_ms: float, now_s: float, longest_ms: float) -> Latency:
    old = faded(before, now_s)
    weight = old.weight + 1
    return Latency(old.mean_ms + (latency_ms - old.mean_ms) / weight, weight, now_s, longest_ms)


def failed(before: Latency | None, latency_ms: float, now_s: float) -> Latency | None:
    """What is known once *latency_ms* were lost on a failure: they count where that was slow. A target that refuses
    at once is not a fast one."""
    if before is None or latency_ms <= before.mean_ms:
        return before
    return _blended(before, latency_ms, now_s, before.longest_ms)


def is_unusual(latency: Latency | None, latency_ms: float) -> bool:
    """Is *latency_ms* without an answer far longer than the target has taken for one? False while that is not known.

    >>> is_unusual(Latency(800, 4.0, 0, 1500), 90_000), is_unusual(Latency(800, 4.0, 0, 1500), 2000)
    (True, False)
    """
    return latency is not None and latency.longest_ms > 0 and latency_ms > UNUSUAL * latency.longest_ms


def faded(latency: Latency, now_s: float) -> Latency:
    """*latency* as it counts at *now_s*.

    >>> faded(Latency(100, 4.0, 0), 2 * HALF_LIFE_S)
    Latency(mean_ms=100, weight=1.0, at_s=240.0)
    """
    age_s = max(now_s - latency.at_s, 0.0)
    weight = latency.weight * 0.5 ** (age_s / HALF_LIFE_S)
    return Latency(latency.mean_ms, weight, latency.at_s + age_s, latency.longest_ms)


def expected_ms(latency: Latency | None, guess_ms: float | None) -> float | None:
    """How long the next answer will take, as far as observations and the catalog's guess tell; None: not known.

    >>> expected_ms(Latency(100, 2.0, 0), 300), expected_ms(None, 300), expected_ms(Latency(100, 1.0, 0), None)
    (200.0, 300, 100)
    """
    if latency is None:
        return guess_ms
    if guess_ms is None:
        return latency.mean_ms
    both = latency.weight + GUESS_WEIGHT
    return (latency.mean_ms * latency.weight + guess_ms * GUESS_WEIGHT) / both
