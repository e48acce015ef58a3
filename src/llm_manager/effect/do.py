"""Straight-line code over effects, like ``Effect.gen``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast, final

from returns.result import Failure, Success

from llm_manager.effect.op import Effect, Outcome, effect, run

A = TypeVar("A")
E = TypeVar("E")
R = TypeVar("R")
P = ParamSpec("P")


class _Halt(BaseException):
    """Carries a failure out of its own block. A BaseException, so that ``except Exception`` in the block lets it by."""

    def __init__(self, owner: object, failure: Failure[Any]) -> None:
        self.owner = owner
        self.failure = failure


@final
class Do(Generic[E, R]):
    """What a block awaits effects with: ``value = await _(op)``; a failure ends the block."""

    __slots__ = ("context",)

    def __init__(self, context: R) -> None:
        self.context = context

    async def __call__(self, op: Effect[A, E, R]) -> A:
        outcome = await run(op, self.context)
        if isinstance(outcome, Failure):
            raise _Halt(self, outcome)
        return outcome.unwrap()


def do(block: Callable[Concatenate[Do[E, R], P], Coroutine[Any, Any, A]]) -> Callable[P, Effect[A, E, R]]:
    """Make a function that returns an effect of an async *block*; the first failure awaited is the block's failure.

    >>> import anyio
    >>> from llm_manager.effect.op import succeed
    >>> @do
    ... async def total(_: Do[str, object], first: int) -> int:
    ...     return first + await _(succeed(2))
    >>> anyio.run(run, total(40), None)
    <Success: 42>
    """

    def build(*args: P.args, **kwargs: P.kwargs) -> Effect[A, E, R]:
        async def doing(context: R) -> Outcome[A, E]:
            notation: Do[E, R] = Do(context)
            try:
                return Success(await block(notation, *args, **kwargs))
            except _Halt as halt:
                if halt.owner is not notation:  # an outer block's `_` was used in here: the failure is that block's
                    raise
                return cast("Failure[E]", halt.failure)

        return effect(doing)

    return build
