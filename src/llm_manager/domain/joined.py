"""Text that comes in many pieces, kept as little more than its characters.

A piece of two letters is an object of 51 bytes and a place in a list: an answer in pieces would take thirty times its
size if they were kept one by one.
"""

from __future__ import annotations

from typing import Final, final

PIECES: Final = 16
BLOCKS: Final = 256
"""So many pieces are joined to a block, and so many blocks to a larger one."""


@final
class Joined:
    """The pieces so far. :attr:`text` joins them all, and what it has joined stays joined."""

    __slots__ = ("_blocks", "_pieces", "_whole")

    def __init__(self, text: str = "") -> None:
        self._whole = [text] if text else []
        self._blocks: list[str] = []
        self._pieces: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._pieces or self._blocks or self._whole)

    def add(self, text: str) -> None:
        """Append *text*; nothing is kept of an empty one.

        >>> joined = Joined("a")
        >>> for piece in ("b", "", "c"):
        ...     joined.add(piece)
        >>> joined.text, bool(joined), bool(Joined())
        ('abc', True, False)
        """
        if not text:
            return
        self._pieces.append(text)
        if len(self._pieces) >= PIECES:
            self._blocks.append("".join(self._pieces))
            self._pieces.clear()
            if len(self._blocks) >= BLOCKS:
                self._whole.append("".join(self._blocks))
                self._blocks.clear()

    @property
    def text(self) -> str:
        """All of it."""
        if len(self._whole) == 1 and not self._blocks and not self._pieces:
            return self._whole[0]
        joined = "".join((*self._whole, *self._blocks, *self._pieces))
        self._blocks.clear()
        self._pieces.clear()
        self._whole = [joined] if joined else []
        return joined
