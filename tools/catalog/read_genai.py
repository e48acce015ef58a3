"""genai-prices: prices by day, of long prompts, of hour writes, and of other classes of service.

A model is looked up by what the table says in full (a name, or a pattern of its dates): what it matches by the
beginning of a name may be an older model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from catalog.listing import Listing, Listings, Rates, Sheet

PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gemini",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "x-ai": "xai",
    "cerebras": "cerebras",
    "together": "together",
    "fireworks": "fireworks",
}

_UNITS = {
    "prompt": "input_mtok",
    "completion": "output_mtok",
    "cached": "cache_read_mtok",
    "write": "cache_write_mtok",
    "hour": "cache_write_1h_mtok",
}


def read_genai(names: dict[str, set[str]], as_of: str) -> Listings:
    """The prices of the models *names*, those in force on *as_of* and those that follow."""
    from genai_prices.data import providers  # noqa: PLC0415  # of the pinned copy, once it can be found

    day = date.fromisoformat(as_of)
    listings: Listings = {}
    for provider in providers:
        ours = PROVIDERS.get(provider.id)
        if ours is not None:
            found = {name: _match(provider.models, name) for name in sorted(names[ours])}
            listings[ours] = {name: _listing(model, day) for name, model in found.items() if model is not None}
    return listings


def _match(models: Iterable[Any], name: str) -> Any | None:
    return next((each for each in models if each.id == name or says_in_full(each.match, name)), None)


def says_in_full(clause: Any, name: str) -> bool:
    """Does *clause* name *name*, or match the whole of it?"""
    for each in getattr(clause, "or_", None) or [clause]:
        if getattr(each, "equals", None) == name:
            return True
        pattern = getattr(each, "regex", None)
        if pattern is not None and pattern.startswith("^") and pattern.endswith("$") and re.match(pattern, name):
            return True
    return False


def _listing(model: Any, day: date) -> Listing:
    sheets = _sheets(model.prices, day)
    if not sheets:
        return Listing()
    noon = datetime.combine(day, time(12), UTC)
    by_one = [each.when for each in model.price_variants or () if len(each.when) == 1]
    whens = {str(next(iter(when.values()))): when for when in by_one}
    variants = {name: _sheet(model.get_prices(noon, when)) for name, when in whens.items()}
    standard, batch = sheets[""].rates.get("cached"), variants.pop("batch", None)
    standard_ones = (None, sheets[""])
    services = {name: sheet for name, sheet in variants.items() if name != "default" and sheet not in standard_ones}
    factor = round(batch.rates["cached"] / standard, 6) if batch is not None and standard else None
    return Listing(sheets=sheets, services=services, batch_cached=factor)


def _sheets(prices: Any, day: date) -> dict[str, Sheet]:
    """The price in force on *day* under "", and later ones; none where the hour decides."""
    if hasattr(prices, "input_mtok"):  # one price, and not a list of them
        only = _sheet(prices)
        return {} if only is None else {"": only}
    rows: list[Any] = prices
    if any(hasattr(each.constraint, "start_time") for each in rows):
        return {}
    dated = {getattr(each.constraint, "start_date", date.min): _sheet(each.prices) for each in rows}
    now = dated[max(start for start in dated if start <= day)]
    later = {start.isoformat(): sheet for start, sheet in sorted(dated.items()) if start > day and sheet is not None}
    return {} if now is None else {"": now, **later}


def _sheet(prices: Any) -> Sheet | None:
    lists = {name: getattr(prices, unit, None) for name, unit in _UNITS.items()}
    rates = _rates(lists, 0)
    if not {"prompt", "completion"} <= rates.keys():
        return Sheet(rates={**rates, "completion": 0.0}) if rates.keys() == {"prompt"} else None
    starts = sorted({tier.start for each in lists.values() for tier in getattr(each, "tiers", ())})
    return Sheet(rates=rates, long={start: _rates(lists, start) for start in starts})


def _rates(lists: dict[str, Any], above: int) -> Rates:
    found = {name: _usd(each, above) for name, each in lists.items()}
    return {name: usd for name, usd in found.items() if usd is not None}


def _usd(listed: Any, above: int = 0) -> float | None:
    if listed is None or isinstance(listed, Decimal):
        return None if listed is None else float(listed)
    reached = [tier for tier in listed.tiers if tier.start <= above]
    return float(max(reached, key=lambda tier: tier.start).price if reached else listed.base)
