"""How many retries a target may cost: a bucket that successes and time fill and retries empty.

Source: Finagle's RetryBudget; in an outage retries add at most the capacity plus the trickle, not a factor.
"""

from __future__ import annotations

from dataclasses import dataclass

from llm_manager.domain.settings import RetryBudgetSettings

DUST = 1e-9
"""Less than this is missing only by rounding: ten tenths, added up, are a little less than one."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What is left at *at_s*."""

    left: float
    at_s: float


def full(now_s: float, settings: RetryBudgetSettings) -> Balance:
    """The budget as it begins."""
    return Balance(settings.capacity, now_s)


def spend(balance: Balance, now_s: float, settings: RetryBudgetSettings) -> tuple[Balance, bool]:
    """Take one retry if there is enough for it."""
    now = _grown(balance, now_s, 0.0, settings)
    if now.left < settings.cost - DUST:
        return now, False
    return Balance(now.left - settings.cost, now.at_s), True


def earn(balance: Balance, now_s: float, settings: RetryBudgetSettings) -> Balance:
    """A request succeeded."""
    return _grown(balance, now_s, settings.per_success, settings)


def _grown(balance: Balance, now_s: float, extra: float, settings: RetryBudgetSettings) -> Balance:
    trickle = max(now_s - balance.at_s, 0.0) * settings.per_second
    return Balance(min(balance.left + trickle + extra, settings.capacity), max(now_s, balance.at_s))
