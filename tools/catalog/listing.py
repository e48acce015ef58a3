"""What one source says of one model, and the prices in it."""

from __future__ import annotations

from dataclasses import dataclass, field

RATES = ("prompt", "completion", "cached", "write", "hour", "reasoning")
"""The rates of a price, as the catalog calls them: US dollars for a million tokens."""

Rates = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """One price: its rates, and those of prompts of more than so many tokens."""

    rates: Rates
    long: dict[int, Rates] = field(default_factory=dict[int, Rates])


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What one source says of one model; None and what is missing is not said.

    *sheets* are the prices by the day from which they hold, "" for the first; *services* those of other classes of
    service, by their name. *batch_cached* is what part of the standard price a cached token costs in a batch.
    """

    kind: str | None = None
    window: int | None = None
    max_prompt: int | None = None
    max_answer: int | None = None
    vision: bool | None = None
    tools: bool | None = None
    json_schema: bool | None = None
    sheets: dict[str, Sheet] = field(default_factory=dict[str, Sheet])
    services: dict[str, Sheet] = field(default_factory=dict[str, Sheet])
    regions: dict[str, float] = field(default_factory=dict[str, float])
    batch_cached: float | None = None
    ends: str | None = None
    successor: str | None = None
    reasons: bool = False
    idles: bool | None = None
    idles_by_default: bool = False
    samples: bool | None = None
    forced_tools: bool | None = None


Listings = dict[str, dict[str, Listing]]
"""By provider and model, as the catalog calls them."""
