"""Where something stands next in a text, looked for once until it is passed.

The rule of this package: nobody looks for the end of something from every place where one could be missing; that is how
linear parsers become quadratic.
"""

from __future__ import annotations

import re


class Ahead:
    """The next match of a *pattern* in a *text*; as long as those who ask move forward, all their asking is linear."""

    __slots__ = ("_found", "_pattern", "_since", "_text")

    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self._pattern = pattern
        self._text = text
        self._since = self._found = -1

    def of(self, at: int) -> int:
        """Where the pattern matches next, from *at* on; -1 where it does not.

        >>> end = Ahead(re.compile("x"), "ab x c")
        >>> end.of(0), end.of(3), end.of(4)
        (3, 3, -1)
        """
        if self._since < 0 or at < self._since or (self._found >= 0 and at > self._found):
            found = self._pattern.search(self._text, at)
            self._since = at
            self._found = found.start() if found else -1
        return self._found
