"""How fast a target answers: what was observed, what fades, and what the catalog guesses."""

from __future__ import annotations

import pytest

from llm_manager.policies.latency import GUESS_WEIGHT, HALF_LIFE_S, Latency, answered, expected_ms, faded, failed

KNOWN = Latency(mean_ms=100.0, weight=3.0, at_s=10.0)


def test_the_first_answer_is_all_that_is_known() -> None:
    assert answered(None, 250.0, 7.0) == Latency(mean_ms=250.0, weight=1.0, at_s=7.0)


def test_each_answer_counts_one_and_those_before_it_as_much_as_is_left_of_them() -> None:
    assert answered(KNOWN, 500.0, 10.0) == Latency(mean_ms=200.0, weight=4.0, at_s=10.0)
    later = 10.0 + HALF_LIFE_S
    assert answered(KNOWN, 600.0, later) == Latency(mean_ms=300.0, weight=2.5, at_s=later)


def test_what_was_observed_counts_half_after_each_half_life() -> None:
    assert faded(KNOWN, 10.0 + 2 * HALF_LIFE_S) == Latency(mean_ms=100.0, weight=0.75, at_s=10.0 + 2 * HALF_LIFE_S)


@pytest.mark.parametrize("now_s", [9.0, 10.0])
def test_a_clock_behind_what_was_observed_fades_nothing(now_s: float) -> None:
    assert faded(KNOWN, now_s) == KNOWN


def test_a_failure_counts_only_where_it_took_longer_than_an_answer() -> None:
    assert failed(KNOWN, 500.0, 10.0) == answered(KNOWN, 500.0, 10.0)
    assert failed(KNOWN, 100.0, 99.0) is KNOWN
    assert failed(None, 500.0, 10.0) is None


@pytest.mark.parametrize(
    ("latency", "guess_ms", "expected"),
    [
        (None, None, None),
        (None, 300.0, 300.0),
        (KNOWN, None, 100.0),
        (Latency(mean_ms=100.0, weight=GUESS_WEIGHT, at_s=0.0), 300.0, 200.0),
        (Latency(mean_ms=100.0, weight=6.0, at_s=0.0), 300.0, 150.0),
    ],
)
def test_the_guess_weighs_as_much_as_two_fresh_answers(
    latency: Latency | None, guess_ms: float | None, expected: float | None
) -> None:
    assert expected_ms(latency, guess_ms) == expected
