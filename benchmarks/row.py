"""One line of the table, and how a figure is measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

ROUNDS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured, the median and the spread (slowest less fastest) of it, and the most it should be."""

    name: str
    unit: str
    median: float
    spread: float
    target: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        if self.target is None:
            return ""
        return "met" if self.median <= self.target else f"MISSED by {self.median / self.target - 1:.0%}"


def row(name: str, unit: str, figures: list[float], target: float | None = None) -> Row:
    """The row of several measurements."""
    spread = max(figures) - min(figures)
    return Row(name=name, unit=unit, median=statistics.median(figures), spread=spread, target=target)


async def us_a_call(call: Callable[[], Awaitable[object]], calls: int) -> list[float]:
    """Microseconds a call, several rounds."""
    figures: list[float] = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(calls):
            await call()
        figures.append((time.perf_counter() - started) / calls * 1e6)
    return figures
