"""Times and rates as people write them: ``1h30m``, ``250ms``, ``2/s``."""

from __future__ import annotations

import re

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*")

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|min|m|h|d)")

TIME = 'write a time with its unit, as in "90s", "1h30m" or "250ms"'

RATE = 'write a rate with its unit, as in "2/s", "30/min" or "500/h"'


def seconds_of(text: str) -> float | None:
    """The seconds that *text* names, None if it is no time.

    >>> seconds_of("1h30m"), seconds_of("250ms"), seconds_of("-3s"), seconds_of("3")
    (5400.0, 0.25, None, None)
    """
    if not re.fullmatch(rf"\s*(?:{_PART.pattern})+", text):
        return None
    return sum(float(count) * _UNITS_S[unit] for count, unit in _PART.findall(text))


def per_second_of(text: str) -> float | None:
    """The number a second that *text* names, None if it is no rate.

    >>> per_second_of("30/min"), per_second_of("often")
    (0.5, None)
    """
    found = _RATE.fullmatch(text.strip())
    return None if found is None else float(found[1]) / _UNITS_S[found[2]]
