"""Strands: what happens one after the other, told apart from what goes on beside it.

The rule of this room: whoever starts several things at once, or one thing that may have company, begins a strand for
it and names it by what it is (its place among its siblings, its operation and request) and never by when it came.
What is read in an order, such as a clock that is being recorded, can then be read by strand.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

from llm_manager.domain.request import LLMRequest

A = TypeVar("A")
R = TypeVar("R")


class Stranded(ABC):
    """A context that can be had for one strand alone."""

    __slots__ = ()

    @abstractmethod
    def strand(self, name: str, request: LLMRequest | None = None, /) -> Self:
        """The context of the strand *name*, which works on *request*."""
        ...

    async def work_beside(self, index: int, work: Callable[[Self], Awaitable[A]], /) -> A:
        """What *work* gives, the one at place *index* among several at once, in a strand of its own."""
        return await work(self.strand(str(index)))


async def beside(context: R, index: int, work: Callable[[R], Awaitable[A]]) -> A:
    """What *work* gives, the one at place *index* among several at once: in a strand of its own if *context* knows of
    strands."""
    if isinstance(context, Stranded):
        return await context.work_beside(index, work)
    return await work(context)
