"""The algebra of schedules."""

from __future__ import annotations

from random import Random as Chance

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.combinators.retry import unless
from llm_manager.domain.errors import LLMError, RateLimitExceeded, ServerError
from llm_manager.effect.schedule import (
    Continue,
    Decision,
    Schedule,
    and_then,
    both,
    capped,
    either,
    exponential,
    jittered,
    recurs,
    spaced,
    up_to,
    while_input,
)

BUSY, LIMITED = ServerError("m", 503), RateLimitExceeded("m")
never = recurs(0)
forever = spaced(0)
atoms: st.SearchStrategy[Schedule[object]] = st.one_of(
    st.integers(0, 4).map(recurs),
    st.floats(0, 100).map(spaced),
    st.floats(0, 10).map(exponential),
    st.floats(0, 50).map(up_to),
)


def _grow(inner: st.SearchStrategy[Schedule[object]]) -> st.SearchStrategy[Schedule[object]]:
    pairs = st.tuples(inner, inner)
    return st.one_of(
        pairs.map(lambda pair: both(*pair)), pairs.map(lambda pair: either(*pair)), pairs.map(lambda p: and_then(*p))
    )


schedules = st.recursive(atoms, _grow, max_leaves=4)
times = st.lists(st.floats(0, 30), min_size=1, max_size=6).map(sorted)


def decisions(schedule: Schedule[object], at: list[float]) -> list[Decision]:
    drive, chance = schedule.driver(), Chance(1)  # noqa: S311  # a fixed source of chance, nothing secret
    return [drive(now, chance, None) for now in at]


@given(a=schedules, b=schedules, c=schedules, at=times)
def test_both_and_either_are_associative_commutative_and_idempotent(
    a: Schedule[object], b: Schedule[object], c: Schedule[object], at: list[float]
) -> None:
    for join in (both, either):
        assert decisions(join(a, join(b, c)), at) == decisions(join(join(a, b), c), at)
        assert decisions(join(a, b), at) == decisions(join(b, a), at)
        assert decisions(join(a, a), at) == decisions(a, at)


@given(a=schedules, at=times)
def test_forever_is_the_identity_of_both_and_never_of_either(a: Schedule[object], at: list[float]) -> None:
    assert decisions(both(a, forever), at) == decisions(a, at)
    assert decisions(either(a, never), at) == decisions(a, at)
    assert decisions(and_then(never, a), at) == decisions(a, at)


@given(a=schedules, at=times, cap=st.floats(0, 20))
def test_a_cap_bounds_every_wait_and_jitter_never_lengthens_one(
    a: Schedule[object], at: list[float], cap: float
) -> None:
    for plain, bounded, shaken in zip(
        decisions(a, at), decisions(capped(cap)(a), at), decisions(jittered(a), at), strict=True
    ):
        assert isinstance(plain, Continue) == isinstance(bounded, Continue) == isinstance(shaken, Continue)
        if isinstance(plain, Continue) and isinstance(bounded, Continue) and isinstance(shaken, Continue):
            assert bounded.delay_s == min(plain.delay_s, cap)
            assert 0 <= shaken.delay_s <= plain.delay_s


@given(times_=st.integers(0, 20))
def test_recurs_goes_on_exactly_so_often(times_: int) -> None:
    made = decisions(recurs(times_), [0.0] * 25)
    assert [isinstance(decision, Continue) for decision in made] == [True] * times_ + [False] * (25 - times_)


@given(schedule=schedules, at=times, count=st.integers(0, 3))
def test_what_is_decided_first_counts_nowhere(schedule: Schedule[object], at: list[float], count: int) -> None:
    """The first *count* of those errors cost nothing, and for all others nothing has changed."""
    to_decide = count

    def first(error: LLMError) -> Decision | None:
        nonlocal to_decide
        if error != LIMITED or to_decide == 0:
            return None
        to_decide -= 1
        return Continue(0.0)

    errors: list[LLMError] = [BUSY if index % 2 else LIMITED for index in range(len(at))]
    decide, plain = unless(first, lambda: schedule).driver(), schedule.driver()
    chance, same = Chance(1), Chance(1)  # noqa: S311  # a fixed source of chance, nothing secret
    left = count
    for now_s, error in zip(at, errors, strict=True):
        if error == LIMITED and left > 0:
            left -= 1
            assert decide(now_s, chance, error) == Continue(0.0)
        else:
            assert decide(now_s, chance, error) == plain(now_s, same, error)


letters = st.lists(st.sampled_from("abc"), min_size=1, max_size=6)
sets = st.frozensets(st.sampled_from("abc"))


def read(schedule: Schedule[str], inputs: list[str]) -> list[Decision]:
    drive, chance = schedule.driver(), Chance(1)  # noqa: S311  # as above
    return [drive(0.0, chance, each) for each in inputs]


@given(one=sets, other=sets, inputs=letters)
def test_while_input_makes_both_an_and_and_either_an_or(
    one: frozenset[str], other: frozenset[str], inputs: list[str]
) -> None:
    in_one: Schedule[str] = while_input(one.__contains__)
    in_other: Schedule[str] = while_input(other.__contains__)
    assert read(both(in_one, in_other), inputs) == read(while_input((one & other).__contains__), inputs)
    assert read(either(in_one, in_other), inputs) == read(while_input((one | other).__contains__), inputs)


@given(a=schedules, inputs=letters)
def test_while_input_of_everything_changes_nothing_and_of_nothing_stops(a: Schedule[object], inputs: list[str]) -> None:
    everything: Schedule[str] = while_input(lambda _: True)
    nothing: Schedule[str] = while_input(lambda _: False)
    assert read(both(a, everything), inputs) == read(a, inputs)
    assert read(both(a, nothing), inputs) == read(recurs(0), inputs)
