"""Time and chance, and how a test tells the strands of a run apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Protocol, Self, TypeVar

from anyio import CancelScope

from llm_manager.domain.request import LLMRequest

T = TypeVar("T")


class Clock(Protocol):
    """Time that only moves forward, everything that waits for it, and what a calendar says."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        ...

    def unix_s(self) -> float:
        """Seconds since 1970 by the wall clock, which may be set: for what people read, and for the day that prices and
        the ends of models go by; no waiting and no limit depends on it."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Return once *seconds* have passed on this clock."""
        ...

    def move_on_after(self, seconds: float, /) -> AbstractContextManager[CancelScope, bool | None]:
        """A block that is cancelled after *seconds* on this clock, and then passed over."""
        ...


class Random(Protocol):
    """A source of chance that a test can fix."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class Splitting(ABC):
    """What a :class:`Clock` or a :class:`Random` is besides when it has to tell the strands of a run apart.

    A strand is what happens one after the other; others may go on beside it. What is read in one then does not depend
    on how far the others are. The machine's own clock has no need of it.
    """

    __slots__ = ()

    @abstractmethod
    def split(self, name: str, request: LLMRequest | None, /) -> Self:
        """What the strand *name*, which works on *request*, reads. Equal strands are told apart by their order."""
        ...


class Turning(ABC):
    """What a :class:`Clock` is besides when those who go on side by side are to do so one at a time, in an order that
    is theirs and not the event loop's. The machine's own clock lets them run as they can.
    """

    __slots__ = ()

    @abstractmethod
    def branch(self, index: int, /) -> Self:
        """The clock of the one at place *index* among several that are about to begin."""
        ...

    @abstractmethod
    async def in_turn(self, begin: Callable[[], Awaitable[T]], /) -> T:
        """What *begin* gives, which begins, and goes on each time that something wakes it, when it is its turn."""
        ...
