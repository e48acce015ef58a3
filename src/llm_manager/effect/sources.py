"""Where streams come from: values at hand, a resource that is pulled, an effect that makes a stream.

To add a source, leave in the opening's scope how to release what was acquired, and return what to pull.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Never, TypeVar, overload

from returns.result import Failure, Success

from llm_manager.effect.layer import Layer
from llm_manager.effect.op import Effect, run
from llm_manager.effect.opened import END, Opening, Pull, Pulled
from llm_manager.effect.stream import Stream

A = TypeVar("A")
E = TypeVar("E")
E2 = TypeVar("E2")
R = TypeVar("R")
S = TypeVar("S")


def from_iterable(values: Iterable[A]) -> Stream[A, Never, object]:
    """The stream of *values*; iterated anew each time it is opened, so give a collection and not an iterator."""

    async def open_(_context: object, _opening: Opening) -> Pull[A, Never]:
        iterator = iter(values)

        async def pulling() -> Pulled[A, Never]:
            for value in iterator:
                return Success(value)
            return END

        return pulling

    return Stream(open_)


@overload  # where nothing can fail in one place: pyright calls the union of two empty types unknown
def from_resource(
    acquire: Effect[S, Never, R],
    pull: Callable[[S], Awaitable[Pulled[A, E]]],
    release: Callable[[S], Awaitable[object]],
) -> Stream[A, E, R]: ...
@overload
def from_resource(
    acquire: Effect[S, E, R], pull: Callable[[S], Awaitable[Pulled[A, E2]]], release: Callable[[S], Awaitable[object]]
) -> Stream[A, E | E2, R]: ...
def from_resource(
    acquire: Effect[S, E, R], pull: Callable[[S], Awaitable[Pulled[A, E2]]], release: Callable[[S], Awaitable[object]]
) -> Stream[A, E | E2, R]:
    """The stream that pulls from a resource: acquired when the stream is opened, released when it is closed.

    Failing to acquire it is the stream's failure. *acquire* may be cancelled, for it may wait long for a connection:
    what it holds by then is its own to release. *release* is shielded, for as long as a scope shields.
    """

    async def open_(context: R, opening: Opening) -> Pull[A, E | E2]:
        acquired = await run(acquire, context)
        if isinstance(acquired, Failure):
            return _failing(acquired)
        resource = acquired.unwrap()
        opening.scope.add(lambda: release(resource))
        return lambda: pull(resource)

    return Stream(open_)


@overload  # as above
def unwrap(op: Effect[Stream[A, E, R], Never, R]) -> Stream[A, E, R]: ...
@overload
def unwrap(op: Effect[Stream[A, E, R], E2, R]) -> Stream[A, E | E2, R]: ...
def unwrap(op: Effect[Stream[A, E, R], E2, R]) -> Stream[A, E | E2, R]:
    """The stream that *op* makes when it is opened; a failure to make it is the stream's failure."""

    async def open_(context: R, opening: Opening) -> Pull[A, E | E2]:
        made = await run(op, context)
        return _failing(made) if isinstance(made, Failure) else await made.unwrap().open(context, opening)

    return Stream(open_)


@overload  # as above
def from_layer(layer: Layer[S, Never, None], make: Callable[[S], Stream[A, E, R]]) -> Stream[A, E, R]: ...
@overload
def from_layer(layer: Layer[S, E, None], make: Callable[[S], Stream[A, E2, R]]) -> Stream[A, E | E2, R]: ...
def from_layer(layer: Layer[S, E, None], make: Callable[[S], Stream[A, E2, R]]) -> Stream[A, E | E2, R]:
    """The stream that *make* makes of what *layer* builds: built when the stream is opened, released when it is closed.

    A layer that cannot be built is the stream's failure (Effect-TS: ``Stream.unwrapScoped``).
    """

    async def open_(context: R, opening: Opening) -> Pull[A, E | E2]:
        built = await layer.build(None, opening.scope, {})
        return _failing(built) if isinstance(built, Failure) else await make(built.unwrap()).open(context, opening)

    return Stream(open_)


def _failing(failure: Failure[E]) -> Pull[Never, E]:
    async def pulling() -> Pulled[Never, E]:
        return failure

    return pulling
