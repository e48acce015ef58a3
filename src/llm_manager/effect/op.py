"""Effects: how they are made, run and chained."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, Never, TypeAlias, TypeVar, final, overload

from returns.context import RequiresContextFutureResult
from returns.future import FutureResult
from returns.result import Failure, Result, Success

from llm_manager.domain.outcome import Outcome as Outcome

A = TypeVar("A")
B = TypeVar("B")
E = TypeVar("E")
E2 = TypeVar("E2")
R = TypeVar("R")
R2 = TypeVar("R2")
Caught = TypeVar("Caught")
Rest = TypeVar("Rest")
T0 = TypeVar("T0")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
T6 = TypeVar("T6")
T7 = TypeVar("T7")
T8 = TypeVar("T8")

Effect: TypeAlias = RequiresContextFutureResult[A, E, R]
"""Work that needs an ``R``, and then succeeds with an ``A`` or fails with an ``E``."""


_new: Any = object.__new__
_set = object.__setattr__


@final
class _Thunk(Generic[A, E, R]):
    """The callable stored inside an effect of ours; `run` calls `fn` and skips the containers around it."""

    __slots__ = ("fn",)

    def __init__(self, fn: Callable[[R], Coroutine[Any, Any, Result[A, E]]]) -> None:
        self.fn = fn

    def __call__(self, context: R) -> FutureResult[A, E]:
        return FutureResult(self.fn(context))

    def __repr__(self) -> str:
        return f"{made_by(self.fn)}: nothing has happened yet, run(op, context) or provide(op, layer) makes it happen"


def made_by(fn: object) -> str:
    """The name of the function that a user called to have *fn*."""
    return str(getattr(fn, "__qualname__", fn)).partition(".<locals>")[0]


_OURS: Any = _Thunk  # `run` knows the types of what it calls from the effect, not from here


@overload
def effect(fn: Callable[[R], Coroutine[Any, Any, Success[A] | Failure[E]]]) -> Effect[A, E, R]: ...
@overload
def effect(fn: Callable[[R], Coroutine[Any, Any, Result[A, E]]]) -> Effect[A, E, R]: ...
def effect(fn: Callable[[R], Coroutine[Any, Any, Result[Any, Any]]]) -> Any:
    """Make an effect of an async function from a context to a result.

    >>> import anyio
    >>> from returns.result import Success
    >>> async def answer(context: int) -> Success[int]:
    ...     return Success(context + 1)
    >>> anyio.run(run, effect(answer), 41)
    <Success: 42>
    """
    made: Any = _new(RequiresContextFutureResult)
    _set(made, "_inner_value", _Thunk(fn))  # what its constructors do, two calls deep, at twice the price
    return made


def run(op: Effect[A, E, R], context: R) -> Awaitable[Outcome[A, E]]:
    """Run *op* with *context*; await the answer to have its outcome.

    An effect made with plain ``returns`` methods takes the road through its containers and comes back the same.
    """
    try:
        inner: Any = op._inner_value  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # it has no public reader
    except AttributeError:
        raise TypeError(f"{op!r} is no operation, such as generate(request) makes: is a call missing?") from None
    outcome: Awaitable[Outcome[A, E]] = inner.fn(context) if type(inner) is _OURS else inner(context)._inner_value  # noqa: SLF001
    return outcome if context is not None else _without_context(outcome)


async def _without_context(outcome: Awaitable[Outcome[A, E]]) -> Outcome[A, E]:
    """Tell who gives None to an operation that needs a context; many need nothing, and for these it is right."""
    try:
        return await outcome
    except AttributeError as bug:
        if bug.obj is not None:
            raise
        said = "write provide(op, live()), or `async with live() as context` and run(op, context)"
        raise TypeError(f"run(op, None) gives no context to an operation that needs one: {said}") from bug


def succeed(value: A) -> Effect[A, Never, object]:
    """The effect that does nothing and succeeds with *value*."""

    async def succeeding(_: object) -> Outcome[A, Never]:
        return Success(value)

    return effect(succeeding)


def fail(error: E) -> Effect[Never, E, object]:
    """The effect that does nothing and fails with *error*."""

    async def failing(_: object) -> Outcome[Never, E]:
        return Failure(error)

    return effect(failing)


def service(read: Callable[[R], A]) -> Effect[A, Never, R]:
    """The effect that succeeds with what *read* finds in the context."""

    async def reading(context: R) -> Outcome[A, Never]:
        return Success(read(context))

    return effect(reading)


def map_(op: Effect[A, E, R], change: Callable[[A], B]) -> Effect[B, E, R]:
    """Change the value of a success."""

    async def mapping(context: R) -> Outcome[B, E]:
        outcome = await run(op, context)
        return outcome if isinstance(outcome, Failure) else Success(change(outcome.unwrap()))

    return effect(mapping)


def map_error(op: Effect[A, E, R], change: Callable[[E], E2]) -> Effect[A, E2, R]:
    """Change the error of a failure."""

    async def mapping(context: R) -> Outcome[A, E2]:
        outcome = await run(op, context)
        return outcome if isinstance(outcome, Success) else Failure(change(outcome.failure()))

    return effect(mapping)


@overload  # where nothing can fail in one place: pyright calls the union of two empty types unknown
def flat_map(op: Effect[A, Never, R], then: Callable[[A], Effect[B, E2, R]]) -> Effect[B, E2, R]: ...
@overload
def flat_map(op: Effect[A, E, R], then: Callable[[A], Effect[B, E2, R]]) -> Effect[B, E | E2, R]: ...
def flat_map(op: Effect[A, E, R], then: Callable[[A], Effect[B, E2, R]]) -> Effect[B, E | E2, R]:
    """Run *op*, then the effect that *then* makes of its value; the error unions add up."""

    async def chaining(context: R) -> Outcome[B, E | E2]:
        outcome = await run(op, context)
        return outcome if isinstance(outcome, Failure) else await run(then(outcome.unwrap()), context)

    return effect(chaining)


@final
class recover(Generic[Caught, B, E2, R]):
    """Handle the failures of one type; that type leaves the error union (Effect-TS: ``catchTag``).

    A class, not a function, because mypy then solves *Caught* from the arguments and not from the place of use.
    """

    __slots__ = ("_error_type", "_handler")

    def __init__(self, error_type: type[Caught], handler: Callable[[Caught], Effect[B, E2, R]]) -> None:
        self._error_type = error_type
        self._handler = handler

    @overload  # a handler that needs nothing takes on what the operation needs
    def __call__(
        self: recover[Caught, B, E2, object], op: Effect[A, Caught | Rest, R2], /
    ) -> Effect[A | B, Rest | E2, R2]: ...
    @overload
    def __call__(self, op: Effect[A, Caught | Rest, R], /) -> Effect[A | B, Rest | E2, R]: ...
    def __call__(self, op: Effect[A, Any, Any], /) -> Any:
        async def catching(context: Any) -> Outcome[A | B, Any]:
            outcome = await run(op, context)
            if isinstance(outcome, Success):
                return outcome
            error = outcome.failure()
            if isinstance(error, self._error_type):
                return await run(self._handler(error), context)
            return Failure(error)

        return effect(catching)


def local(change: Callable[[R2], R], op: Effect[A, E, R]) -> Effect[A, E, R2]:
    """Run *op* in the context that *change* makes of the one that arrives."""

    async def localized(context: R2) -> Outcome[A, E]:
        return await run(op, change(context))

    return effect(localized)


@overload
def pipe(value: T0, f1: Callable[[T0], T1], /) -> T1: ...
@overload
def pipe(value: T0, f1: Callable[[T0], T1], f2: Callable[[T1], T2], /) -> T2: ...
@overload
def pipe(value: T0, f1: Callable[[T0], T1], f2: Callable[[T1], T2], f3: Callable[[T2], T3], /) -> T3: ...
@overload
def pipe(
    value: T0, f1: Callable[[T0], T1], f2: Callable[[T1], T2], f3: Callable[[T2], T3], f4: Callable[[T3], T4], /
) -> T4: ...
@overload
def pipe(
    value: T0,
    f1: Callable[[T0], T1],
    f2: Callable[[T1], T2],
    f3: Callable[[T2], T3],
    f4: Callable[[T3], T4],
    f5: Callable[[T4], T5],
    /,
) -> T5: ...
@overload
def pipe(
    value: T0,
    f1: Callable[[T0], T1],
    f2: Callable[[T1], T2],
    f3: Callable[[T2], T3],
    f4: Callable[[T3], T4],
    f5: Callable[[T4], T5],
    f6: Callable[[T5], T6],
    /,
) -> T6: ...
@overload
def pipe(
    value: T0,
    f1: Callable[[T0], T1],
    f2: Callable[[T1], T2],
    f3: Callable[[T2], T3],
    f4: Callable[[T3], T4],
    f5: Callable[[T4], T5],
    f6: Callable[[T5], T6],
    f7: Callable[[T6], T7],
    /,
) -> T7: ...
@overload
def pipe(
    value: T0,
    f1: Callable[[T0], T1],
    f2: Callable[[T1], T2],
    f3: Callable[[T2], T3],
    f4: Callable[[T3], T4],
    f5: Callable[[T4], T5],
    f6: Callable[[T5], T6],
    f7: Callable[[T6], T7],
    f8: Callable[[T7], T8],
    /,
) -> T8: ...
def pipe(value: Any, /, *functions: Callable[[Any], Any]) -> Any:
    """Pass *value* through *functions*, the first one first; the types of every step are checked.

    >>> pipe(3, str, len)
    1
    """
    for function in functions:
        value = function(value)
    return value
