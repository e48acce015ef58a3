"""Buckets for requests and tokens: what is in them, and how long until there is enough."""

from __future__ import annotations

from llm_manager.domain.settings import LimiterSettings
from llm_manager.policies import bucket

LIMITS = LimiterSettings(requests_per_minute=60, tokens_per_minute=600)


def test_a_full_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    levels = bucket.changed(bucket.full(0.0, LIMITS), -60, 0, LIMITS)
    assert bucket.wait_s(levels, bucket.Need(tokens=0), LIMITS) == 1.0
    assert bucket.wait_s(bucket.refilled(levels, 1.0, LIMITS), bucket.Need(tokens=0), LIMITS) == 0.0


def test_both_buckets_must_hold_enough() -> None:
    levels = bucket.changed(bucket.full(0.0, LIMITS), 0, -600, LIMITS)
    assert bucket.wait_s(levels, bucket.Need(tokens=300), LIMITS) == 30.0


def test_a_need_above_capacity_never_fits() -> None:
    assert bucket.wait_s(bucket.full(0.0, LIMITS), bucket.Need(tokens=601), LIMITS) == bucket.TooLarge(600)


def test_a_debt_is_waited_for() -> None:
    levels = bucket.changed(bucket.full(0.0, LIMITS), 0, -900, LIMITS)
    assert bucket.wait_s(levels, bucket.Need(tokens=100), LIMITS) == 40.0


def test_a_rounding_error_is_not_waited_for() -> None:
    almost = bucket.Levels(requests=60.0, tokens=300.0 - 1e-9, at_s=1e6)
    assert bucket.wait_s(almost, bucket.Need(tokens=300), LIMITS) == 0.0


def test_what_overflows_while_the_other_bucket_is_waited_for_is_lost() -> None:
    limits = LimiterSettings(requests_per_minute=1, tokens_per_minute=6000)
    empty = bucket.Levels(requests=1.0, tokens=0.0, at_s=0.0)
    first = bucket.served(empty, bucket.Need(tokens=6000), limits)
    assert first == bucket.Levels(requests=0.0, tokens=0.0, at_s=60.0)
    assert bucket.served(first, bucket.Need(tokens=0), limits).at_s == 120.0


def test_without_a_limit_nothing_waits() -> None:
    free = LimiterSettings()
    assert bucket.wait_s(bucket.full(0.0, free), bucket.Need(tokens=1e12), free) == 0.0
