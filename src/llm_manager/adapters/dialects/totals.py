"""What of a vendor's total its other counts leave out: the thoughts of a model, where no count of their own has them.

Gemini and gateways in front of it count thoughts in the total alone, or beside the answer; they are billed as output.
"""

from __future__ import annotations

from typing import Final

MOST_TOKENS: Final = 10_000_000
"""No model reads and writes as much at once (the widest windows of 2026 are 2 million): a larger total is none."""


def in_total_only(total: int | None, counted: int) -> int:
    """How many tokens only the *total* holds, beside those that are *counted*; a total that is smaller, or absurd, is
    not believed.

    >>> in_total_only(2603, 2198), in_total_only(2198, 2198), in_total_only(7, 2198), in_total_only(10**12, 2198)
    (405, 0, 0, 0)
    """
    return 0 if total is None or total > MOST_TOKENS else max(total - counted, 0)
