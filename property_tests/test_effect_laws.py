"""Effects obey the functor and monad laws; `race` and `gather` agree with their plain models."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.effect.concurrent import gather, race, settle
from llm_manager.effect.op import Effect, Outcome, effect, fail, flat_map, map_, run, succeed

Op = Effect[int, str, int]
Step = Callable[[int], Op]
per_backend = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


def reading(extra: int) -> Op:
    """An effect that looks at its context, so that a law that ignored the context would fail."""

    async def read(context: int) -> Outcome[int, str]:
        await anyio.lowlevel.checkpoint()
        return Success(context + extra)

    return effect(read)


def successes(value: int) -> Op:
    return succeed(value)


def failures(error: str) -> Op:
    return fail(error)


def _adding(extra: int) -> Callable[[int], int]:
    return lambda number: number * 2 + extra


ops: st.SearchStrategy[Op] = st.one_of(
    st.integers().map(successes), st.text(max_size=3).map(failures), st.integers().map(reading)
)
changes: st.SearchStrategy[Callable[[int], int]] = st.integers().map(_adding)
steps: st.SearchStrategy[Step] = st.sampled_from([reading, successes, lambda n: failures(str(n))])


def outcome(op: Effect[object, str, int], backend: str) -> Outcome[object, str]:
    async def main() -> Outcome[object, str]:
        return await run(op, 7)

    return anyio.run(main, backend=backend)


@per_backend
@given(op=ops, f=changes, g=changes)
def test_map_keeps_identity_and_composition(
    backend: str, op: Op, f: Callable[[int], int], g: Callable[[int], int]
) -> None:
    assert outcome(map_(op, _same), backend) == outcome(op, backend)
    assert outcome(map_(map_(op, f), g), backend) == outcome(map_(op, lambda n: g(f(n))), backend)


@per_backend
@given(value=st.integers(), op=ops, f=steps, g=steps)
def test_flat_map_is_a_monad(backend: str, value: int, op: Op, f: Step, g: Step) -> None:
    assert outcome(flat_map(successes(value), f), backend) == outcome(f(value), backend)
    assert outcome(flat_map(op, successes), backend) == outcome(op, backend)
    left = flat_map(flat_map(op, f), g)
    right = flat_map(op, lambda n: flat_map(f(n), g))
    assert outcome(left, backend) == outcome(right, backend)


@per_backend
@given(op=ops, f=steps)
def test_flat_map_agrees_with_bind_of_returns(backend: str, op: Op, f: Step) -> None:
    assert outcome(flat_map(op, f), backend) == outcome(op.bind(f), backend)  # pyright: ignore[reportUnknownMemberType]  # returns spells it with KindN


@per_backend
@given(many=st.lists(ops, max_size=5), limit=st.none() | st.integers(1, 3))
def test_settle_is_every_outcome_in_order_and_gather_follows_from_it(
    backend: str, many: list[Op], limit: int | None
) -> None:
    each = [outcome(op, backend) for op in many]
    assert outcome(settle(many, limit), backend) == Success(tuple(each))
    gathered = outcome(gather(many, limit), backend)
    failed = [one for one in each if isinstance(one, Failure)]
    if failed:
        assert gathered in failed
    else:
        assert gathered == Success(tuple(one.unwrap() for one in each))


@per_backend
@given(many=st.lists(ops, max_size=5))
def test_race_is_some_success_or_every_error_in_order(backend: str, many: list[Op]) -> None:
    each = [outcome(op, backend) for op in many]
    won = [one for one in each if isinstance(one, Success)]
    raced = outcome(race(many, "".join), backend)
    if won:
        assert raced in won
    else:
        assert raced == Failure("".join(one.failure() for one in each))


def _same(number: int) -> int:
    return number
