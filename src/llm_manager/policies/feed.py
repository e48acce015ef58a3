"""What a failure means for a feed: a source of many requests without a reader who waits for one of them.

A caller has a deadline and is better told soon; a feed has none. A refusal that ends is not the failure of a row, it is
the moment at which the feed goes on. What a row is refused for while others are served is its own after a few rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import AllModelsFailed, CircuitOpen, LLMError, RateLimitExceeded
from llm_manager.domain.verdicts import again, retry_after_s
from llm_manager.policies.retryable import is_excluded

PATIENCE_S = 600.0
"""How long a feed goes on without one answer, pauses that vendors asked for left out, before its rows fail."""

FIRST_PAUSE_S = 1.0
"""The first pause where no moment is known; each further one without an answer is twice as long."""

LONGEST_PAUSE_S = 30.0

REFUSED_ROUNDS = 10
"""How often a row that is rate limited is asked again while others are answered: it may be too large for a minute."""

FAILED_ROUNDS = 2
"""How often a row that fails a server is asked again while others are answered: it may be what the server fails of."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failure that ends: at the earliest after *wait_s* seconds, None where no moment is known.

    *rounds* is how often a row is asked again after it while others are answered; *is_asked_for* tells that the vendor
    named the moment.
    """

    wait_s: float | None
    rounds: float
    is_asked_for: bool = False


def refusal_of(config: LLMConfig, error: LLMError) -> Refusal | None:
    """What of *error* ends by itself; None for a failure that is the row's own."""
    if not isinstance(error, AllModelsFailed) and is_excluded(config.retry, error):
        return None
    match error:
        case AllModelsFailed(failures=failures):
            return _soonest([refusal_of(config, failure) for _, failure in failures])
        case CircuitOpen(retry_after_s=wait_s, probing=probing):
            return Refusal(None if probing else wait_s, inf)
        case RateLimitExceeded(retry_after_s=wait_s, local=True):
            return None if wait_s is None else Refusal(wait_s, inf)  # one that can never fit names no moment
        case RateLimitExceeded(retry_after_s=wait_s):
            return Refusal(config.keys.cool_down_s if wait_s is None else wait_s, REFUSED_ROUNDS, is_asked_for=True)
        case _ if again(error) == "yes" or (config.retry.ambiguous and again(error) == "if_ambiguous_allowed"):
            return Refusal(retry_after_s(error), FAILED_ROUNDS)
        case _:
            return None


def _soonest(refusals: Sequence[Refusal | None]) -> Refusal | None:
    """The first that ends; one without a moment comes last."""
    known = [refusal for refusal in refusals if refusal is not None]
    return min(known, key=lambda refusal: inf if refusal.wait_s is None else refusal.wait_s, default=None)


def pause_s(refusal: Refusal, pauses: int) -> float:
    """How long to pause after *refusal*, when *pauses* have brought no answer."""
    if refusal.wait_s is not None:
        return refusal.wait_s
    return min(FIRST_PAUSE_S * 2.0 ** min(pauses, 16), LONGEST_PAUSE_S)
