"""Token buckets for requests and for tokens a minute, taken from together or not at all.

A balance may go below zero: usage that turns out larger than its estimate is a debt that later requests wait for.
"""

from __future__ import annotations

from dataclasses import dataclass

from llm_manager.domain.settings import LimiterSettings

MINUTE_S = 60.0


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


def full(now_s: float, settings: LimiterSettings) -> Levels:
    """Both buckets as they begin."""
    return Levels(_capacity(settings.requests_per_minute), _capacity(settings.tokens_per_minute), now_s)


def refilled(levels: Levels, now_s: float, settings: LimiterSettings) -> Levels:
    """The buckets at *now_s*, which is not earlier than before."""
    minutes = max(now_s - levels.at_s, 0.0) / MINUTE_S
    return Levels(
        _refill(levels.requests, minutes, settings.requests_per_minute),
        _refill(levels.tokens, minutes, settings.tokens_per_minute),
        max(now_s, levels.at_s),
    )


def wait_s(levels: Levels, need: Need, settings: LimiterSettings) -> float | TooLarge:
    """Seconds until the buckets hold *need*, 0 when they do."""
    capacity = _capacity(settings.tokens_per_minute)
    if need.tokens > capacity or need.requests > _capacity(settings.requests_per_minute):
        return TooLarge(capacity)
    return max(
        _time_to(need.requests - levels.requests, settings.requests_per_minute),
        _time_to(need.tokens - levels.tokens, settings.tokens_per_minute),
    )


def changed(levels: Levels, requests: float, tokens: float, settings: LimiterSettings) -> Levels:
    """The buckets after *requests* and *tokens* were put in, or taken where negative; never more than full."""
    return Levels(
        min(levels.requests + requests, _capacity(settings.requests_per_minute)),
        min(levels.tokens + tokens, _capacity(settings.tokens_per_minute)),
        levels.at_s,
    )


def _capacity(per_minute: int | None) -> float:
    return float("inf") if per_minute is None else float(per_minute)


def _refill(level: float, minutes: float, per_minute: int | None) -> float:
    return level if per_minute is None else min(level + minutes * per_minute, float(per_minute))


def _time_to(missing: float, per_minute: int | None) -> float:
    return 0.0 if per_minute is None or missing <= 0 else missing / per_minute * MINUTE_S
