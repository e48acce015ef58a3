"""Buckets for requests and tokens: what is in them, and how long until there is enough."""

from __future__ import annotations

import pytest

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


FREE = LimiterSettings()


def test_buckets_begin_full_and_without_a_limit_they_are_never_empty() -> None:
    assert bucket.full(3.0, LIMITS) == bucket.Levels(requests=60.0, tokens=600.0, at_s=3.0)
    assert bucket.full(3.0, FREE) == bucket.Levels(requests=float("inf"), tokens=float("inf"), at_s=3.0)


def test_buckets_fill_at_their_rates_until_they_are_full() -> None:
    low = bucket.Levels(requests=10.0, tokens=20.0, at_s=100.0)
    assert bucket.refilled(low, 130.0, LIMITS) == bucket.Levels(requests=40.0, tokens=320.0, at_s=130.0)
    assert bucket.refilled(low, 190.0, LIMITS) == bucket.Levels(requests=60.0, tokens=600.0, at_s=190.0)


def test_a_bucket_without_a_limit_stays_as_it_is_while_the_other_fills() -> None:
    low = bucket.Levels(requests=1.0, tokens=2.0, at_s=0.0)
    by_tokens, by_requests = LimiterSettings(tokens_per_minute=600), LimiterSettings(requests_per_minute=60)
    assert bucket.refilled(low, 30.0, by_tokens) == bucket.Levels(requests=1.0, tokens=302.0, at_s=30.0)
    assert bucket.refilled(low, 30.0, by_requests) == bucket.Levels(requests=31.0, tokens=2.0, at_s=30.0)


@pytest.mark.parametrize("now_s", [99.0, 100.0])
def test_buckets_are_what_they_are_when_no_time_has_passed(now_s: float) -> None:
    levels = bucket.Levels(requests=1.0, tokens=2.0, at_s=100.0)
    assert bucket.refilled(levels, now_s, LIMITS) is levels


def test_a_need_of_the_whole_capacity_fits() -> None:
    full = bucket.full(0.0, LIMITS)
    assert bucket.wait_s(full, bucket.Need(tokens=600, requests=60), LIMITS) == 0.0
    assert bucket.wait_s(full, bucket.Need(tokens=1, requests=61), LIMITS) == bucket.TooLarge(600)


def test_the_bucket_that_takes_longer_is_waited_for() -> None:
    low = bucket.Levels(requests=0.0, tokens=0.0, at_s=0.0)
    assert bucket.wait_s(low, bucket.Need(tokens=100, requests=30), LIMITS) == 30.0
    assert bucket.wait_s(low, bucket.Need(tokens=100), LIMITS) == 10.0


def test_less_than_dust_is_not_waited_for_and_more_is() -> None:
    none = bucket.Levels(requests=60.0, tokens=0.0, at_s=0.0)
    assert bucket.wait_s(none, bucket.Need(tokens=bucket.DUST), LIMITS) == 0.0
    assert bucket.wait_s(none, bucket.Need(tokens=10 * bucket.DUST), LIMITS) == pytest.approx(1e-6)


def test_a_need_is_taken_from_both_buckets() -> None:
    levels = bucket.taken(bucket.full(1.0, LIMITS), bucket.Need(tokens=10, requests=2), LIMITS)
    assert levels == bucket.Levels(requests=58.0, tokens=590.0, at_s=1.0)


def test_what_is_put_back_never_makes_a_bucket_more_than_full() -> None:
    low = bucket.Levels(requests=58.0, tokens=590.0, at_s=1.0)
    assert bucket.changed(low, 1, 5, LIMITS) == bucket.Levels(requests=59.0, tokens=595.0, at_s=1.0)
    assert bucket.changed(low, 9, 99, LIMITS) == bucket.full(1.0, LIMITS)


def test_who_is_served_leaves_what_has_been_refilled_meanwhile() -> None:
    low = bucket.Levels(requests=10.0, tokens=0.0, at_s=100.0)
    assert bucket.served(low, bucket.Need(tokens=100), LIMITS) == bucket.Levels(requests=19.0, tokens=0.0, at_s=110.0)


@pytest.mark.parametrize(
    ("settings", "wait_s"),
    [
        (LimiterSettings(max_wait_s=30), 0.0),
        (LimiterSettings(max_wait_s=30, requests_per_minute=1), 30 + bucket.SLACK_S),
        (LimiterSettings(max_wait_s=30, tokens_per_minute=1), 30 + bucket.SLACK_S),
    ],
)
def test_only_where_there_is_a_limit_somebody_waits(settings: LimiterSettings, wait_s: float) -> None:
    assert bucket.longest_wait_s(settings) == wait_s
