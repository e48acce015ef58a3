"""Streams: values that arrive one after the other, as a description that is opened, pulled and closed.

Pulled and not pushed: the source does nothing until it is asked for the next value, so a slow reader slows the source
down. There is no buffer, and so no size to choose, nothing to lose in it when the reader leaves, and no task that fills
it. A stream is opened in an ``async with`` block and its source released, once, when the block is left: at the end,
early, by a failure or by a cancellation. No async generator is involved, which could be dropped half-way and finalized
outside its task.

A typed failure ends a stream and is its last word. After an end or a failure the source is not asked again. Who folds
gets the failure as the failure of the fold; who reads with ``async for`` finds it in
:attr:`Opened.ended <llm_manager.effect.opened.Opened.ended>`. What may fail for one value alone is an ``Outcome`` and
a value like others: see :meth:`Stream.settle`.

The rule of this room: an operation is one ``open_`` that opens the stage before it and returns one ``pulling``; how to
release what it holds between two pulls it leaves to the scope. Where an operation brings an effect or a stream along,
a first overload lets a source that needs nothing take on what that one needs, because checkers fix a method's types
by its object before they look at the arguments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar, final, overload

from returns.maybe import Maybe, Some
from returns.result import Failure, Success

from llm_manager.domain.arguments import check_count
from llm_manager.effect.crew import Crew
from llm_manager.effect.op import Effect, Outcome, effect, run
from llm_manager.effect.opened import END, End, Opened, Opening, Pull, Pulled
from llm_manager.effect.scope import Scope
from llm_manager.effect.strands import beside

A = TypeVar("A")
B = TypeVar("B")
E = TypeVar("E")
E2 = TypeVar("E2")
R = TypeVar("R")
S = TypeVar("S")
A_co = TypeVar("A_co", covariant=True)
E_co = TypeVar("E_co", covariant=True)
R_contra = TypeVar("R_contra", contravariant=True)


@final
class Stream(Generic[A_co, E_co, R_contra]):
    """How to open a source of ``A`` values in a context ``R``; ``E`` is how it can fail. Immutable and re-openable.

    >>> import anyio
    >>> from llm_manager.effect.sources import from_iterable
    >>> evens = from_iterable(range(10)).filter(lambda n: n % 2 == 0).map(str)
    >>> anyio.run(run, evens.take(3).collect(), None)
    <Success: ('0', '2', '4')>
    """

    __slots__ = ("_open",)

    def __init__(self, open_: Callable[[R_contra, Opening], Awaitable[Pull[A_co, E_co]]]) -> None:
        self._open = open_

    def open(self, context: R_contra, opening: Opening) -> Awaitable[Pull[A_co, E_co]]:
        """What to pull, for an operation on streams; whoever reads one asks for :meth:`opened`."""
        return self._open(context, opening)

    def opened(self, context: R_contra) -> Opened[A_co, E_co]:
        """The stream for one ``async with`` block."""
        return Opened(lambda opening: self._open(context, opening))

    def map(self, change: Callable[[A_co], B]) -> Stream[B, E_co, R_contra]:
        """The stream of changed values."""

        async def open_(context: R_contra, opening: Opening) -> Pull[B, E_co]:
            pull = await self._open(context, opening)

            async def pulling() -> Pulled[B, E_co]:
                got = await pull()
                return Success(change(got.unwrap())) if isinstance(got, Success) else got

            return pulling

        return Stream(open_)

    def map_error(self, change: Callable[[E_co], E2]) -> Stream[A_co, E2, R_contra]:
        """The stream with a changed failure."""

        async def open_(context: R_contra, opening: Opening) -> Pull[A_co, E2]:
            pull = await self._open(context, opening)

            async def pulling() -> Pulled[A_co, E2]:
                got = await pull()
                return Failure(change(got.failure())) if isinstance(got, Failure) else got

            return pulling

        return Stream(open_)

    def filter(self: Stream[A, E, R], wanted: Callable[[A], bool]) -> Stream[A, E, R]:
        """The stream of the values for which *wanted* holds."""
        return self.filter_map(lambda value: Some(value) if wanted(value) else Maybe.empty)

    def filter_map(self, change: Callable[[A_co], Maybe[B]]) -> Stream[B, E_co, R_contra]:
        """The stream of what is inside ``Some``; ``Nothing`` is left out."""

        async def open_(context: R_contra, opening: Opening) -> Pull[B, E_co]:
            pull = await self._open(context, opening)

            async def pulling() -> Pulled[B, E_co]:
                while True:
                    got = await pull()
                    if not isinstance(got, Success):
                        return got
                    changed = change(got.unwrap())
                    if isinstance(changed, Some):
                        return Success(changed.unwrap())

            return pulling

        return Stream(open_)

    def scan(self, initial: S, step: Callable[[S, A_co], S]) -> Stream[S, E_co, R_contra]:
        """What :meth:`fold` has in hand after each value: the growing text of an answer, say."""

        async def open_(context: R_contra, opening: Opening) -> Pull[S, E_co]:
            pull = await self._open(context, opening)
            state = initial

            async def pulling() -> Pulled[S, E_co]:
                nonlocal state
                got = await pull()
                if not isinstance(got, Success):
                    return got
                state = step(state, got.unwrap())
                return Success(state)

            return pulling

        return Stream(open_)

    def take(self, count: int) -> Stream[A_co, E_co, R_contra]:
        """The first *count* values; the source is not asked for one more."""
        check_count(count, "take takes how many values, 0 or more", "stream.take(3)", least=0)

        async def open_(context: R_contra, opening: Opening) -> Pull[A_co, E_co]:
            pull = await self._open(context, opening)
            left = count

            async def pulling() -> Pulled[A_co, E_co]:
                nonlocal left
                left -= 1
                return await pull() if left >= 0 else END

            return pulling

        return Stream(open_)

    def take_while(self, goes_on: Callable[[A_co], bool]) -> Stream[A_co, E_co, R_contra]:
        """The values up to, not including, the first one for which *goes_on* does not hold."""

        async def open_(context: R_contra, opening: Opening) -> Pull[A_co, E_co]:
            pull = await self._open(context, opening)

            async def pulling() -> Pulled[A_co, E_co]:
                got = await pull()
                return got if not isinstance(got, Success) or goes_on(got.unwrap()) else END

            return pulling

        return Stream(open_)

    @overload
    def then(self: Stream[A, E, object], other: Stream[B, E2, R]) -> Stream[A | B, E | E2, R]: ...
    @overload
    def then(self: Stream[A, E, R], other: Stream[B, E2, R]) -> Stream[A | B, E | E2, R]: ...
    def then(self: Stream[A, E, R], other: Stream[B, E2, R]) -> Stream[A | B, E | E2, R]:
        """This stream, then *other*: opened when this one has ended and its source has been released.

        For many, ``from_iterable(streams).flat_map(lambda stream: stream)`` costs the same however many there are.
        """

        async def open_(context: R, opening: Opening) -> Pull[A | B, E | E2]:
            first = Scope()
            opening.scope.add(first.close)
            pull: Pull[A | B, E | E2] = await self.open(context, Opening(first, opening.workers))
            is_first = True

            async def pulling() -> Pulled[A | B, E | E2]:
                nonlocal pull, is_first
                got = await pull()
                if is_first and isinstance(got, End):
                    is_first = False
                    await first.close()
                    pull = await other.open(context, opening)
                    got = await pull()
                return got

            return pulling

        return Stream(open_)

    @overload
    def flat_map(self: Stream[A, E, object], make: Callable[[A], Stream[B, E2, R]]) -> Stream[B, E | E2, R]: ...
    @overload
    def flat_map(self: Stream[A, E, R], make: Callable[[A], Stream[B, E2, R]]) -> Stream[B, E | E2, R]: ...
    def flat_map(self: Stream[A, E, R], make: Callable[[A], Stream[B, E2, R]]) -> Stream[B, E | E2, R]:
        """The values of the stream that *make* makes of each value, one after the other.

        Each is released before the next is opened.
        """

        async def open_(context: R, opening: Opening) -> Pull[B, E | E2]:
            outer = await self.open(context, opening)
            current = Opening(Scope(), opening.workers)
            opening.scope.add(current.scope.close)
            inner: Pull[B, E2] | None = None

            async def pulling() -> Pulled[B, E | E2]:
                nonlocal inner
                while True:
                    if inner is None:
                        made = await outer()
                        if not isinstance(made, Success):
                            return made
                        inner = await make(made.unwrap()).open(context, current)
                    got = await inner()
                    if not isinstance(got, End):
                        return got
                    inner = None
                    await current.scope.close()

            return pulling

        return Stream(open_)

    @overload
    def map_effect(self: Stream[A, E, object], change: Callable[[A], Effect[B, E2, R]]) -> Stream[B, E | E2, R]: ...
    @overload
    def map_effect(self: Stream[A, E, R], change: Callable[[A], Effect[B, E2, R]]) -> Stream[B, E | E2, R]: ...
    def map_effect(self: Stream[A, E, R], change: Callable[[A], Effect[B, E2, R]]) -> Stream[B, E | E2, R]:
        """Run an effect for each value, one at a time; its failure ends the stream."""

        async def open_(context: R, opening: Opening) -> Pull[B, E | E2]:
            pull = await self.open(context, opening)

            async def pulling() -> Pulled[B, E | E2]:
                got = await pull()
                return await run(change(got.unwrap()), context) if isinstance(got, Success) else got

            return pulling

        return Stream(open_)

    @overload
    def tap(self: Stream[A, E, object], look: Callable[[A], Effect[object, E2, R]]) -> Stream[A, E | E2, R]: ...
    @overload
    def tap(self: Stream[A, E, R], look: Callable[[A], Effect[object, E2, R]]) -> Stream[A, E | E2, R]: ...
    def tap(self: Stream[A, E, R], look: Callable[[A], Effect[object, E2, R]]) -> Stream[A, E | E2, R]:
        """The same values, each one after *look* has run with it; a failure of *look* ends the stream."""

        async def open_(context: R, opening: Opening) -> Pull[A, E | E2]:
            pull = await self.open(context, opening)

            async def pulling() -> Pulled[A, E | E2]:
                got = await pull()
                if not isinstance(got, Success):
                    return got
                looked = await run(look(got.unwrap()), context)
                return looked if isinstance(looked, Failure) else got

            return pulling

        return Stream(open_)

    @overload
    def settle(
        self: Stream[A, E, object], change: Callable[[A], Effect[B, E2, R]], limit: int
    ) -> Stream[tuple[int, Outcome[B, E2]], E, R]: ...
    @overload
    def settle(
        self: Stream[A, E, R], change: Callable[[A], Effect[B, E2, R]], limit: int
    ) -> Stream[tuple[int, Outcome[B, E2]], E, R]: ...
    def settle(
        self: Stream[A, E, R], change: Callable[[A], Effect[B, E2, R]], limit: int
    ) -> Stream[tuple[int, Outcome[B, E2]], E, R]:
        """Run an effect for each value, *limit* at a time; every outcome with the value's position, as they come.

        One failure loses none of the others. At most *limit* values are under way or waiting to be taken, so a slow
        reader holds the work back; leaving the block cancels and awaits what is under way.
        """
        check_count(
            limit, "settle takes how many effects run at the same time, 1 or more", "stream.settle(ask, limit=4)"
        )

        async def open_(context: R, opening: Opening) -> Pull[tuple[int, Outcome[B, E2]], E]:
            pull = await self.open(context, opening)
            crew = Crew(pull, lambda index, value: beside(context, index, partial(run, change(value))), limit)
            opening.scope.add(crew.stop)
            return lambda: crew.pull(opening)

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
