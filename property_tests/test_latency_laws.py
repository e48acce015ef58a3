"""Laws of what is known of a target's latency, against the plain sum over everything that was observed."""

from __future__ import annotations

from functools import reduce
from math import isclose

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.adapters.limits.latencies import MemoryLatencies
from llm_manager.policies.latency import HALF_LIFE_S, Latency, answered, expected_ms, faded, failed

times_ms = st.floats(min_value=0.1, max_value=1e6)
gaps_s = st.floats(min_value=0, max_value=4 * HALF_LIFE_S)
observations = st.lists(st.tuples(gaps_s, times_ms), min_size=1, max_size=20)


def told(observed: list[tuple[float, float]]) -> tuple[list[tuple[float, float]], Latency]:
    """When and how long each answer took, and what is known of them."""
    moments: list[tuple[float, float]] = []
    for gap_s, latency_ms in observed:
        moments.append(((moments[-1][0] if moments else 0.0) + gap_s, latency_ms))
    known = reduce(lambda before, seen: answered(before, seen[1], seen[0]), moments, None)
    assert known is not None
    return moments, known


@given(observations)
def test_what_is_known_is_the_mean_in_which_an_answer_counts_half_after_each_half_life(
    observed: list[tuple[float, float]],
) -> None:
    moments, known = told(observed)
    weights = [2 ** ((at_s - moments[-1][0]) / HALF_LIFE_S) for at_s, _ in moments]
    mean_ms = sum(weight * ms for weight, (_, ms) in zip(weights, moments, strict=True)) / sum(weights)
    assert isclose(known.mean_ms, mean_ms, rel_tol=1e-6)
    assert isclose(known.weight, sum(weights), rel_tol=1e-6)


@given(observations, times_ms)
def test_what_is_expected_lies_between_the_guess_and_what_was_observed(
    observed: list[tuple[float, float]], guess_ms: float
) -> None:
    _, known = told(observed)
    expected = expected_ms(known, guess_ms)
    assert expected is not None
    low, high = sorted((known.mean_ms, guess_ms))
    assert low * (1 - 1e-9) <= expected <= high * (1 + 1e-9)


@given(observations, times_ms, gaps_s, gaps_s)
def test_the_longer_nothing_is_heard_the_nearer_is_the_guess(
    observed: list[tuple[float, float]], guess_ms: float, first_s: float, then_s: float
) -> None:
    _, known = told(observed)
    soon, late = faded(known, known.at_s + first_s), faded(known, known.at_s + first_s + then_s)
    away = [abs((expected_ms(each, guess_ms) or 0.0) - guess_ms) for each in (known, soon, late)]
    assert away[0] * (1 + 1e-9) + 1e-9 >= away[1]
    assert away[1] * (1 + 1e-9) + 1e-9 >= away[2]


@given(observations, times_ms)
def test_a_failure_never_makes_a_target_faster(observed: list[tuple[float, float]], lost_ms: float) -> None:
    _, known = told(observed)
    after = failed(known, lost_ms, known.at_s)
    assert after is not None
    assert after.mean_ms >= known.mean_ms
    assert failed(None, lost_ms, 0.0) is None


@given(st.integers(min_value=0, max_value=3_000))
def test_names_from_outside_do_not_fill_the_memory(count: int) -> None:
    latencies = MemoryLatencies()
    for number in range(count):
        latencies.record(f"m{number}", 1.0, 0.0, succeeded=True)
    known = latencies.lately(0.0)
    assert len(known) == min(count, 1000)
    assert f"m{count - 1}" in known or count == 0
