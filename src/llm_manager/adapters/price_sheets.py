"""A price of this library from one model of genai-prices: days, long prompts, hour writes, classes of service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from llm_manager.domain.catalog import LongRates, Price

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

    _Listed: TypeAlias = Decimal | TieredPrices | None

_UNITS: Final[Mapping[str, str]] = {
    "prompt_usd": "input_mtok",
    "completion_usd": "output_mtok",
    "cached_usd": "cache_read_mtok",
    "cache_write_usd": "cache_write_mtok",
    "cache_hour_usd": "cache_write_1h_mtok",
}
"""Our rates, and what they call them."""

_OUR_OWN: Final = frozenset({"default", "batch"})
"""Classes of service that the standard price is for, or which has a factor of its own here."""


def price_of_model(model: ModelInfo, day: date) -> Price | None:
    """What *model* costs on *day*, and from the days on that follow; None if no price for tokens is stated."""
    price = max(filter(None, (_price(each, day) for each in _hours(model, day))), key=_prompt_usd, default=None)
    if price is None:
        return None
    return replace(price, services=tuple(_services(model, day)), then=tuple(_successors(model, day)))


def _prompt_usd(price: Price) -> float:
    return price.prompt_usd


def _hours(model: ModelInfo, day: date) -> Iterator[ModelPrice]:
    """What holds at the hours of *day*: the highest of them bounds what a request costs."""
    prices = model.prices if isinstance(model.prices, list) else []
    starts = [getattr(each.constraint, "start_time", None) for each in prices]
    for each in (time(12, tzinfo=UTC), *(start for start in starts if isinstance(start, time))):
        yield model.get_prices(datetime.combine(day, each))


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _successors(model: ModelInfo, day: date) -> Iterator[Price]:
    if not isinstance(model.prices, list):
        return
    for start in sorted({_start(each.constraint) for each in model.prices}):
        price = _price(model.get_prices(_noon(start)), day) if start > day else None
        if price is not None:
            yield replace(price, from_day=start.isoformat())


def _start(constraint: object) -> date:
    found = getattr(constraint, "start_date", None)
    return found if isinstance(found, date) else date.min


def _services(model: ModelInfo, day: date) -> Iterator[Price]:
    """The prices of other classes of service that are told by one word."""
    whens = {next(iter(each.when.values())): each.when for each in model.price_variants or () if len(each.when) == 1}
    standard = model.get_prices(_noon(day))
    for name in sorted(whens.keys() - _OUR_OWN):
        listed = model.get_prices(_noon(day), whens[name])
        price = None if listed == standard else _price(listed, day)
        if price is not None:
            yield replace(price, service_tiers=frozenset({name}))


def _price(listed: ModelPrice, day: date) -> Price | None:
    from genai_prices import __version__  # noqa: PLC0415  # an extra, and slow to import

    rates = _rates(listed)
    prompt_usd, completion_usd = rates["prompt_usd"], rates["completion_usd"]
    if prompt_usd is None or completion_usd is None:
        return None
    return Price(
        prompt_usd=prompt_usd,
        completion_usd=completion_usd,
        cached_usd=rates["cached_usd"],
        cache_write_usd=rates["cache_write_usd"],
        cache_hour_usd=rates["cache_hour_usd"],
        long=tuple(_long(listed, start) for start in _starts(listed)),
        as_of=day.isoformat(),
        source=f"genai-prices {__version__}",
    )


def _long(listed: ModelPrice, above_tokens: int) -> LongRates:
    rates = _rates(listed, above_tokens)
    return LongRates(
        above_tokens=above_tokens,
        prompt_usd=rates["prompt_usd"] or 0.0,
        completion_usd=rates["completion_usd"] or 0.0,
        cached_usd=rates["cached_usd"],
        cache_write_usd=rates["cache_write_usd"],
        cache_hour_usd=rates["cache_hour_usd"],
    )


def _starts(listed: ModelPrice) -> list[int]:
    lists: list[_Listed] = [getattr(listed, unit) for unit in _UNITS.values()]
    return sorted(
        {tier.start for each in lists if each is not None and not isinstance(each, Decimal) for tier in each.tiers}
    )


def _rates(listed: ModelPrice, above_tokens: int = 0) -> dict[str, float | None]:
    return {name: _usd(getattr(listed, unit), above_tokens) for name, unit in _UNITS.items()}


def _usd(listed: _Listed, above_tokens: int = 0) -> float | None:
    """What is listed for prompts of more than *above_tokens*."""
    if listed is None or isinstance(listed, Decimal):
        return None if listed is None else float(listed)
    reached = [tier for tier in listed.tiers if tier.start <= above_tokens]
    return float(max(reached, key=lambda tier: tier.start).price if reached else listed.base)
