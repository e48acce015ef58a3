"""How many tokens something may be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class TokenRange(NamedTuple):
    """At least *low* tokens, at most *high*, and probably about *likely*.

    A named tuple and no dataclass: a short text is estimated in the time that it takes to make two of the latter.
    """

    low: int
    likely: int
    high: int


NO_TOKENS = TokenRange(0, 0, 0)


def exactly(tokens: int) -> TokenRange:
    """The range of what is known."""
    return TokenRange(tokens, tokens, tokens)


def summed(ranges: Iterable[TokenRange]) -> TokenRange:
    """The range of all *ranges* together.

    >>> summed((TokenRange(1, 2, 3), exactly(4)))
    TokenRange(low=5, likely=6, high=7)
    """
    low = likely = high = 0
    for each in ranges:
        low, likely, high = low + each.low, likely + each.likely, high + each.high
    return TokenRange(low, likely, high)
