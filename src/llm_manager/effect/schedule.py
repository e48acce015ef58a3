"""Schedules: when to do something again, as immutable values with an algebra (after Effect-TS).

A schedule of ``In`` is asked after each round with an ``In`` (for a retry: the error) and says wait and go on, or
stop. It holds no state; each run asks a fresh ``driver()``. A new schedule is a function from a :class:`Tick` to
a decision, wrapped by :func:`each`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar, final

from llm_manager.domain.arguments import check_count, check_finite, check_function, check_is, check_number
from llm_manager.ports import Random

In = TypeVar("In")
In_contra = TypeVar("In_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on after *delay_s* seconds."""

    delay_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """Stop; the last outcome is the answer."""


Decision: TypeAlias = Continue | Done


@dataclass(frozen=True, slots=True)
class Tick(Generic[In]):
    """One question to a schedule: which round this is (from 1), what came in, and seconds since the first question."""

    input: In
    attempt: int
    elapsed_s: float
    random: Random


Driver: TypeAlias = Callable[[float, Random, In], Decision]
"""One run's state: called with the monotonic time, a source of chance and the input of the round."""


@final
@dataclass(frozen=True, slots=True)
class Schedule(Generic[In_contra]):
    """A description of when to go on; ``driver()`` starts one run of it. Never share a driver between runs."""

    driver: Callable[[], Driver[In_contra]]


def each(decide: Callable[[Tick[In]], Decision]) -> Schedule[In]:
    """The schedule that answers every tick by *decide*, which must be pure."""

    def start() -> Driver[In]:
        attempt = 0
        started: float | None = None

        def drive(now: float, random: Random, value: In) -> Decision:
            nonlocal attempt, started
            attempt += 1
            started = now if started is None else started
            return decide(Tick(value, attempt, now - started, random))

        return drive

    return Schedule(start)


def recurs(times: int) -> Schedule[object]:
    """Go on *times* times, at once. ``recurs(0)`` never goes on."""
    check_count(times, "recurs takes how many times to go on, 0 or more", "recurs(3)", least=0)
    return each(lambda tick: Continue(0.0) if tick.attempt <= times else Done())


def spaced(seconds: float) -> Schedule[object]:
    """Go on for ever, *seconds* apart."""
    check_finite(seconds, "spaced takes a number of seconds, 0 or more", "spaced(5)")
    return each(lambda _: Continue(seconds))


def exponential(base_s: float, factor: float = 2.0) -> Schedule[object]:
    """Go on for ever; the first wait is *base_s* seconds, each next one *factor* times as long."""
    check_finite(base_s, "exponential takes the seconds of its first wait, 0 or more", "exponential(0.5)")
    check_finite(factor, "exponential takes a factor of 0 or more", "exponential(0.5, factor=2)")

    def wait(tick: Tick[object]) -> Decision:
        try:
            return Continue(base_s * factor ** (tick.attempt - 1))
        except OverflowError:
            return Continue(float("inf"))

    return each(wait)


def up_to(seconds: float) -> Schedule[object]:
    """Go on, at once, until *seconds* have passed since the first question.

    A gate before the wait: it never shortens a delay and is no deadline.
    """
    check_number(seconds, "up_to takes a number of seconds, 0 or more", "up_to(30)")
    return each(lambda tick: Continue(0.0) if tick.elapsed_s <= seconds else Done())


def while_input(goes_on: Callable[[In], bool]) -> Schedule[In]:
    """Go on, at once, while *goes_on* holds for what comes in. With :func:`both` it says for what another schedule is.

    >>> import random
    >>> drive = both(spaced(2), while_input(str.islower)).driver()
    >>> [drive(0.0, random, letter) for letter in "aA"]
    [Continue(delay_s=2), Done()]
    """
    check_function(goes_on, "while_input takes a function of what comes in", "while_input(is_transient)")
    return each(lambda tick: Continue(0.0) if goes_on(tick.input) else Done())


def modify_delay(schedule: Schedule[In], change: Callable[[float, Random], float]) -> Schedule[In]:
    """The same decisions with other delays: *change* is given the delay in seconds and a source of chance."""
    check_is(schedule, Schedule, "a change of delays takes a schedule", "jittered(exponential(0.5))")

    def start() -> Driver[In]:
        drive = schedule.driver()

        def changed(now: float, random: Random, value: In) -> Decision:
            decision = drive(now, random, value)
            return Continue(change(decision.delay_s, random)) if isinstance(decision, Continue) else decision

        return changed

    return Schedule(start)


def jittered(schedule: Schedule[In]) -> Schedule[In]:
    """Full jitter: each wait becomes a random part, 0 to 1, of itself.

    Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
    """
    return modify_delay(schedule, lambda delay_s, random: delay_s * random.random())


def capped(max_s: float) -> Callable[[Schedule[In]], Schedule[In]]:
    """No wait longer than *max_s* seconds: ``pipe(exponential(1), capped(60))``."""
    check_number(max_s, "capped takes the seconds of the longest wait, 0 or more", "capped(60)")
    return lambda schedule: modify_delay(schedule, lambda delay_s, _: min(delay_s, max_s))


def both(first: Schedule[In], second: Schedule[In]) -> Schedule[In]:
    """Go on while both do, after the longer wait."""

    def join(one: Decision, other: Decision) -> Decision:
        if isinstance(one, Done) or isinstance(other, Done):
            return Done()
        return Continue(max(one.delay_s, other.delay_s))

    return _joined(first, second, join)


def either(first: Schedule[In], second: Schedule[In]) -> Schedule[In]:
    """Go on while either does, after the shorter wait."""

    def join(one: Decision, other: Decision) -> Decision:
        delays_s = [decision.delay_s for decision in (one, other) if isinstance(decision, Continue)]
        return Continue(min(delays_s)) if delays_s else Done()

    return _joined(first, second, join)


def _joined(first: Schedule[In], second: Schedule[In], join: Callable[[Decision, Decision], Decision]) -> Schedule[In]:
    _check_two(first, second)

    def start() -> Driver[In]:
        drive_first, drive_second = first.driver(), second.driver()

        def drive(now: float, random: Random, value: In) -> Decision:
            return join(drive_first(now, random, value), drive_second(now, random, value))

        return drive

    return Schedule(start)


def _check_two(first: object, second: object) -> None:
    for each_ in (first, second):
        check_is(each_, Schedule, "schedules are joined with schedules", "both(exponential(0.5), recurs(3))")


def and_then(first: Schedule[In], second: Schedule[In]) -> Schedule[In]:
    """Follow *first* until it stops, then *second* from its own beginning."""
    _check_two(first, second)

    def start() -> Driver[In]:
        drive_first = first.driver()
        drive_second: Driver[In] | None = None

        def drive(now: float, random: Random, value: In) -> Decision:
            nonlocal drive_second
            if drive_second is None:
                decision = drive_first(now, random, value)
                if isinstance(decision, Continue):
                    return decision
                drive_second = second.driver()
            return drive_second(now, random, value)

        return drive

    return Schedule(start)


def choose(test: Callable[[In], bool], when_true: Schedule[In], when_false: Schedule[In]) -> Schedule[In]:
    """Ask *when_true* about the inputs for which *test* holds, *when_false* about the others; each counts its own."""
    check_function(test, "choose takes a function of what comes in", "choose(is_transient, recurs(3), recurs(0))")
    _check_two(when_true, when_false)

    def start() -> Driver[In]:
        drive_true, drive_false = when_true.driver(), when_false.driver()
        return lambda now, random, value: (drive_true if test(value) else drive_false)(now, random, value)

    return Schedule(start)
