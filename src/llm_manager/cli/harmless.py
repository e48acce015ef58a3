"""What a model wrote, made safe to look at.

A terminal obeys the control characters that it is sent: it moves its cursor over what stood there, changes its title,
writes to the clipboard, and answers questions as if the user had typed. A model that was fed a hostile page may write
them. The rule of this room: what others wrote reaches a terminal without them, and a pipe or a file as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TextIO

_SEEN: Final[Mapping[int, int | None]] = {
    **{code: 0x2400 + code for code in range(0x20)},
    ord("\n"): ord("\n"),
    ord("\t"): ord("\t"),
    ord("\r"): None,
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}
"""Control characters as their pictures (Unicode, "Control Pictures"); those of ISO 6429's second set, which have none,
as the replacement character. A carriage return goes without trace: it ends the lines of some models."""


def harmless(text: str) -> str:
    r"""*text* without what a terminal would obey, save line breaks and tabs.

    >>> harmless("\x1b]0;pwned\x07 fine\r\n")
    '␛]0;pwned␇ fine\n'
    """
    return text.translate(_SEEN)


def shown(text: str, stream: TextIO) -> str:
    """*text* as *stream* may have it: harmless on a terminal, and with what its encoding lacks replaced."""
    safe = harmless(text) if stream.isatty() else text
    encoding = stream.encoding or "utf-8"
    return safe.encode(encoding, "replace").decode(encoding)
