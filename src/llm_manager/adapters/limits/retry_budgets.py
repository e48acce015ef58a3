"""Retry budgets inside this process, by target."""

from __future__ import annotations

from typing import final

from llm_manager.domain.settings import RetryBudgetSettings
from llm_manager.policies import retry_budget


@final
class MemoryRetryBudgets:
    """One budget a key, full when first asked for."""

    __slots__ = ("_balances", "_settings")

    def __init__(self, settings: RetryBudgetSettings) -> None:
        self._settings = settings
        self._balances: dict[str, retry_budget.Balance] = {}

    async def spend(self, key: str, now_s: float, /) -> bool:
        """Take one retry if there is enough for it."""
        balance = self._balances.get(key) or retry_budget.full(now_s, self._settings)
        self._balances[key], enough = retry_budget.spend(balance, now_s, self._settings)
        return enough

    async def earn(self, key: str, now_s: float, /) -> None:
        """A request succeeded; a budget nobody has spent from is full already."""
        balance = self._balances.get(key)
        if balance is not None:
            self._balances[key] = retry_budget.earn(balance, now_s, self._settings)
