"""Chance that belongs to what it decides: a number for a seed and a name, and not the next one of a sequence.

The rule of this room: no draw depends on another. The second try of call 17 on a model meets the same luck whatever
the settings made of the sixteen calls before it, so two configurations are compared on the same day, and the order in
which an event loop runs its tasks decides nothing.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import final

_WHOLE = 2**64

_P95 = 1.6448536269514722
"""The normal distribution's 95th percentile, in standard deviations."""


def chance(seed: int, *names: str | int) -> float:
    """A number in [0, 1) that *seed* gives to what is called *names*.

    >>> chance(7, "a") == chance(7, "a"), chance(7, "a") == chance(7, "b"), chance(7, "a") == chance(8, "a")
    (True, False, False)
    """
    text = "|".join(map(str, (seed, *names)))
    return (int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 11) / (
        _WHOLE >> 11
    )


def gap_s(part: float, per_second: float) -> float:
    """The pause between two arrivals that come at random, *per_second* of them on average (a Poisson process)."""
    return -math.log1p(-part) / per_second


def skewed(one: float, other: float, median: float, p95: float) -> float:
    """A draw from the log-normal distribution with this *median* and 95th percentile, from two numbers in [0, 1).

    >>> skewed(0.3, 0.3, 2.0, 2.0)
    2.0
    """
    normal = math.sqrt(-2.0 * math.log1p(-one)) * math.cos(2.0 * math.pi * other)  # Box and Muller, 1958
    return median * math.exp(math.log(p95 / median) / _P95 * normal)


@final
class CallRandom:
    """The :class:`~llm_manager.ports.Random` of one call."""

    __slots__ = ("_call", "_drawn", "_seed")

    def __init__(self, seed: int, call: int) -> None:
        self._seed = seed
        self._call = call
        self._drawn = 0

    def random(self) -> float:
        """A number in [0, 1)."""
        self._drawn += 1
        return chance(self._seed, "call", self._call, self._drawn)
