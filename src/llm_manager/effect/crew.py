"""Workers beside a reader: work on several values of a stream at once, its outcomes as they come.

Nobody runs ahead: a worker takes no new value before the reader has taken its last outcome. So at most *limit* values
are under way or waiting, however slow the reader is. An outcome waits where it is until it is taken: a reader that is
cancelled while it waits loses nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome
from llm_manager.effect.concurrent import children
from llm_manager.effect.opened import END, End, Opening, Pull, Pulled

A = TypeVar("A")
B = TypeVar("B")
E = TypeVar("E")
E2 = TypeVar("E2")


@final
class Crew(Generic[A, B, E, E2]):
    """*limit* workers that ask *pull* for values, one worker at a time, and do *job* with each and its position.

    They start at the first pull, and are cancelled and awaited by :meth:`stop`. A worker that raises is a bug: it
    comes out bare, where the reader is.
    """

    __slots__ = ("_bug", "_done", "_ended", "_gone", "_job", "_limit", "_news", "_scope", "_source", "_taken", "_turn")

    def __init__(self, source: Pull[A, E], job: Callable[[int, A], Awaitable[Outcome[B, E2]]], limit: int) -> None:
        self._source = source
        self._job = job
        self._limit = limit
        self._taken = 0
        self._turn = anyio.Lock()
        self._scope = anyio.CancelScope()
        self._done: deque[tuple[int, Outcome[B, E2], anyio.Event]] = deque()
        self._news = anyio.Event()
        self._gone: anyio.Event | None = None
        self._ended: End | Failure[E] | None = None
        self._bug: Exception | None = None

    async def pull(self, opening: Opening) -> Pulled[tuple[int, Outcome[B, E2]], E]:
        """The next outcome there is, with the position of its value in the source."""
        if self._gone is None:
            self._gone = anyio.Event()
            opening.workers.start_soon(self._work, self._gone)
        while not self._done and not self._gone.is_set():
            self._news = anyio.Event()
            await self._news.wait()
        if self._done:
            index, outcome, taken = self._done.popleft()
            taken.set()
            return Success((index, outcome))
        self._tell_bug()
        return END if self._ended is None else self._ended

    async def stop(self) -> None:
        """Cancel the workers and wait until they are gone, or until the scope that calls this runs out of time.

        A worker that cleans up for longer is awaited all the same, when the block is left.
        """
        self._scope.cancel()
        if self._gone is not None:
            await self._gone.wait()
        self._tell_bug()

    def _tell_bug(self) -> None:
        bug, self._bug = self._bug, None
        if bug is not None:
            raise bug

    async def _work(self, gone: anyio.Event) -> None:
        try:
            with self._scope:
                await children(self._limit, self._member)
        except Exception as bug:  # noqa: BLE001  # raised bare, where the reader is
            self._bug = bug
        finally:
            gone.set()
            self._news.set()

    async def _member(self, _: int) -> bool:
        while True:
            async with self._turn:
                got = await self._source() if self._ended is None else self._ended
                if not isinstance(got, Success):
                    self._ended = got
                    return False
                index = self._taken
                self._taken += 1
            await self._hand_over(index, await self._job(index, got.unwrap()))

    async def _hand_over(self, index: int, outcome: Outcome[B, E2]) -> None:
        taken = anyio.Event()
        self._done.append((index, outcome, taken))
        self._news.set()
        await taken.wait()
