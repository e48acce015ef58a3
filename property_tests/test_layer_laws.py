"""Laws of layers: `merge` and `feed` are associative and have a unit, and a local change of the context composes.

The value is not all: what was built, what was released, and in which order, are part of what is compared.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.effect.layer import Layer, feed, map_layer, merge, provide_layer, scoped
from llm_manager.effect.op import Effect, Outcome, flat_map, local, run, service
from llm_manager.effect.scope import Scope

per_backend = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
Log = list[str]
Numbers = Layer[int, str, int]
Built = Callable[[Log], Numbers]
Both = tuple[Outcome[object, str], Log]
whole: Effect[int, str, int] = service(lambda number: number)
texts: Effect[str, str, str] = service(lambda text: text)


def part(name: str, fails: bool) -> Built:
    """A layer that adds its name's length to what it needs, and notes when it is built and released."""

    def into(log: Log) -> Numbers:
        async def build(needs: int, scope: Scope) -> Outcome[int, str]:
            async def release() -> None:
                log.append(f"-{name}")

            await anyio.lowlevel.checkpoint()
            log.append(f"+{name}")
            scope.add(release)
            return Failure(name) if fails else Success(needs * 3 + len(name))

        return scoped(build)

    return into


parts: st.SearchStrategy[Built] = st.builds(
    part, st.text("ab", min_size=1, max_size=3), st.sampled_from([False] * 4 + [True])
)


def text_of(layer: Numbers) -> Layer[str, str, int]:
    return map_layer(layer, str)


def joined(one: Layer[str, str, int], other: Layer[str, str, int]) -> Layer[str, str, int]:
    return merge(one, other, lambda left, right: f"{left},{right}")


async def _nothing(_needs: int, _scope: Scope) -> Outcome[None, str]:
    return Success(None)


nothing: Layer[None, str, int] = scoped(_nothing)


async def _needs(needs: int, _scope: Scope) -> Outcome[int, str]:
    return Success(needs)


def text_outcome(layer: Layer[str, str, int], log: Log, backend: str) -> Both:
    async def main() -> Outcome[str, str]:
        return await run(provide_layer(texts, layer), 5)

    return anyio.run(main, backend=backend), log


def outcome(layer: Numbers, log: Log, backend: str) -> Both:
    async def main() -> Outcome[int, str]:
        return await run(provide_layer(whole, layer), 5)

    return anyio.run(main, backend=backend), log


@per_backend
@given(a=parts, b=parts, c=parts)
def test_merge_is_associative(backend: str, a: Built, b: Built, c: Built) -> None:
    one: Log = []
    other: Log = []
    left = joined(joined(text_of(a(one)), text_of(b(one))), text_of(c(one)))
    right = joined(text_of(a(other)), joined(text_of(b(other)), text_of(c(other))))
    assert text_outcome(left, one, backend) == text_outcome(right, other, backend)


@per_backend
@given(a=parts)
def test_a_layer_that_builds_nothing_is_the_unit_of_merge(backend: str, a: Built) -> None:
    plain: Log = []
    before: Log = []
    after: Log = []
    expected = outcome(a(plain), plain, backend)
    assert outcome(merge(nothing, a(before), lambda _, value: value), before, backend) == expected
    assert outcome(merge(a(after), nothing, lambda value, _: value), after, backend) == expected


@per_backend
@given(a=parts, b=parts, c=parts)
def test_feed_is_associative(backend: str, a: Built, b: Built, c: Built) -> None:
    one: Log = []
    other: Log = []
    left = feed(feed(a(one), b(one)), c(one))
    right = feed(a(other), feed(b(other), c(other)))
    assert outcome(left, one, backend) == outcome(right, other, backend)


@per_backend
@given(a=parts)
def test_what_hands_on_its_needs_is_the_unit_of_feed(backend: str, a: Built) -> None:
    plain: Log = []
    before: Log = []
    after: Log = []
    expected = outcome(a(plain), plain, backend)
    assert outcome(feed(scoped(_needs), a(before)), before, backend) == expected
    assert outcome(feed(a(after), scoped(_needs)), after, backend) == expected


@per_backend
@given(a=parts, b=parts)
def test_feed_is_building_one_with_the_value_of_the_other(backend: str, a: Built, b: Built) -> None:
    fed: Log = []
    by_hand: Log = []

    async def one_after_the_other(needs: int, scope: Scope) -> Outcome[int, str]:
        first = await a(by_hand).build(needs, scope, {})
        return first if isinstance(first, Failure) else await b(by_hand).build(first.unwrap(), scope, {})

    assert outcome(feed(a(fed), b(fed)), fed, backend) == outcome(scoped(one_after_the_other), by_hand, backend)


@per_backend
@given(a=parts)
def test_a_layer_that_is_merged_with_itself_is_built_once(backend: str, a: Built) -> None:
    alone: Log = []
    twice: Log = []
    outcome(a(alone), alone, backend)
    shared = a(twice)
    outcome(merge(shared, shared, lambda one, _: one), twice, backend)
    assert twice == alone


def ran(op: Effect[object, str, int], backend: str) -> Outcome[object, str]:
    async def main() -> Outcome[object, str]:
        return await run(op, 7)

    return anyio.run(main, backend=backend)


changes: st.SearchStrategy[Callable[[int], int]] = st.integers(-9, 9).map(
    lambda extra: lambda number: number * 2 + extra
)


@per_backend
@given(f=changes, g=changes)
def test_local_changes_compose_from_outside_to_inside(
    backend: str, f: Callable[[int], int], g: Callable[[int], int]
) -> None:
    assert ran(local(f, local(g, whole)), backend) == ran(local(lambda needs: g(f(needs)), whole), backend)
    assert ran(local(lambda needs: needs, whole), backend) == ran(whole, backend)


@per_backend
@given(f=changes)
def test_what_comes_after_a_local_change_runs_in_the_context_from_before(backend: str, f: Callable[[int], int]) -> None:
    after: Effect[tuple[int, int], str, int] = flat_map(
        local(f, whole), lambda inside: service(lambda outside: (inside, outside))
    )
    assert ran(after, backend) == Success((f(7), 7))
