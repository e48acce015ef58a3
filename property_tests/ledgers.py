"""What is in a bucket, reckoned from its ledger alone: the plain model of everything that fills with time.

The rule: nothing is carried from one question to the next. A bucket of *capacity* that fills at *rate* is a process
held below a barrier, and what has overflowed by now is the most that it would ever have stood above it without one
(A. V. Skorokhod, "Stochastic equations for diffusion processes in a bounded region", 1961). All in fractions: exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Ledger:
    """A bucket that began full at moment 0; *entries* are (moment, put in, or taken where negative), in order."""

    capacity: Fraction
    rate: Fraction
    entries: list[tuple[Fraction, Fraction]] = field(default_factory=list[tuple[Fraction, Fraction]])

    def enter(self, at_s: float, amount: float) -> None:
        """*amount* was put in, or taken."""
        self.entries.append((Fraction(at_s), Fraction(amount)))

    def level(self, at_s: float) -> Fraction:
        """What is in it at *at_s*, which is not before the last entry."""
        free = self.capacity
        overflow = Fraction(0)
        before_s = Fraction(0)
        for moment_s, amount in (*self.entries, (Fraction(at_s), Fraction(0))):
            free += (moment_s - before_s) * self.rate
            overflow = max(overflow, free - self.capacity, free + amount - self.capacity)
            free += amount
            before_s = moment_s
        return free - overflow
