"""What others wrote, made safe to look at.

A terminal obeys the control characters that it is sent: it moves its cursor over what stood there, changes its title,
writes to the clipboard, and answers questions as if the user had typed. Unicode's bidirectional controls make a text
look like another one. A model that was fed a hostile page may write them, and so may a vendor in an error. The rule of
this module: nothing that a person reads, on a terminal or in a log, holds one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_REPLACED: Final = 0xFFFD

_MARKS: Final = (0x061C, 0x200E, 0x200F)
"""ARABIC LETTER MARK, LEFT-TO-RIGHT MARK, RIGHT-TO-LEFT MARK: each turns its neighbours only, in honest text too."""

_REORDERING: Final = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Embeddings, overrides and isolates, and their ends (UAX 9; CVE-2021-42574)."""

_INVISIBLE_CONTROLS: Final = (*range(0x206A, 0x2070), 0x180E, *range(0xFFF9, 0xFFFC))
"""Deprecated format controls, the Mongolian vowel separator, and interlinear annotations, which hide text."""

_SHOWN: Final[Mapping[int, int | None]] = {
    **{code: 0x2400 + code for code in range(0x20)},
    ord("\n"): ord("\n"),
    ord("\t"): ord("\t"),
    ord("\r"): None,
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), _REPLACED),
    **dict.fromkeys(range(0xD800, 0xE000), _REPLACED),
    **dict.fromkeys((*_REORDERING, *_INVISIBLE_CONTROLS), _REPLACED),
    **dict.fromkeys(_MARKS),
    0x2028: ord("\n"),
    0x2029: ord("\n"),
}
"""Control characters as their pictures (Unicode, "Control Pictures"); those of ISO 6429's second set, which have none,
lone surrogates and what reorders a line as the replacement character. A carriage return, which ends the lines of some
models, goes without trace, and so do marks of direction; Unicode's own line breaks are ordinary ones."""


def escape_control_chars(text: str) -> str:
    r"""*text* without what a terminal would obey or would draw in another order, save line breaks and tabs.

    >>> escape_control_chars("\x1b]0;pwned\x07 fine\r\n")
    '␛]0;pwned␇ fine\n'
    >>> escape_control_chars("access \u202elevel")
    'access �level'
    """
    return text if text.isprintable() else text.translate(_SHOWN)
