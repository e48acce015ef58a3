"""Schedules say when to go on."""

from __future__ import annotations

from llm_manager.effect.schedule import (
    Continue,
    Done,
    Schedule,
    and_then,
    both,
    capped,
    each,
    either,
    exponential,
    jittered,
    recurs,
    spaced,
    up_to,
    while_input,
)


class Half:
    def random(self) -> float:
        return 0.5


def delays(schedule: Schedule[str], inputs: str, step_s: float = 0.0) -> list[float | None]:
    """The delays *schedule* asks for, None where it stops; the clock moves on by *step_s* between questions."""
    drive = schedule.driver()
    decisions = [drive(step_s * index, Half(), letter) for index, letter in enumerate(inputs)]
    return [decision.delay_s if isinstance(decision, Continue) else None for decision in decisions]


def test_recurs_goes_on_so_often_and_stops() -> None:
    assert delays(recurs(2), "aaa") == [0.0, 0.0, None]


def test_exponential_grows_and_capped_bounds_it() -> None:
    assert delays(exponential(1, 3), "aaa") == [1, 3, 9]
    assert delays(capped(5)(exponential(1, 3)), "aaa") == [1, 3, 5]


def test_exponential_past_the_largest_float_waits_for_ever_instead_of_raising() -> None:
    assert delays(exponential(1, 1e300), "aaa") == [1, 1e300, float("inf")]


def test_jittered_takes_a_random_part_of_each_wait() -> None:
    assert delays(jittered(spaced(4)), "aa") == [2, 2]
    assert delays(jittered(recurs(0)), "a") == [None]


def test_up_to_counts_from_the_first_question() -> None:
    assert delays(up_to(10), "aaa", step_s=6) == [0.0, 0.0, None]


def test_while_input_stops_at_the_wrong_input() -> None:
    goes_on: Schedule[str] = while_input(lambda letter: letter == "a")
    assert delays(goes_on, "aab") == [0.0, 0.0, None]


def test_both_stops_with_the_first_to_stop_and_waits_the_longer() -> None:
    assert delays(both(exponential(1), recurs(2)), "aaa") == [1, 2, None]


def test_either_stops_with_the_last_to_stop_and_waits_the_shorter() -> None:
    assert delays(either(spaced(5), both(spaced(1), recurs(1))), "aa") == [1, 5]
    assert delays(either(recurs(0), recurs(0)), "a") == [None]


def test_and_then_starts_the_second_from_its_beginning() -> None:
    assert delays(and_then(both(spaced(1), recurs(2)), exponential(10)), "aaaa") == [1, 1, 10, 20]


def test_a_driver_is_fresh_for_each_run() -> None:
    once = recurs(1)
    assert delays(once, "a") == delays(once, "a") == [0.0]


def test_decisions_see_input_attempt_and_chance() -> None:
    seen: Schedule[str] = each(
        lambda tick: Continue(tick.attempt + tick.random.random()) if tick.input == "a" else Done()
    )
    assert delays(seen, "aba") == [1.5, None, 3.5]
