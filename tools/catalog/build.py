"""The catalog from what the sources say and the overlay: pure, the same from the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any

from catalog.listing import Listing, Listings, Sheet
from llm_manager.domain.catalog import PROVIDERS

Row = dict[str, Any]
"""One model as the data file holds it."""

Sources = dict[str, Listings]
"""By source: genai, litellm, models-dev, pi."""

SERVED_ONLY = frozenset({"together", "fireworks"})
"""Vendors of whom one source lists all that they ever had, by the size of the model: only what another lists counts."""

_NO_CHAT = re.compile(
    r"whisper|orpheus|(^|-)tts(-|$)|image|imagine|veo-|lyria|realtime|-live|transcribe|ocr|moderation|guard|translate"
    r"|vibe-cli|mistral-code|experimental|-beta|voxtral-mini"
)
"""What the names have of models that speak, paint or judge, and of tools that have a name as models have."""

_DATE = re.compile(r"[-@](\d{8}|\d{4}-\d{2}-\d{2}|\d{2}-\d{4}|\d{4}|\d{3})$")


def names_of(sources: Sources) -> dict[str, set[str]]:
    """The models of each provider that are chats or embeddings."""
    found: dict[str, set[str]] = {}
    for source, listings in sources.items():
        for provider, rows in listings.items():
            counts = source != "litellm" or provider not in SERVED_ONLY
            names = {name for name in rows if not _NO_CHAT.search(name)} if counts else set[str]()
            found.setdefault(provider, set()).update(names)
    return found


def build(sources: Sources, overlay: dict[str, Any]) -> dict[str, dict[str, Row]]:
    """The rows by provider and model, in order; a version that is in all like its undated model is left out."""
    names = names_of({source: listings for source, listings in sources.items() if source != "genai"})
    rules = overlay.get("rule", [])
    catalog: dict[str, dict[str, Row]] = {}
    for provider in names:
        rows = {name: _row(provider, name, sources, rules) for name in sorted(names[provider])}
        catalog[provider] = {name: row for name, row in rows.items() if not _repeats(name, rows)}
    return catalog


def _repeats(name: str, rows: dict[str, Row]) -> bool:
    undated = _DATE.sub("", name)
    return undated != name and rows.get(undated) == rows[name]


def said(sources: Sources, provider: str, name: str) -> dict[str, Listing]:
    """What each source says of one model."""
    found = {source: listings.get(provider, {}).get(name) for source, listings in sources.items()}
    return {source: listing for source, listing in found.items() if listing is not None}


def _row(provider: str, name: str, sources: Sources, rules: list[dict[str, Any]]) -> Row:
    listings = said(sources, provider, name)
    litellm = listings.get("litellm", Listing())
    listings = {**_undated(sources, provider, name), **listings}
    mine = [rule for rule in rules if _applies(rule, provider, name)]
    kind = litellm.kind or ("embedding" if "embed" in name else "chat")
    row: Row = {
        "kind": kind if kind == "embedding" else None,
        **_window(listings, litellm, mine, is_alias=name.endswith("-latest")),
        **_abilities(provider, listings, litellm, mine),
        **_price(listings, litellm, mine),
        "ends": _last(mine, "ends") or litellm.ends,
        "successor": _last(mine, "successor") or litellm.successor,
        "latency_ms": next((rule["latency_ms"] for rule in mine if "latency_ms" in rule), None),
    }
    return {key: value for key, value in row.items() if value not in (None, [], {})}


def _undated(sources: Sources, provider: str, name: str) -> dict[str, Listing]:
    """What is said of the model that *name* is a version of, by those who name few versions: its windows, and its
    prices where litellm has the same for this version."""
    found = said(sources, provider, _DATE.sub("", name))
    litellm = sources["litellm"].get(provider, {}).get(name)
    if not _same_rates(litellm, found.get("genai")):
        found.pop("genai", None)
    return {source: listing for source, listing in found.items() if source != "litellm"}


def _same_rates(one: Listing | None, other: Listing | None) -> bool:
    rates = [each.sheets[""].rates if each is not None and each.sheets else {} for each in (one, other)]
    return all(rates[0].get(name) == rates[1].get(name) for name in ("prompt", "completion")) and bool(rates[0])


def _applies(rule: dict[str, Any], provider: str, name: str) -> bool:
    excepted = name.startswith(tuple(rule.get("except", ())))
    return rule["provider"] == provider and name.startswith(tuple(rule["prefixes"])) and not excepted


def _last(rules: list[dict[str, Any]], key: str) -> Any:
    return next((rule[key] for rule in reversed(rules) if key in rule), None)


def _window(listings: dict[str, Listing], litellm: Listing, rules: list[dict[str, Any]], *, is_alias: bool) -> Row:
    """The window, the bound of a prompt and the longest answer, with where the window is from. An alias moves on, so
    the newer source is asked first for one.

    litellm has one column for the first two, so it only confirms: where its bound and the longest answer make up the
    window, the bound is one.
    """
    order = ("pi", "models-dev") if is_alias else ("models-dev", "pi")
    source = next((each for each in order if each in listings and listings[each].window), None)
    listing = listings[source] if source is not None else Listing()
    answer = listing.max_answer or listings.get("pi", Listing()).max_answer or litellm.max_answer
    window, prompt = listing.window, listing.max_prompt
    if window is None and _last(rules, "window") is not None:
        window, prompt, source = _last(rules, "window"), _last(rules, "max_prompt"), "overlay"
    if window and prompt is None and litellm.max_prompt and litellm.max_prompt + (answer or 0) == window:
        prompt = litellm.max_prompt
    return {"window": window, "max_prompt": prompt, "max_answer": answer, "window_from": source if window else None}


def _abilities(provider: str, listings: dict[str, Listing], litellm: Listing, rules: list[dict[str, Any]]) -> Row:
    """What the model lacks of what its provider can and what it can beyond that, what it refuses, and whether it must
    not think beside tools."""
    order = [listings[source] for source in ("litellm", "models-dev", "pi") if source in listings]
    told = {name: _first(order, name) for name in ("vision", "tools", "json_schema")}
    lacks = {name for name, has in told.items() if has is False}
    refuses: set[str] = set()
    if provider == "openai" and litellm.reasons and not litellm.idles_by_default:
        refuses |= {"temperature", "top_p"}
    if litellm.samples is False:
        refuses |= {"temperature", "top_p"}
    if litellm.forced_tools is False:
        refuses.add("tool_choice")
    for rule in rules:
        lacks = (lacks | set(rule.get("lacks", ()))) - set(rule.get("can", ()))
        refuses = (refuses | set(rule.get("refuses", ()))) - set(rule.get("takes", ()))
    idle_with_tools = any(rule.get("idle_with_tools") for rule in rules)
    if idle_with_tools and litellm.idles is False:
        lacks.add("tools")
    usual = PROVIDERS[provider].capabilities if provider in PROVIDERS else frozenset[str]()
    can = {name for name, has in told.items() if has} - lacks - usual
    return {
        "lacks": sorted(lacks),
        "can": sorted(can),
        "refuses": sorted(refuses),
        "idle_with_tools": idle_with_tools or None,
    }


def _first(listings: Iterable[Listing], name: str) -> bool | None:
    return next((value for each in listings if (value := getattr(each, name)) is not None), None)


def _price(listings: dict[str, Listing], litellm: Listing, rules: list[dict[str, Any]]) -> Row:
    order = dict.fromkeys((_last(rules, "price_from"), "genai", "litellm", "pi"))
    source = next((each for each in order if each in listings and listings[each].sheets), None)
    if source is None:
        return {}
    listing = listings[source]
    genai = listings.get("genai", Listing())
    batch = genai.batch_cached if genai.batch_cached is not None else litellm.batch_cached
    now, *later = sorted(listing.sheets.items())
    price: Row = {
        **_sheet(now[1]),
        "services": {name: _sheet(each) for name, each in sorted(listing.services.items())},
        "regions": dict(sorted(litellm.regions.items())),
        "then": {day: _sheet(each) for day, each in later},
        "batch_cached": batch,
    }
    return {"price": {key: value for key, value in price.items() if value not in (None, {})}, "price_from": source}


def _sheet(sheet: Sheet) -> Row:
    long = {str(above): rates for above, rates in sorted(sheet.long.items())}
    return {**sheet.rates, **({"long": long} if long else {})}


def differences(catalog: dict[str, dict[str, Row]], sources: Sources) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Where two sources give different figures: the figure, provider, model, and what each source says."""
    for provider, rows in catalog.items():
        for name in rows:
            listings = said(sources, provider, name)
            for figure, read in _FIGURES.items():
                figures = {source: read(each) for source, each in listings.items()}
                known = {source: value for source, value in figures.items() if value is not None}
                if len({repr(value) for value in known.values()}) > 1:
                    yield figure, provider, name, known


Figure = Callable[[Listing], Any]


def _rate(name: str) -> Figure:
    def read(listing: Listing) -> Any:
        return listing.sheets[""].rates.get(name) if listing.sheets else None

    return read


_FIGURES: dict[str, Figure] = {
    "prompt, US dollars a million": _rate("prompt"),
    "completion, US dollars a million": _rate("completion"),
    "cached, US dollars a million": _rate("cached"),
    "window, tokens": attrgetter("window"),
    "longest answer, tokens": attrgetter("max_answer"),
    "takes tools": attrgetter("tools"),
    "sees images": attrgetter("vision"),
    "takes a JSON schema": attrgetter("json_schema"),
}
