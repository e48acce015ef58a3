"""Layers: how a context is built, shared and released (Effect-TS: ``Layer``).

A ``Layer[Out, E, In]`` builds an ``Out`` from an ``In``. Within one build each layer is built once, however many others
need it; what was built is released in reverse order, also when building fails half-way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast, final

import anyio
from returns.context import RequiresContextFutureResult
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

_OPEN: dict[tuple[Layer[Any, Any, Any], int], list[Scope]] = {}
"""The scopes of the ``async with`` blocks that are open, by layer and task: a layer itself holds no state."""


class LayerFailed(Exception):
    """A layer could not be built for an ``async with`` block, which has no other way to say so; *error* says why."""

    def __init__(self, error: object) -> None:
        super().__init__(error)
        self.error = error


Memo: TypeAlias = "dict[Layer[Any, Any, Any], Outcome[Any, Any]]"


@final
class Layer(Generic[Out_co, E_co, In_contra]):
    """How to build an ``Out`` from an ``In``; equal only to itself, which is what makes it shared."""

    __slots__ = ("_build",)

    def __init__(self, build: Callable[[In_contra, Scope, Memo], Awaitable[Outcome[Out_co, E_co]]]) -> None:
        self._build = build

    def __repr__(self) -> str:
        return "<Layer: nothing is built yet, provide(op, layer) or `async with layer as context` builds it>"

    if not TYPE_CHECKING:  # type checkers have said so already

        def __getattr__(self, name: str) -> object:
            """Tell who takes a layer for the context that it builds."""
            said = "run(op, context) wants what a layer builds: provide(op, layer), or `async with layer as context`"
            raise AttributeError(f"a layer is no context, and has no {name!r}: {said}")

    async def build(self, needs: In_contra, scope: Scope, memo: Memo) -> Outcome[Out_co, E_co]:
        """The value of this layer in one build: *memo* holds what was built so far, *scope* how to release it."""
        if self not in memo:
            memo[self] = await self._build(needs, scope, memo)
        return cast("Outcome[Out_co, E_co]", memo[self])

    def __or__(self, change: Callable[[Out_co], B]) -> Layer[B, E_co, In_contra]:
        """The same layer with a changed value: ``live() | replacing(cache=mine)``."""
        return map_layer(self, change)

    async def __aenter__(self: Layer[B, E, None]) -> B:
        """Build the layer for an ``async with`` block; raises :class:`LayerFailed` where ``provide`` would fail."""
        scope = Scope()
        try:
            built = await self.build(None, scope, {})
        except BaseException:
            await scope.close()
            raise
        if isinstance(built, Failure):
            await scope.close()
            raise LayerFailed(built.failure())
        _OPEN.setdefault((self, anyio.get_current_task().id), []).append(scope)
        return built.unwrap()

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        opened = (self, anyio.get_current_task().id)
        scope = _OPEN[opened].pop()
        if not _OPEN[opened]:
            del _OPEN[opened]
        await scope.__aexit__(kind, cause, trace)


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


@final
class Program(Generic[A, E]):
    """An effect with everything it needs: await it, or hand it to ``anyio.run``. It can be run any number of times."""

    __slots__ = ("_op",)

    def __init__(self, op: Effect[A, E, None]) -> None:
        self._op = op

    async def __call__(self) -> Outcome[A, E]:
        return await run(self._op, None)

    def __repr__(self) -> str:
        return "<Program: nothing has happened yet, await it or hand it to anyio.run>"

    def __await__(self) -> Generator[Any, Any, Outcome[A, E]]:
        return self().__await__()


def _check(op: object, layer: object) -> None:
    """Tell who has left out a call, or mixed the two up, while the line at fault is still on the stack."""
    if not isinstance(layer, Layer):
        raise TypeError(f"provide(op, layer) takes a layer, such as live(), and not {layer!r}")
    if not isinstance(op, RequiresContextFutureResult):
        raise TypeError(f"provide(op, layer) takes an operation, such as generate(request), and not {op!r}")


def provide(op: Effect[A, E, R], layer: Layer[R, E2, None]) -> Program[A, E | E2]:
    """*op* with the context that *layer* builds: built when it runs, released in reverse order when it is over."""
    _check(op, layer)
    return Program(provide_layer(op, layer))
