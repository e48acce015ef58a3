"""Streams: values that arrive one after the other, as a description that is opened, pulled and closed.

Pulled and not pushed: the source does nothing until it is asked for the next value, so a slow reader slows the source
down and nothing is buffered. A stream is opened in an ``async with`` block and its source released, once, when the
block is left: at the end, early, by a failure or by a cancellation. No async generator is involved, which could be
dropped half-way and finalized outside its task.

A typed failure ends a stream and is its last word. After an end or a failure the source is not asked again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Generic, Never, Self, TypeAlias, TypeVar, final

from returns.result import Failure, Success

from llm_manager.effect.op import Effect, Outcome, effect, run
from llm_manager.effect.scope import Scope

A = TypeVar("A")
B = TypeVar("B")
E = TypeVar("E")
R = TypeVar("R")
S = TypeVar("S")
A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
R_contra = TypeVar("R_contra", contravariant=True)


@final
class End:
    """Nothing more comes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "END"


END = End()

Pulled: TypeAlias = Success[A] | Failure[E] | End
"""The next value, why there is none, or that there are no more."""

Pull: TypeAlias = Callable[[], Awaitable[Pulled[A, E]]]


@final
class Stream(Generic[A_co, E_co, R_contra]):
    """How to open a source of ``A`` values in a context ``R``; ``E`` is how it can fail. Immutable and re-openable."""

    __slots__ = ("_open",)

    def __init__(self, open_: Callable[[R_contra, Scope], Awaitable[Pull[A_co, E_co]]]) -> None:
        self._open = open_

    def opened(self, context: R_contra) -> Opened[A_co, E_co]:
        """The stream for one ``async with`` block."""
        return Opened(lambda scope: self._open(context, scope))

    def map(self, change: Callable[[A_co], B]) -> Stream[B, E_co, R_contra]:
        """The stream of changed values."""

        async def open_(context: R_contra, scope: Scope) -> Pull[B, E_co]:
            pull = await self._open(context, scope)

            async def pulling() -> Pulled[B, E_co]:
                got = await pull()
                return Success(change(got.unwrap())) if isinstance(got, Success) else got

            return pulling

        return Stream(open_)

    def filter(self, wanted: Callable[[A_co], bool]) -> Stream[A_co, E_co, R_contra]:
        """The stream of the values for which *wanted* holds."""

        async def open_(context: R_contra, scope: Scope) -> Pull[A_co, E_co]:
            pull = await self._open(context, scope)

            async def pulling() -> Pulled[A_co, E_co]:
                while True:
                    got = await pull()
                    if not isinstance(got, Success) or wanted(got.unwrap()):
                        return got

            return pulling

        return Stream(open_)

    def take(self, count: int) -> Stream[A_co, E_co, R_contra]:
        """The first *count* values; the source is not asked for one more."""

        async def open_(context: R_contra, scope: Scope) -> Pull[A_co, E_co]:
            pull = await self._open(context, scope)
            left = count

            async def pulling() -> Pulled[A_co, E_co]:
                nonlocal left
                left -= 1
                return await pull() if left >= 0 else END

            return pulling

        return Stream(open_)

    def take_while(self, goes_on: Callable[[A_co], bool]) -> Stream[A_co, E_co, R_contra]:
        """The values up to, not including, the first one for which *goes_on* does not hold."""

        async def open_(context: R_contra, scope: Scope) -> Pull[A_co, E_co]:
            pull = await self._open(context, scope)

            async def pulling() -> Pulled[A_co, E_co]:
                got = await pull()
                return got if not isinstance(got, Success) or goes_on(got.unwrap()) else END

            return pulling

        return Stream(open_)

    def then(self: Stream[A, E, R], other: Stream[A, E, R]) -> Stream[A, E, R]:
        """This stream, then *other*: opened when this one has ended and its source has been released."""

        async def open_(context: R, scope: Scope) -> Pull[A, E]:
            first = Scope()
            scope.add(first.close)
            pull = await self._open(context, first)
            is_first = True

            async def pulling() -> Pulled[A, E]:
                nonlocal pull, is_first
                got = await pull()
                if is_first and isinstance(got, End):
                    is_first = False
                    await first.close()
                    pull = await other._open(context, scope)  # the same class
                    got = await pull()
                return got

            return pulling

        return Stream(open_)

    def map_effect(self: Stream[A, E, R], change: Callable[[A], Effect[B, E, R]]) -> Stream[B, E, R]:
        """Run an effect for each value, one at a time; its failure ends the stream."""

        async def open_(context: R, scope: Scope) -> Pull[B, E]:
            pull = await self._open(context, scope)

            async def pulling() -> Pulled[B, E]:
                got = await pull()
                return await run(change(got.unwrap()), context) if isinstance(got, Success) else got

            return pulling

        return Stream(open_)

    def fold(self, initial: S, step: Callable[[S, A_co], S]) -> Effect[S, E_co, R_contra]:
        """Everything the stream gives, put together by *step*; its failure is the failure."""

        async def folding(context: R_contra) -> Outcome[S, E_co]:
            state = initial
            async with self.opened(context) as source:
                async for value in source:
                    state = step(state, value)
            return Success(state) if source.failure is None else source.failure

        return effect(folding)

    def collect(self) -> Effect[tuple[A_co, ...], E_co, R_contra]:
        """All values, in order."""

        async def collecting(context: R_contra) -> Outcome[tuple[A_co, ...], E_co]:
            async with self.opened(context) as source:
                values = [value async for value in source]
            return Success(tuple(values)) if source.failure is None else source.failure

        return effect(collecting)


