"""Token buckets for requests and for tokens a minute, taken from together or not at all.

A balance may go below zero: usage that turns out larger than its estimate is a debt that later requests wait for.
Who waits in which order is an adapter's matter; :func:`served` lets it see to the end of its queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from llm_manager.domain.settings import LimiterSettings

MINUTE_S = 60.0

DUST = 1e-6
"""Less than this is missing only by rounding. Without it a clock could be asked to sleep for less than it resolves."""


SLACK_S = 0.001
"""A waiter whose turn comes this much later than it allows stays: clocks round, and it has waited already."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What is in the two buckets at *at_s*."""

    requests: float
    tokens: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Need:
    """What one request takes."""

    tokens: float
    requests: float = 1.0


@dataclass(frozen=True, slots=True)
class TooLarge:
    """More than a full bucket holds: no wait is long enough."""

    capacity_tokens: float


def is_unlimited(settings: LimiterSettings) -> bool:
    """Is there no limit at all?"""
    return settings.requests_per_minute is None and settings.tokens_per_minute is None


def longest_wait_s(settings: LimiterSettings) -> float:
    """Seconds that one request may wait for its turn, 0 without a limit."""
    return 0.0 if is_unlimited(settings) else settings.max_wait_s + SLACK_S


def full(now_s: float, settings: LimiterSettings) -> Levels:
    """Both buckets as they begin."""
    return Levels(_capacity(settings.requests_per_minute), _capacity(settings.tokens_per_minute), now_s)


def refilled(levels: Levels, now_s: float, settings: LimiterSettings) -> Levels:
    """The buckets at *now_s*; as they are if that is no later."""
    if now_s <= levels.at_s:
        return levels
    minutes = (now_s - levels.at_s) / MINUTE_S
    return Levels(
        _refill(levels.requests, minutes, settings.requests_per_minute),
        _refill(levels.tokens, minutes, settings.tokens_per_minute),
        now_s,
    )


def wait_s(levels: Levels, need: Need, settings: LimiterSettings) -> float | TooLarge:
    """Seconds until the buckets hold *need*, 0 when they do."""
    capacity = _capacity(settings.tokens_per_minute)
    if need.tokens > capacity or need.requests > _capacity(settings.requests_per_minute):
        return TooLarge(capacity)
    return _wait_s(levels, need, settings)


def taken(levels: Levels, need: Need, settings: LimiterSettings) -> Levels:
    """The buckets without *need*."""
    return changed(levels, -need.requests, -need.tokens, settings)


def served(levels: Levels, need: Need, settings: LimiterSettings) -> Levels:
    """The buckets as soon as *need*, which fits into full ones, has been waited for and taken; ``at_s`` is when.

    Folded over a queue it tells exactly when its last waiter is served, what overflows meanwhile included.
    """
    then_s = levels.at_s + _wait_s(levels, need, settings)
    return taken(refilled(levels, then_s, settings), need, settings)


def changed(levels: Levels, requests: float, tokens: float, settings: LimiterSettings) -> Levels:
    """The buckets after *requests* and *tokens* were put in, or taken where negative; never more than full."""
    return Levels(
        min(levels.requests + requests, _capacity(settings.requests_per_minute)),
        min(levels.tokens + tokens, _capacity(settings.tokens_per_minute)),
        levels.at_s,
    )


def _wait_s(levels: Levels, need: Need, settings: LimiterSettings) -> float:
    return max(
        _time_to(need.requests - levels.requests, settings.requests_per_minute),
        _time_to(need.tokens - levels.tokens, settings.tokens_per_minute),
    )


def _capacity(per_minute: int | None) -> float:
    return inf if per_minute is None else float(per_minute)


def _refill(level: float, minutes: float, per_minute: int | None) -> float:
    return level if per_minute is None else min(level + minutes * per_minute, float(per_minute))


def _time_to(missing: float, per_minute: int | None) -> float:
    return 0.0 if per_minute is None or missing <= DUST else missing / per_minute * MINUTE_S
