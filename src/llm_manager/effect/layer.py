"""Layers: how a context is built, shared and released (Effect-TS: ``Layer``).

A ``Layer[Out, E, In]`` builds an ``Out`` from an ``In``. Within one build each layer is built once, however many others
need it; what was built is released in reverse order, also when building fails half-way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeAlias, TypeVar, cast, final

from returns.result import Failure, Success

from llm_manager.effect.op import Effect, Outcome, effect, run
from llm_manager.effect.scope import Scope

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
E = TypeVar("E")
E2 = TypeVar("E2")
R = TypeVar("R")
R2 = TypeVar("R2")
Out_co = TypeVar("Out_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
In_contra = TypeVar("In_contra", contravariant=True)

Memo: TypeAlias = "dict[Layer[Any, Any, Any], Outcome[Any, Any]]"


@final
class Layer(Generic[Out_co, E_co, In_contra]):
    """How to build an ``Out`` from an ``In``; equal only to itself, which is what makes it shared."""

    __slots__ = ("_build",)

    def __init__(self, build: Callable[[In_contra, Scope, Memo], Awaitable[Outcome[Out_co, E_co]]]) -> None:
        self._build = build

    async def build(self, needs: In_contra, scope: Scope, memo: Memo) -> Outcome[Out_co, E_co]:
        """The value of this layer in one build: *memo* holds what was built so far, *scope* how to release it."""
        if self not in memo:
            memo[self] = await self._build(needs, scope, memo)
        return cast("Outcome[Out_co, E_co]", memo[self])


def scoped(build: Callable[[R, Scope], Awaitable[Outcome[A, E]]]) -> Layer[A, E, R]:
    """The layer of an async function that leaves in the scope it is given how to release what it made."""
    return Layer(lambda needs, scope, _: build(needs, scope))


def map_layer(layer: Layer[A, E, R], change: Callable[[A], B]) -> Layer[B, E, R]:
    """The same layer with a changed value."""

    async def build(needs: R, scope: Scope, memo: Memo) -> Outcome[B, E]:
        outcome = await layer.build(needs, scope, memo)
        return outcome if isinstance(outcome, Failure) else Success(change(outcome.unwrap()))

    return Layer(build)


def merge(first: Layer[A, E, R], second: Layer[B, E2, R], combine: Callable[[A, B], C]) -> Layer[C, E | E2, R]:
    """Both layers, *first* built first, in one value. *combine* names the type that Python has no intersection for."""

    async def build(needs: R, scope: Scope, memo: Memo) -> Outcome[C, E | E2]:
        one = await first.build(needs, scope, memo)
        if isinstance(one, Failure):
            return one
        other = await second.build(needs, scope, memo)
        return other if isinstance(other, Failure) else Success(combine(one.unwrap(), other.unwrap()))

    return Layer(build)


def feed(outer: Layer[A, E, R], inner: Layer[B, E2, A]) -> Layer[B, E | E2, R]:
    """Build *inner* from what *outer* builds."""

    async def build(needs: R, scope: Scope, memo: Memo) -> Outcome[B, E | E2]:
        outcome = await outer.build(needs, scope, memo)
        return outcome if isinstance(outcome, Failure) else await inner.build(outcome.unwrap(), scope, memo)

    return Layer(build)


def provide_layer(op: Effect[A, E, R], layer: Layer[R, E2, R2]) -> Effect[A, E | E2, R2]:
    """Build the layer, run *op* with it, release it in reverse order."""

    async def providing(needs: R2) -> Outcome[A, E | E2]:
        async with Scope() as scope:
            built = await layer.build(needs, scope, {})
            return built if isinstance(built, Failure) else await run(op, built.unwrap())

    return effect(providing)
