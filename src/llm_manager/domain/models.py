"""The models we know: window, longest answer, prices, ends, and what they can do and refuse.

They are in ``catalog_data.jsonl`` beside this module, which ``make catalog`` writes from pinned sources and an overlay
of corrections (``tools/catalog``): a line for what holds for all models, and one for each. The file is read when a
model is first asked for, and a line when its model is. A model without a line is usable, its price unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pkgutil import get_data
from typing import Any, Final, TypeAlias, cast

from llm_manager.domain.catalog import PROVIDERS, Capability, LongRates, ModelFacts, Price, ProviderFacts
from llm_manager.domain.dated_names import undated

FILE: Final = "catalog_data.jsonl"

_Row: TypeAlias = dict[str, Any]

PLAIN: Final = ("openai", "anthropic", "gemini", "groq")
"""The vendors whose models are known by their names alone; those of others are ``provider/model``."""


@cache
def _text() -> str:
    """The file. A line is looked for in it when it is wanted: that is faster than to index it for the few that are."""
    return cast("bytes", get_data("llm_manager.domain", FILE)).decode()


@cache
def _head() -> _Row:
    return cast("_Row", json.loads(_text().partition("\n")[0]))


def _row_of(name: str) -> _Row | None:
    """The row of ``provider/model``."""
    text, key = _text(), f"\n{name}\t"
    start = text.find(key)
    return None if start < 0 else json.loads(text[start + len(key) : text.index("\n", start + 1)])


def is_loaded() -> bool:
    """Has the file been read?"""
    return _text.cache_info().currsize > 0


def catalog_day() -> str:
    """The day of the catalog, as ``YYYY-MM-DD``: the prices in force on it come first."""
    return cast("str", _head()["as_of"])


def listed_facts(provider: ProviderFacts, model: str) -> ModelFacts | None:
    """What is listed of *model* at *provider*: under its name, its name without a date, or another name for it."""
    return next((facts for name in _spellings(provider.name, model) if (facts := _read(provider, name))), None)


def guessed_facts(provider: ProviderFacts, model: str) -> ModelFacts | None:
    """What can be guessed of *model* from the model that stands for its family: the longest beginning decides.

    What it can do and what it refuses is guessed; its window, its price and its end are not, for they change within
    families. None where *provider* has no such family.
    """
    families = cast("Mapping[str, str]", _head()["families"].get(provider.name, {}))
    prefix = max((each for each in families if model.startswith(each)), key=len, default=None)
    like = None if prefix is None else _read(provider, families[prefix])
    if like is None:
        return None
    return ModelFacts(
        name=model,
        provider=provider.name,
        capabilities=like.capabilities,
        guessed_from=like.name,
        unsupported=like.unsupported,
        reasons_with_tools=like.reasons_with_tools,
        typical_latency_ms=like.typical_latency_ms,
    )


def _spellings(provider: str, model: str) -> Iterator[str]:
    """*model*, and what it may stand for at *provider*, the nearest first."""
    aliases = cast("Mapping[str, str]", _head()["aliases"].get(provider, {}))
    for name in dict.fromkeys((model, undated(model), undated(model).removesuffix("-latest"))):
        yield name
        if name in aliases:
            yield aliases[name]


def _read(provider: ProviderFacts, name: str) -> ModelFacts | None:
    return _facts(provider.name, provider.capabilities, name)


@lru_cache(maxsize=4096)
def _facts(provider: str, capabilities: frozenset[Capability], name: str) -> ModelFacts | None:
    row = _row_of(f"{provider}/{name}")
    return None if row is None else _facts_of_row(provider, capabilities, name, row)


def _facts_of_row(provider: str, capabilities: frozenset[Capability], name: str, row: _Row) -> ModelFacts:
    kind = row.get("kind", "chat")
    return ModelFacts(
        name=name,
        provider=provider,
        capabilities=(capabilities | set(row.get("can", ()))) - set(row.get("lacks", ()))
        if kind == "chat"
        else frozenset(),
        window_tokens=row.get("window"),
        max_prompt_tokens=row.get("max_prompt"),
        max_output_tokens=row.get("max_answer"),
        price=_dated_price(row) if "price" in row else None,
        ends_on=row.get("ends"),
        successor=row.get("successor"),
        kind=kind,
        batch_cached_factor=row["price"].get("batch_cached") if "price" in row else None,
        unsupported=frozenset(row.get("refuses", ())),
        reasons_with_tools=not row.get("idle_with_tools", False),
        typical_latency_ms=row.get("latency_ms"),
    )


def _dated_price(row: _Row) -> Price:
    source = _head()["sources"][row["price_from"]]
    price, whence = row["price"], {"as_of": source["date"], "source": source["name"]}
    tiers = {name: {"service_tiers": frozenset({name})} for name in price.get("services", ())}
    regions = tuple((name, factor) for name, factor in price.get("regions", {}).items())
    return _price(
        price,
        **whence,
        services=tuple(_price(each, **tiers[name], **whence) for name, each in price.get("services", {}).items()),
        regions=regions,
        then=tuple(
            _price(each, from_day=day, regions=regions, **whence) for day, each in price.get("then", {}).items()
        ),
    )


def _price(row: _Row, **fields: Any) -> Price:
    long = tuple(LongRates(above_tokens=int(above), **_rates(rates)) for above, rates in row.get("long", {}).items())
    return Price(long=long, **_rates(row), **fields)


def _rates(row: _Row) -> dict[str, Any]:
    named = {field: row[key] for key, field in _RATES.items() if key in row}
    return {"completion_usd": 0.0, **named}  # an embedding model completes nothing, and no rate is listed for it


_RATES: Final[Mapping[str, str]] = {
    "prompt": "prompt_usd",
    "completion": "completion_usd",
    "cached": "cached_usd",
    "write": "cache_write_usd",
    "hour": "cache_hour_usd",
    "reasoning": "reasoning_usd",
}


class _Models(Mapping[str, ModelFacts]):
    """Every listed model of a provider that we know, by the name that a request has for it."""

    __slots__ = ()

    def __getitem__(self, name: str) -> ModelFacts:
        """The facts of *name*, read if this is the first time."""
        provider, model = _names()[name]
        return cast("ModelFacts", _read(PROVIDERS[provider], model))

    def __iter__(self) -> Iterator[str]:
        """The names, by vendor."""
        return iter(_names())

    def __len__(self) -> int:
        """How many there are."""
        return len(_names())

    def __contains__(self, name: object) -> bool:
        """Is there such a model?"""
        return name in _names()


@cache
def _names() -> Mapping[str, tuple[str, str]]:
    names = (line.partition("\t")[0] for line in _text().splitlines()[1:])
    split = (name.partition("/") for name in names)
    return {
        model if provider in PLAIN else f"{provider}/{model}": (provider, model)
        for provider, _, model in split
        if provider in PROVIDERS
    }


MODELS: Final[Mapping[str, ModelFacts]] = _Models()
