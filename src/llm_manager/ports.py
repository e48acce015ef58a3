"""What the pure wing asks of the world, as Protocols of one to three methods.

Every service reaches a pipeline through its context; an adapter fulfils a port, a test fulfils it with a few lines.
To add a kind of service, write its Protocol here and give :class:`~llm_manager.effect.context.Context` a field.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from anyio import CancelScope


class Clock(Protocol):
    """Time that only moves forward, and everything that waits for it."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
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
