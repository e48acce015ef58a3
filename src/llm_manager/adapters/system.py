"""The machine's own time and chance. Nothing else in the library reads a clock or draws a number."""

from __future__ import annotations

import random
import time
from contextlib import AbstractContextManager
from typing import final

import anyio


@final
class SystemClock:
    """The monotonic clock, which a change of the wall clock does not touch."""

    __slots__ = ()

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""
        return time.monotonic()

    def unix_s(self) -> float:
        """Seconds since 1970."""
        return time.time()

    async def sleep(self, seconds: float, /) -> None:
        """Wait in real time."""
        await anyio.sleep(seconds)

    def move_on_after(self, seconds: float, /) -> AbstractContextManager[anyio.CancelScope, bool | None]:
        """``anyio.move_on_after``."""
        return anyio.move_on_after(seconds)


@final
class SystemRandom:
    """Pseudo-random numbers, for jitter and not for secrets; a *seed* makes them repeatable."""

    __slots__ = ("_source",)

    def __init__(self, seed: int | None = None) -> None:
        self._source = random.Random(seed)  # noqa: S311  # jitter guards nothing

    def random(self) -> float:
        """A number in [0, 1)."""
        return self._source.random()
