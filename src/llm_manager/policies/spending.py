"""A budget: money that may be spent, and what of it is spoken for by requests that are on their way.

The rule: what a request can cost at most is reserved before it is sent, so that many at once never spend more than is
there; when it is over, the reservation gives way to what it did cost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

DUST_USD = 1e-9
"""Less than this is too much only by rounding."""


@dataclass(frozen=True, slots=True)
class Spending:
    """*limit_usd* in all, of which *spent_usd* are gone and *reserved_usd* spoken for."""

    limit_usd: float
    spent_usd: float = 0.0
    reserved_usd: float = 0.0

    @property
    def taken_usd(self) -> float:
        """What is gone or spoken for."""
        return self.spent_usd + self.reserved_usd


def reserve(spending: Spending, worst_usd: float) -> tuple[Spending, bool]:
    """Speak for *worst_usd* if that much is left.

    >>> reserve(Spending(1.0, spent_usd=0.5), 0.75)
    (Spending(limit_usd=1.0, spent_usd=0.5, reserved_usd=0.0), False)
    """
    if spending.taken_usd + worst_usd > spending.limit_usd + DUST_USD:
        return spending, False
    return replace(spending, reserved_usd=spending.reserved_usd + worst_usd), True


def may_come(spending: Spending, worst_usd: float) -> bool:
    """Would *worst_usd* be there if all that is reserved were given back: is it worth waiting for?"""
    return spending.spent_usd + worst_usd <= spending.limit_usd + DUST_USD


def settle(spending: Spending, worst_usd: float, used_usd: float) -> Spending:
    """A request is over that *worst_usd* were reserved for and *used_usd* spent on, which may even be more."""
    left = max(spending.reserved_usd - worst_usd, 0.0)
    return replace(spending, reserved_usd=left, spent_usd=spending.spent_usd + used_usd)