@final
class Opened(Generic[A, E]):
    """A stream inside its block: ``async for`` gives the values; *failure* is how it ended, None if all went well."""

    __slots__ = ("_open", "_pull", "_scope", "failure")

    def __init__(self, open_: Callable[[Scope], Awaitable[Pull[A, E]]]) -> None:
        self._open = open_
        self._scope = Scope()
        self._pull: Pull[A, E] | None = None
        self.failure: Failure[E] | None = None

    async def __aenter__(self) -> Self:
        try:
            self._pull = await self._open(self._scope)
        except BaseException:
            await self._scope.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._pull = None
        await self._scope.__aexit__(kind, cause, trace)

    async def pull(self) -> Pulled[A, E]:
        """The next value. After an end or a failure, and outside the block, the same answer or ``END`` for ever."""
        if self._pull is None:
            return END if self.failure is None else self.failure
        got = await self._pull()
        if isinstance(got, Failure):
            self.failure = got
        if not isinstance(got, Success):
            self._pull = None
        return got

    def __aiter__(self) -> AsyncIterator[A]:
        return self

    async def __anext__(self) -> A:
        got = await self.pull()
        if isinstance(got, Success):
            return got.unwrap()
        raise StopAsyncIteration


def from_iterable(values: Iterable[A]) -> Stream[A, Never, object]:
    """The stream of *values*; iterated anew each time it is opened, so give a collection and not an iterator."""

    async def open_(_context: object, _scope: Scope) -> Pull[A, Never]:
        iterator = iter(values)

        async def pulling() -> Pulled[A, Never]:
            for value in iterator:
                return Success(value)
            return END

        return pulling

    return Stream(open_)


def from_resource(
    acquire: Effect[S, E, R], pull: Callable[[S], Awaitable[Pulled[A, E]]], release: Callable[[S], Awaitable[object]]
) -> Stream[A, E, R]:
    """The stream that pulls from a resource: acquired when the stream is opened, released when it is closed.

    Failing to acquire it is the stream's failure.
    """

    async def open_(context: R, scope: Scope) -> Pull[A, E]:
        acquired = await run(acquire, context)
        if isinstance(acquired, Failure):
            failed = acquired

            async def failing() -> Pulled[A, E]:
                return failed

            return failing
        resource = acquired.unwrap()
        scope.add(lambda: release(resource))
        return lambda: pull(resource)

    return Stream(open_)
