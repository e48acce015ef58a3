"""What reported usage and refusals for size teach about the estimates for a target."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.adapters.limits.calibrations import MemoryCalibrations
from llm_manager.domain.tokens import TokenRange
from llm_manager.policies.calibration import (
    LEAST_FACTOR,
    MOST_FACTOR,
    NOTHING_LEARNT,
    WORTH_LEARNING_TOKENS,
    Calibration,
    answered,
    too_large,
)


def test_the_factor_goes_to_what_is_reported() -> None:
    learnt = NOTHING_LEARNT
    for _ in range(30):
        learnt = answered(learnt, 1_000, 1_400)
    assert 1.39 < learnt.factor <= 1.4
    assert learnt.corrected(TokenRange(500, 1_000, 3_000)).likely == 1_400


def test_a_few_answers_are_enough_and_one_odd_one_is_not() -> None:
    learnt = answered(answered(answered(NOTHING_LEARNT, 1_000, 1_400), 1_000, 1_400), 1_000, 1_400)
    assert learnt.factor > 1.25
    for _ in range(20):
        learnt = answered(learnt, 1_000, 1_000)
    assert answered(learnt, 1_000, 9_000).factor < 1.3


def test_what_says_nothing_teaches_nothing() -> None:
    assert answered(NOTHING_LEARNT, WORTH_LEARNING_TOKENS - 1, 999) is NOTHING_LEARNT
    assert answered(NOTHING_LEARNT, 1_000, 0) is NOTHING_LEARNT


counts = st.integers(0, 10**9)


@given(st.lists(st.tuples(counts, counts, st.none() | counts, st.booleans()), max_size=20))
def test_a_factor_stays_within_its_bounds(lessons: list[tuple[int, int, int | None, bool]]) -> None:
    learnt = NOTHING_LEARNT
    for likely, told, window, is_answer in lessons:
        learnt = answered(learnt, likely, told) if is_answer else too_large(learnt, likely, told, window)
        assert LEAST_FACTOR <= learnt.factor <= MOST_FACTOR
        assert learnt.corrected(TokenRange(5, 10, 15)) in [TokenRange(5, each, 15) for each in range(5, 16)]


def test_a_refusal_tells_the_window_and_an_answer_beyond_it_that_it_was_wrong() -> None:
    refused = too_large(NOTHING_LEARNT, 1_000, 1_300, 1_200)
    assert refused == Calibration(1.3, 1, 1_200)
    assert answered(refused, 1_000, 1_100).window_tokens == 1_200
    assert answered(refused, 1_000, 1_201).window_tokens is None


def test_a_refusal_without_figures_makes_the_estimate_more() -> None:
    once = too_large(NOTHING_LEARNT, 1_000, None, None)
    assert 1.0 < once.factor < too_large(once, 1_000, None, None).factor <= MOST_FACTOR
    assert once.window_tokens is None


def test_each_target_has_its_own_and_the_silent_ones_are_forgotten() -> None:
    kept = MemoryCalibrations()
    kept.answered("first", 1_000, 1_500)
    kept.too_large("second", 1_000, 1_500, 1_200)
    assert kept.known("first").factor == 1.25
    assert kept.known("second").window_tokens == 1_200
    assert kept.known("third") == NOTHING_LEARNT
    for number in range(1_000):
        kept.answered(str(number), 1_000, 1_500)
    assert kept.known("first") == kept.known("second") == NOTHING_LEARNT
