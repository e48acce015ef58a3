"""Successes that are still under way: a stream has begun well, and how it ends is known later.

The rule of this room: whoever has something to settle when an operation is over, a reservation, a permit or a key,
says so with :func:`when_over`, and need not know whether that is now or at the end of a stream.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import anyio
from returns.result import Success

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import usage_of
from llm_manager.domain.response import LLMResponse, Usage

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Ending:
    """How an operation ended: *outcome*, None for a stream that was left by its reader; *usage* as far as it is known.

    A stream that was left, or an operation that failed, may have used something.
    """

    outcome: Outcome[object, LLMError] | None
    usage: Usage | None = None

    @property
    def error(self) -> LLMError | None:
        """What it failed with, if it did."""
        outcome = self.outcome
        return None if outcome is None or isinstance(outcome, Success) else outcome.failure()


Tell: TypeAlias = Callable[[Ending], Awaitable[object]]


class Ongoing:
    """A success that ends later. Its owner calls :meth:`over` once; those who wait for it are told in their order."""

    __slots__ = ("_tells", "is_over")

    def __init__(self) -> None:
        self._tells: list[Tell] = []
        self.is_over = False

    def on_end(self, tell: Tell) -> None:
        """*tell* how it ended, when it has."""
        self._tells.append(tell)

    async def aclose(self) -> None:
        """Let go of it: nobody wants the rest."""
        await self.over(Ending(None))

    async def over(self, ending: Ending) -> None:
        """It has ended. Cancellation waits until everybody has been told."""
        if self.is_over:
            return
        self.is_over = True
        with anyio.CancelScope(shield=True):
            await tell_all(self._tells, ending)


async def tell_all(tells: Iterable[Tell], ending: Ending) -> None:
    """*tells* how it ended, each of them, whatever one raises: they give back what was taken. What the first has raised
    is raised afterwards."""
    first: BaseException | None = None
    for tell in tells:
        try:
            await tell(ending)
        except BaseException as raised:  # noqa: BLE001  # cancellation, too, ends no one's turn
            first = first or raised
    if first is not None:
        raise first


async def let_go(values: Iterable[object]) -> None:
    """Close what is under way among *values*: successes that nobody will get."""
    with anyio.CancelScope(shield=True):
        for value in values:
            if isinstance(value, Ongoing):
                await value.aclose()


async def when_over(outcome: Outcome[A, LLMError], tell: Tell) -> None:
    """*tell* how the operation ended that came back with *outcome*: now, or when what it has begun is over."""
    value = outcome.unwrap() if isinstance(outcome, Success) else None
    if isinstance(value, Ongoing):
        value.on_end(tell)
    else:
        await tell(Ending(outcome, value.usage if isinstance(value, LLMResponse) else _failed_usage(outcome)))


def _failed_usage(outcome: Outcome[object, LLMError]) -> Usage | None:
    """What was used for an answer that is called a failure."""
    return None if isinstance(outcome, Success) else usage_of(outcome.failure())
