"""The circuit breaker as a pure machine: when it opens, how long, and who may probe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from llm_manager.domain.settings import BreakerSettings
from llm_manager.policies.breaker import (
    BUCKETS,
    Admitted,
    Closed,
    HalfOpen,
    Open,
    Refused,
    State,
    admit,
    bucket_number,
    record,
)

SETTINGS = BreakerSettings(open_s=60.0, max_open_s=300.0)
Verdict = Literal["success", "failure", "neither"]


FIVE: list[Verdict] = ["failure", "failure", "failure", "failure", "failure"]


def after(state: State, verdicts: Sequence[Verdict], now_s: float = 0.0, settings: BreakerSettings = SETTINGS) -> State:
    for verdict in verdicts:
        state = record(state, state.generation, verdict, now_s, now_s, 0.0, settings)
    return state


def opened() -> Open:
    state = after(Closed(), FIVE)
    assert isinstance(state, Open)
    return state


def test_five_failures_in_a_row_open_it_for_a_minute() -> None:
    assert opened() == Open(1, 60.0, 60.0)


def test_a_success_ends_a_run_of_failures() -> None:
    run: list[Verdict] = ["failure"] * 4
    assert isinstance(after(Closed(), [*run, "success", *run]), Closed)


def test_half_of_ten_calls_failing_within_the_window_open_it() -> None:
    mixed: list[Verdict] = ["success", "failure"] * 5
    assert isinstance(after(Closed(), mixed[:-1]), Closed)
    assert isinstance(after(Closed(), mixed), Open)


def test_a_success_can_be_the_tenth_call_that_shows_half_of_them_failed() -> None:
    mixed: list[Verdict] = ["failure", "success"] * 5
    assert isinstance(after(Closed(), mixed[:-1]), Closed)
    assert after(Closed(), mixed) == Open(1, 60.0, 60.0)


def test_a_rate_that_is_met_exactly_opens_it_whatever_its_float_is() -> None:
    often = BreakerSettings(open_s=60.0, failure_rate=0.28, minimum_calls=25, failure_threshold=100)
    well: list[Verdict] = ["success"] * 18
    badly: list[Verdict] = ["failure"] * 7
    before = after(after(Closed(), well, settings=often), badly[:-1], settings=often)
    assert isinstance(before, Closed)
    assert after(before, badly[-1:], settings=often) == Open(1, 60.0, 60.0)


def test_a_probe_has_its_say_once() -> None:
    probing, _ = admit(opened(), 60.0, SETTINGS)
    once = record(probing, 2, "success", 61.0, 61.0, 0.0, SETTINGS)
    assert record(once, 2, "success", 61.0, 61.0, 0.0, SETTINGS) is once


def test_calls_older_than_the_window_do_not_count() -> None:
    mixed: list[Verdict] = ["success", "failure"]
    old = after(Closed(), mixed * 4, now_s=0.0)
    assert isinstance(after(old, mixed * 2, now_s=31.0), Closed)


def test_a_call_counts_until_the_window_has_passed_it_to_the_second() -> None:
    pair: list[Verdict] = ["failure", "success"]
    four = after(Closed(), pair * 4)
    assert isinstance(after(four, ["success", "failure"], now_s=29.9), Open)
    assert isinstance(after(four, ["success", "failure"], now_s=30.0), Closed)


def test_a_call_that_says_nothing_is_not_counted() -> None:
    nothing: list[Verdict] = ["neither"]
    assert after(Closed(), nothing * 20) == Closed()


def test_an_open_breaker_says_how_long_to_stay_away() -> None:
    assert admit(opened(), 20.0, SETTINGS)[1] == Refused(40.0)


def test_after_its_time_one_probe_passes_and_no_second_one() -> None:
    probing, first = admit(opened(), 60.0, SETTINGS)
    assert first == Admitted(2, probe=True)
    assert admit(probing, 61.0, SETTINGS)[1] == Refused(119.0, probing=True)


def test_the_lease_of_a_probe_ends_by_itself() -> None:
    probing, _ = admit(opened(), 60.0, SETTINGS)
    assert admit(probing, 180.0, SETTINGS)[1] == Admitted(3, probe=True)


def test_a_cancelled_probe_gives_its_lease_back_without_a_verdict() -> None:
    probing, _ = admit(opened(), 60.0, SETTINGS)
    released = record(probing, 2, "neither", 61.0, 61.0, 0.0, SETTINGS)
    assert released == HalfOpen(2, 60.0)
    assert admit(released, 61.0, SETTINGS)[1] == Admitted(3, probe=True)


def test_two_successful_probes_close_it() -> None:
    state: State = opened()
    for now_s in (60.0, 61.0):
        state, answer = admit(state, now_s, SETTINGS)
        assert isinstance(answer, Admitted)
        state = record(state, answer.generation, "success", now_s, now_s, 0.0, SETTINGS)
    assert state == Closed(4)


def test_each_failed_probe_doubles_the_time_up_to_five_minutes() -> None:
    state: State = opened()
    lasting: list[float] = []
    for _ in range(4):
        assert isinstance(state, Open)
        state, answer = admit(state, state.until_s, SETTINGS)
        assert isinstance(answer, Admitted)
        state = record(state, answer.generation, "failure", 1000.0, 1000.0, 0.0, SETTINGS)
        assert isinstance(state, Open)
        lasting.append(state.open_s)
    assert lasting == [120.0, 240.0, 300.0, 300.0]


def test_a_failed_probe_never_shortens_the_time() -> None:
    patient = BreakerSettings(failure_threshold=1, open_s=600.0, max_open_s=300.0)
    probing, _ = admit(after(Closed(), FIVE[:1], settings=patient), 600.0, patient)
    assert record(probing, 2, "failure", 600.0, 600.0, 0.0, patient) == Open(3, 1200.0, 600.0)


def test_chance_lengthens_the_time_after_a_failed_probe_by_a_tenth_at_most() -> None:
    probing, _ = admit(opened(), 60.0, SETTINGS)
    assert record(probing, 2, "failure", 100.0, 100.0, 1.0, SETTINGS) == Open(3, 100.0 + 132.0, 120.0)


def test_results_of_an_earlier_generation_are_ignored() -> None:
    probing, _ = admit(opened(), 60.0, SETTINGS)
    assert record(probing, 0, "success", 61.0, 61.0, 0.0, SETTINGS) is probing
    assert record(opened(), 1, "success", 61.0, 61.0, 0.0, SETTINGS) == opened()


def test_as_many_probes_must_succeed_as_are_asked_for() -> None:
    careful = BreakerSettings(success_threshold=3)
    state: State = opened()
    seen: list[State] = []
    for now_s in (60.0, 61.0, 62.0):
        state, answer = admit(state, now_s, careful)
        assert isinstance(answer, Admitted)
        state = record(state, answer.generation, "success", now_s, now_s, 0.0, careful)
        seen.append(state)
    assert seen == [HalfOpen(2, 60.0, 1), HalfOpen(3, 60.0, 2), Closed(5)]


def test_every_moment_lies_in_a_bucket_as_long_as_the_others_before_zero_too() -> None:
    length_s = SETTINGS.window_s / BUCKETS
    moments = (-length_s - 0.1, -length_s, -0.1, 0.0, length_s - 0.1, length_s)
    assert [bucket_number(moment, SETTINGS) for moment in moments] == [-2, -1, -1, 0, 0, 1]


def failing_together(count: int, began_s: float, ended_s: float, state: State) -> State:
    """*count* calls that were all under way at the same time fail."""
    for _ in range(count):
        state = record(state, state.generation, "failure", began_s, ended_s, 0.0, SETTINGS)
    return state


def test_simultaneous_failures_are_one_observation() -> None:
    blip = failing_together(40, began_s=0.0, ended_s=0.2, state=Closed())
    assert isinstance(blip, Closed)
    assert (blip.streak, blip.failures, blip.failed_s) == (1, 1, 0.2)
    assert isinstance(failing_together(4, began_s=0.3, ended_s=0.3, state=blip), Open)


def test_successes_beside_a_burst_of_failures_count_each() -> None:
    state = failing_together(5, began_s=0.0, ended_s=0.2, state=Closed())
    for _ in range(35):
        state = record(state, 0, "success", 0.0, 0.3, 0.0, SETTINGS)
    assert isinstance(state, Closed)
    assert (sum(calls for _, calls, _ in state.window), state.failures) == (36, 1)


def test_an_outage_in_which_every_call_hangs_opens_it_all_the_same() -> None:
    state: State = Closed()
    for at_s in range(5):  # each of them began before the first one failed
        state = record(state, 0, "failure", 0.0 + at_s / 10, 60.0 + at_s, 0.0, SETTINGS)
    assert isinstance(state, Open)


def test_a_breaker_that_opens_by_default_looks_again_after_two_seconds() -> None:
    state: State = Closed()
    for at_s in range(5):
        state = record(state, 0, "failure", at_s, at_s, 0.0, BreakerSettings())
    assert state == Open(1, 6.0, 2.0)
