"""What the day decides: the price in force, and whether a vendor still serves a model.

Days are ``YYYY-MM-DD``, in UTC.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from llm_manager.domain.errors import ModelUnavailable
from llm_manager.domain.models import listed_facts
from llm_manager.domain.target import Target
from llm_manager.policies.pricing import price_on

_DAY_S: Final = 24 * 3600
_MOST_STEPS: Final = 8


@lru_cache(maxsize=16)
def _day(days: int) -> str:
    return date.fromordinal(_EPOCH + days).isoformat()


_EPOCH: Final = datetime.fromtimestamp(0, UTC).date().toordinal()


def day_of(unix_s: float) -> str:
    """The day of a moment in seconds since 1970.

    >>> day_of(0.0), day_of(1_796_083_200.0)
    ('1970-01-01', '2026-12-01')
    """
    return _day(int(unix_s // _DAY_S))


def on_day(target: Target, day: str | None) -> Target:
    """*target* with the price in force on *day*; as it is without one."""
    price = target.facts.price
    if day is None or price is None or not price.then:
        return target
    return replace(target, facts=replace(target.facts, price=price_on(price, day)))


def ended(target: Target, day: str | None) -> ModelUnavailable | None:
    """Why *target* cannot be asked on *day*: its vendor has ended the model."""
    facts = target.facts
    if day is None or facts.ends_on is None or day < facts.ends_on:
        return None
    current = current_name(target, day)
    instead = "" if current is None else f"; {target.provider.name} names {current} in its place"
    return ModelUnavailable(target.model, f"{target.provider.name} ended it on {facts.ends_on}{instead}")


def current_name(target: Target, day: str) -> str | None:
    """The first of the models that the vendor names in place of *target*'s, one after the other, that has not ended by
    *day* itself."""
    provider, name = target.provider, target.facts.successor
    for _ in range(_MOST_STEPS):
        facts = None if name is None else listed_facts(provider, name)
        if facts is None or facts.ends_on is None or day < facts.ends_on:
            return name
        name = facts.successor
    return None
