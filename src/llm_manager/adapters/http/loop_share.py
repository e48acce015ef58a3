"""A loop over bytes that have arrived already gives the event loop its turn.

Such a loop awaits things that are ready, so it never suspends: without this, no deadline passes and no other task runs
until the bytes are used up, and a few of them unpack to very many.
"""

from __future__ import annotations

from typing import Final, final

from anyio.lowlevel import checkpoint

SHARE_BYTES: Final = 16 * 1024
"""The most that is worked through at once: some five milliseconds of the slowest reader."""

READ_BYTES: Final = 256
"""What one read counts for beside its bytes, so that many empty reads are work too."""


@final
class LoopShare:
    """The work that one loop has done since it last suspended."""

    __slots__ = ("_done_bytes",)

    def __init__(self) -> None:
        self._done_bytes = 0

    def is_used_up(self, read_bytes: int) -> bool:
        """Count one read of so many bytes; true where :meth:`give_way` is due."""
        self._done_bytes += read_bytes + READ_BYTES
        return self._done_bytes >= SHARE_BYTES

    async def give_way(self) -> None:
        """Let other tasks run, and let a deadline that has passed end this one."""
        self._done_bytes = 0
        await checkpoint()
