"""Prices from somewhere newer or wider than the catalog: the table of genai-prices, which Pydantic keeps.

It is an extra, ``prices``. The table that comes with the package is read, and nothing is fetched, unless a program has
asked for that itself with the package's own ``UpdatePrices``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from llm_manager.domain.catalog import FAMILIES, LongRates, Price
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.model_names import named_models
from llm_manager.domain.models import MODELS
from llm_manager.domain.settings import ModelSettings

if TYPE_CHECKING:
    from genai_prices.types import Tier, TieredPrices

    _Listed: TypeAlias = Decimal | TieredPrices | None

_THEIR_NAMES: Final[Mapping[str, str]] = {"gemini": "google"}
"""What they call a provider otherwise than we do."""


def priced(config: LLMConfig, *names: str, on: date) -> LLMConfig:
    """*config* with the prices of genai-prices as they were, or are, *on* that day.

    They are those of the catalog's models, of every model that *config* or one of its chains names, and of *names*:
    ``provider/model``, or any other name of a model that a request can have. Prices that *config* states itself are
    kept, and what is not in the table stays as it was. As in the catalog, they are those of standard service, with the
    dearer ones of long prompts. Without the extra ``prices`` it raises ``ImportError``.
    """
    wanted = dict.fromkeys(_named(config, names))
    found = ((name, _price(name, on)) for name in wanted)
    listed = {name: price for name, price in found if price is not None}
    return replace(config, prices={**listed, **config.prices})


def _named(config: LLMConfig, names: tuple[str, ...]) -> Iterator[str]:
    chained = (name for chain in config.routing.chains.values() for name in chain)
    for name in (*MODELS, *FAMILIES, *config.models, *chained, *names):
        for provider, model in named_models(name, config.models.get(name, ModelSettings())):
            yield f"{provider.name}/{model}"


def _price(name: str, day: date) -> Price | None:
    """What the table says of ``provider/model``, None if it does not know it or states no price for tokens."""
    from genai_prices import Usage, __version__, calc_price  # noqa: PLC0415  # an extra, and slow to import

    provider, _, model = name.partition("/")
    theirs = _THEIR_NAMES.get(provider, provider)
    noon = datetime.combine(day, time(12), UTC)
    try:
        listed = calc_price(Usage(), model, provider_id=theirs, genai_request_timestamp=noon).model_price
    except LookupError:
        return None
    prompt_usd, completion_usd = _usd(listed.input_mtok), _usd(listed.output_mtok)
    if prompt_usd is None or completion_usd is None:
        return None
    lists = (listed.input_mtok, listed.output_mtok, listed.cache_read_mtok, listed.cache_write_mtok)
    starts = sorted({tier.start for each in lists for tier in _tiers(each)})
    return Price(
        prompt_usd=prompt_usd,
        completion_usd=completion_usd,
        cached_usd=_usd(listed.cache_read_mtok),
        cache_write_usd=_usd(listed.cache_write_mtok),
        long=tuple(
            LongRates(
                above_tokens=start,
                prompt_usd=_usd(listed.input_mtok, start) or 0.0,
                completion_usd=_usd(listed.output_mtok, start) or 0.0,
                cached_usd=_usd(listed.cache_read_mtok, start),
                cache_write_usd=_usd(listed.cache_write_mtok, start),
            )
            for start in starts
        ),
        as_of=day.isoformat(),
        source=f"genai-prices {__version__}",
    )


def _tiers(listed: _Listed) -> Sequence[Tier]:
    return () if listed is None or isinstance(listed, Decimal) else listed.tiers


def _usd(listed: _Listed, above_tokens: int = 0) -> float | None:
    """What is listed for prompts of more than *above_tokens*."""
    if listed is None or isinstance(listed, Decimal):
        return None if listed is None else float(listed)
    reached = [tier for tier in listed.tiers if tier.start <= above_tokens]
    return float(max(reached, key=lambda tier: tier.start).price if reached else listed.base)
