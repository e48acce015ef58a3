"""What the answers and refusals of a target have taught about our estimates for it.

The tokens that a vendor reports, divided by those that were likely, move the target's factor; a refusal for size sets
it, and tells the window. Nothing here widens a bound: what is likely is corrected within its interval, and a window
that was learnt narrows the one that is known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from llm_manager.domain.tokens import TokenRange

LEAST_FACTOR: Final = 0.5
MOST_FACTOR: Final = 2.0

SHARE: Final = 0.2
"""How much of the factor the newest answer is; the first ones are more, so that a few are enough."""

WORTH_LEARNING_TOKENS: Final = 50
"""Of a shorter prompt most is what wraps it."""

UNTOLD_FACTOR: Final = 1.3
"""By how much more the estimate is taken for after a refusal that names no figure."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """By what the likely tokens of a target are multiplied, after how many answers, and the window that a refusal
    named, None where none did."""

    factor: float = 1.0
    answers: int = 0
    window_tokens: int | None = None

    def corrected(self, tokens: TokenRange) -> TokenRange:
        """*tokens* with what is likely corrected.

        >>> Calibration(1.5).corrected(TokenRange(50, 100, 140))
        TokenRange(low=50, likely=140, high=140)
        """
        likely = max(tokens.low, min(round(tokens.likely * self.factor), tokens.high))
        return TokenRange(tokens.low, likely, tokens.high)


NOTHING_LEARNT: Final = Calibration()


def answered(before: Calibration, likely_tokens: int, used_tokens: int) -> Calibration:
    """What is known once an answer to a prompt of *likely_tokens* reported *used_tokens*.

    >>> answered(NOTHING_LEARNT, 100, 120)
    Calibration(factor=1.1, answers=1, window_tokens=None)
    """
    if likely_tokens < WORTH_LEARNING_TOKENS or used_tokens <= 0:
        return before
    share = max(SHARE, 1 / (before.answers + 2))
    factor = before.factor + (_bounded(used_tokens / likely_tokens) - before.factor) * share
    window = before.window_tokens
    is_refuted = window is not None and used_tokens > window
    return Calibration(_bounded(factor), before.answers + 1, None if is_refuted else window)


def too_large(
    before: Calibration, likely_tokens: int, told_tokens: int | None, window_tokens: int | None
) -> Calibration:
    """What is known once a prompt of *likely_tokens* was refused for its size, as the vendor told it.

    >>> too_large(NOTHING_LEARNT, 1000, 1200, 1100)
    Calibration(factor=1.2, answers=1, window_tokens=1100)
    """
    factor = before.factor * UNTOLD_FACTOR if told_tokens is None else told_tokens / max(likely_tokens, 1)
    window = before.window_tokens if window_tokens is None else window_tokens
    return replace(before, factor=_bounded(factor), answers=before.answers + 1, window_tokens=window)


def _bounded(factor: float) -> float:
    return max(LEAST_FACTOR, min(factor, MOST_FACTOR))
