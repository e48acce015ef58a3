"""Prices from somewhere newer or wider than the catalog: the table of genai-prices, which Pydantic keeps.

It is an extra, ``prices``. The table that comes with the package is read, and nothing is fetched, unless a program has
asked for that itself with the package's own ``UpdatePrices``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

from llm_manager.adapters.price_sheets import price_of_model
from llm_manager.domain.catalog import FAMILIES, Price, ProviderFacts
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.model_names import named_models
from llm_manager.domain.models import MODELS, listed_facts
from llm_manager.domain.providers import providers_of
from llm_manager.domain.settings import ModelSettings

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

_THEIR_NAMES: Final[Mapping[str, str]] = {"gemini": "google", "xai": "x-ai"}
"""What they call a provider otherwise than we do."""


def priced(config: LLMConfig, *names: str, on: date) -> LLMConfig:
    """*config* with the prices of genai-prices as they were, or are, *on* that day, and those known to follow.

    They are those of the catalog's models, of every model that *config* or one of its chains names, and of *names*:
    ``provider/model``, or any other name of a model that a request can have. Prices that *config* states itself are
    kept, and what is not in the table stays as it was. As in the catalog, they have the higher rates of long prompts,
    those of an hour in a cache and of other classes of service, and the catalog's factors of regions. Without the extra
    ``prices`` it raises ``ImportError``.
    """
    wanted = dict.fromkeys(_named(config, names))
    found = ((f"{provider.name}/{model}", _price(provider, model, on)) for provider, model in wanted)
    listed = {name: price for name, price in found if price is not None}
    return replace(config, prices={**listed, **config.prices})


def _named(config: LLMConfig, names: tuple[str, ...]) -> Iterator[tuple[ProviderFacts, str]]:
    chained = (name for chain in config.routing.chains.values() for name in chain)
    for name in (*MODELS, *FAMILIES, *config.models, *chained, *names):
        yield from named_models(name, config.models.get(name, ModelSettings()), providers_of(config))


def _price(provider: ProviderFacts, model: str, day: date) -> Price | None:
    """What the table says of *model*, under this name or another that the catalog has for it; None if it does not know
    it or states no price for tokens."""
    listed = listed_facts(provider, model)
    for name in dict.fromkeys((model, model if listed is None else listed.name)):
        found = _model(_THEIR_NAMES.get(provider.name, provider.name), name)
        price = None if found is None else price_of_model(found, day)
        if price is not None:
            regions = () if listed is None or listed.price is None else listed.price.regions
            return replace(price, regions=regions, then=tuple(replace(each, regions=regions) for each in price.then))
    return None


def _model(provider: str, model: str) -> ModelInfo | None:
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415  # an extra, and slow to import

    try:
        return get_snapshot().find_provider_model(model, None, provider, None)[1]
    except LookupError:
        return None
