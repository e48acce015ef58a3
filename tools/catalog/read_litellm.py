"""litellm's table: ends, capabilities, refusals, and prices where genai-prices has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from catalog.listing import Listing, Listings, Rates, Sheet

FILE = "litellm/model_prices_and_context_window_backup.json"

PROVIDERS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "groq": "groq",
    "mistral": "mistral",
    "deepseek": "deepseek",
    "xai": "xai",
    "cerebras": "cerebras",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
}
"""What the catalog calls theirs."""

KINDS = {"chat": "chat", "responses": "chat", "embedding": "embedding"}

_COSTS = {
    "input_cost_per_token": "prompt",
    "output_cost_per_token": "completion",
    "cache_read_input_token_cost": "cached",
    "cache_creation_input_token_cost": "write",
    "cache_creation_input_token_cost_above_1hr": "hour",
    "output_cost_per_reasoning_token": "reasoning",
}

_NO_MODEL = ("ft:", "together-ai-", "openai/container")
"""How names begin that are of no model, but of what its tuned copies or any of its size cost."""


def read_litellm(folder: Path) -> Listings:
    """By provider and model, all that are asked by text; one without a prefix goes before its twin with one."""
    table: dict[str, dict[str, Any]] = json.loads((folder / FILE).read_text(encoding="utf-8"))
    listings: Listings = {provider: {} for provider in PROVIDERS.values()}
    for name, row in table.items():
        provider = PROVIDERS.get(row.get("litellm_provider", ""))
        kind = KINDS.get(row.get("mode", ""))
        if provider is None or kind is None or name.startswith(_NO_MODEL):
            continue
        model = name.removeprefix(f"{row['litellm_provider']}/")
        listings[provider].setdefault(model, listing_of(row, kind))
    return listings


def listing_of(row: dict[str, Any], kind: str) -> Listing:
    """What *row* says. Its ``max_input_tokens`` is a window here and the bound of a prompt there: see ``build``."""
    standard = _rates(row, "")
    long = {tokens: rates for tokens in _LONG if (rates := _rates(row, f"_above_{tokens // 1000}k_tokens"))}
    sheet = Sheet(rates=standard, long={tokens: {**standard, **rates} for tokens, rates in long.items()})
    return Listing(
        kind=kind,
        max_prompt=_count(row.get("max_input_tokens")),
        max_answer=_count(row.get("max_output_tokens")),
        vision=row.get("supports_vision"),
        tools=row.get("supports_function_calling"),
        json_schema=row.get("supports_response_schema"),
        sheets={"": sheet} if "prompt" in standard else {},
        regions=_regions(row),
        batch_cached=_batch_cached(row),
        ends=row.get("deprecation_date"),
        successor=_bare(row.get("successor_model")),
        reasons=bool(row.get("supports_reasoning")),
        idles=row.get("supports_none_reasoning_effort"),
        idles_by_default=row.get("default_reasoning_effort") == "none",
        samples=row.get("supports_sampling_params"),
        forced_tools=row.get("supports_forced_tool_use"),
    )


_LONG = (128_000, 200_000, 272_000)


def _rates(row: dict[str, Any], suffix: str) -> Rates:
    found = {ours: row.get(f"{theirs}{suffix}") for theirs, ours in _COSTS.items()}
    rates = {name: round(float(usd) * 1_000_000, 9) for name, usd in found.items() if usd is not None}
    return {name: usd for name, usd in rates.items() if usd or name in ("prompt", "completion")}


def _regions(row: dict[str, Any]) -> dict[str, float]:
    prefix = "regional_processing_uplift_multiplier_"
    regions = {name.removeprefix(prefix): float(by) for name, by in row.items() if name.startswith(prefix)}
    named = row.get("provider_specific_entry", {})
    return {**regions, "us": float(named["us"])} if "us" in named else regions


def _batch_cached(row: dict[str, Any]) -> float | None:
    standard, batch = row.get("cache_read_input_token_cost"), row.get("cache_read_input_token_cost_batches")
    return round(batch / standard, 6) if standard and batch else None


def _count(value: object) -> int | None:
    return int(value) if isinstance(value, int | float | str) and str(value).isdigit() and int(value) > 0 else None


def _bare(name: str | None) -> str | None:
    """*name* without the provider in front of it, which is the same as of the model that it follows."""
    return None if name is None else name.rpartition("/")[2] if name.split("/")[0] in PROVIDERS else name
