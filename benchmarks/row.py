"""One line of the table, and how figures are measured beside each other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

ROUNDS = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured: median and spread (slowest less fastest), the most it should be, and how it compares.

    *ratio* is to the median of the peer that is named in *peer*, measured in the same run, and *most* what it may be.
    """

    name: str
    unit: str
    median: float
    spread: float
    target: float | None = None
    peer: str = ""
    ratio: float | None = None
    most: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        if self.most is not None and self.ratio is not None:
            return "met" if self.ratio <= self.most else f"MISSED: at most {self.most:g} x"
        if self.target is None:
            return ""
        return "met" if self.median <= self.target else f"MISSED by {self.median / self.target - 1:.0%}"


def row(
    name: str,
    unit: str,
    figures: list[float],
    target: float | None = None,
    peer: Row | None = None,
    most: float | None = None,
) -> Row:
    """The row of several measurements, beside *peer*."""
    median = statistics.median(figures)
    spread = max(figures) - min(figures)
    line = Row(name=name, unit=unit, median=median, spread=spread, target=target)
    if peer is None:
        return line
    ratio = median / peer.median
    return Row(
        name=name, unit=unit, median=median, spread=spread, target=target, peer=peer.name, ratio=ratio, most=most
    )


async def us_a_call(calls: Mapping[str, Callable[[], Awaitable[object]]], count: int) -> dict[str, list[float]]:
    """Microseconds of this process's CPU a call for each of *calls*: in every round each has its turn, so that a busy
    moment hurts all."""
    figures: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            started = time.process_time()
            for _ in range(count):
                await call()
            figures[name].append((time.process_time() - started) / count * 1e6)
    return figures
