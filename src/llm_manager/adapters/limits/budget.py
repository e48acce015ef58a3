"""A budget inside this process, shared by all that runs in one context."""

from __future__ import annotations

from typing import final

from returns.result import Failure, Success

from llm_manager.domain.errors import BudgetExceeded
from llm_manager.domain.outcome import Outcome
from llm_manager.policies import spending


@final
class MemoryBudget:
    """At most *limit_usd* from now on."""

    __slots__ = ("_spending",)

    def __init__(self, limit_usd: float) -> None:
        self._spending = spending.Spending(limit_usd)

    async def reserve(self, worst_usd: float, /) -> Outcome[None, BudgetExceeded]:
        """Speak for *worst_usd*, or say that it is not there."""
        self._spending, enough = spending.reserve(self._spending, worst_usd)
        now = self._spending
        return Success(None) if enough else Failure(BudgetExceeded(now.limit_usd, now.taken_usd))

    async def settle(self, worst_usd: float, used_usd: float, /) -> None:
        """Put *used_usd* in the place of what was reserved."""
        self._spending = spending.settle(self._spending, worst_usd, used_usd)

    async def spent_usd(self) -> float:
        """What has been spent so far."""
        return self._spending.spent_usd
