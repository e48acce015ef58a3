"""One opening of a stream: what it gives when it is pulled, and the block in which it may be.

The rule of this room: an opening belongs to one ``async with`` block and to one reader at a time. Its scope and its
task group are entered when the block is and left when the block is, in the reader's task, whichever way it ends; no
stage of a stream may enter a cancel scope or a task group of its own and stay in it between two pulls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeAlias, TypeVar, final

import anyio
from anyio.abc import TaskGroup
from returns.result import Failure, Success

from llm_manager.effect.scope import Scope

A = TypeVar("A")
E = TypeVar("E")


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
@dataclass(frozen=True, slots=True)
class Opening:
    """What the stages of a stream get when it is opened: where to leave how to release, and who works beside them."""

    scope: Scope
    workers: TaskGroup


@final
class Opened(Generic[A, E]):
    """A stream inside its block: ``async for`` gives the values, ``ended`` says why there are no more."""

    __slots__ = ("_open", "_opening", "_pull", "ended")

    ended: End | Failure[E] | None
    """``END`` or the failure, once the stream has come to it; None for one that was left before its end."""

    def __init__(self, open_: Callable[[Opening], Awaitable[Pull[A, E]]]) -> None:
        self._open = open_
        self._opening: Opening | None = None
        self._pull: Pull[A, E] | None = None
        self.ended = None

    @property
    def failure(self) -> Failure[E] | None:
        """How the stream failed; None for one that did not."""
        return self.ended if isinstance(self.ended, Failure) else None

    async def __aenter__(self) -> Self:
        if self._opening is not None:
            raise RuntimeError("an opening is for one block: ask the stream for another")
        self._opening = Opening(Scope(), await anyio.create_task_group().__aenter__())
        try:
            self._pull = await self._open(self._opening)
        except BaseException as raised:
            await self.__aexit__(type(raised), raised, raised.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._pull = None
        if self._opening is None:
            return
        try:
            await self._opening.scope.__aexit__(kind, cause, trace)
        finally:  # told of no exception, for it would wrap in a group what was raised in the block
            await self._opening.workers.__aexit__(None, None, None)

    async def pull(self) -> Pulled[A, E]:
        """The next value. After an end or a failure the same answer for ever; outside the block, ``END``.

        A pull that is cancelled may take the value that was under way with it.
        """
        if self._pull is None:
            return END if self.ended is None else self.ended
        got = await self._pull()
        if not isinstance(got, Success):
            self.ended = got
            self._pull = None
        return got

    def __aiter__(self) -> AsyncIterator[A]:
        return self

    async def __anext__(self) -> A:
        got = await self.pull()
        if isinstance(got, Success):
            return got.unwrap()
        raise StopAsyncIteration
