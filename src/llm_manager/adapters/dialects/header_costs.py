"""What an answer cost, as a gateway says in a header of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from llm_manager.domain.response import ReportedCost, UnknownCost, Usage

_COSTS: Final = ("x-litellm-response-cost",)
"""US dollars (LiteLLM proxy 1.108, seen on 2026-11-30)."""

_MOST_USD: Final = 1e9


def with_cost(usage: Usage, headers: Mapping[str, str]) -> Usage:
    """*usage* with the cost that *headers* tell where it tells none itself. A cost of 0 is that of a model whose price
    the gateway does not know.

    >>> with_cost(Usage(), {"x-litellm-response-cost": "0.0125"}).cost
    ReportedCost(usd=0.0125)
    """
    if not isinstance(usage.cost, UnknownCost):
        return usage
    told = next((cost for name in _COSTS if (cost := _usd(headers.get(name)))), None)
    return usage if told is None else replace(usage, cost=ReportedCost(told))


def _usd(text: str | None) -> float | None:
    try:
        usd = float(text or "")
    except ValueError:
        return None
    return usd if math.isfinite(usd) and 0 < usd <= _MOST_USD else None
