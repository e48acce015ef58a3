"""Places inside this process: how many may do something at the same time."""

from __future__ import annotations

from collections.abc import Hashable
from typing import final

import anyio


@final
class MemoryPlaces:
    """Who waits is served in the order of arrival; a key nobody uses is forgotten."""

    __slots__ = ("_taken",)

    def __init__(self) -> None:
        self._taken: dict[Hashable, tuple[anyio.Semaphore, int]] = {}

    async def enter(self, key: Hashable, limit: int, /) -> None:
        """Take one of *limit* places, once one is free."""
        places, users = self._taken.get(key) or (anyio.Semaphore(limit), 0)
        self._taken[key] = (places, users + 1)
        try:
            await places.acquire()
        except BaseException:  # who is cancelled in the queue leaves it
            self._forget(key)
            raise

    def leave(self, key: Hashable, /) -> None:
        """Give the place to the next in the queue."""
        places, _ = self._taken[key]
        places.release()
        self._forget(key)

    def _forget(self, key: Hashable) -> None:
        places, users = self._taken[key]
        if users == 1:
            del self._taken[key]
        else:
            self._taken[key] = (places, users - 1)
