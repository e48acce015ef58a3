"""Not spending more than was meant to be spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar, final

from returns.result import Failure, Success

from llm_manager.domain.arguments import check_number
from llm_manager.domain.errors import BudgetExceeded, LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import UnknownCost
from llm_manager.domain.verdicts import is_ambiguous
from llm_manager.effect.context import Context, Op, Policy
from llm_manager.effect.gate import Gate
from llm_manager.effect.ongoing import Ending, Tell
from llm_manager.effect.op import effect, run
from llm_manager.policies import spending
from llm_manager.ports import Budget

A = TypeVar("A")


def within_budget(usd: float) -> Policy:
    """Let one run cost at most *usd*, in all its tries on all its models.

    What a try can cost at most is reserved before it is sent, so a run never costs more; when it is not there, nothing
    is sent and ``BudgetExceeded`` comes back. Budgets nest: the one of the context bounds this one too.
    """
    check_number(usd, "within_budget takes an amount of US dollars, 0 or more", "within_budget(0.5)")

    def around(op: Op[A], /) -> Op[A]:
        async def bounded(context: Context) -> Outcome[A, LLMError]:
            return await run(op, replace(context, budget=_Purse(usd, context.budget)))

        return effect(bounded)

    return around


def budget_gate(worst_usd: Callable[[], float | None], *, model: str) -> Gate:
    """Reserve what a run costs at most in the budget of the context, and settle on what it did cost when it is over.

    Without a budget there is nothing to do, and *worst_usd* is not asked. A cost nobody knows, of an answer or of a
    call that may have been answered and billed, is taken to be the worst. A worst of None is that of a *model* without
    a price: ``budget.unknown_prices`` decides.
    """

    async def reserve(context: Context) -> Outcome[Tell | None, LLMError]:
        budget = context.budget
        if budget is None:
            return Success(None)
        most = worst_usd()
        if most is None and context.config.budget.unknown_prices == "refuse":
            said = f"what {model} costs is not known: set its price, or budget.unknown_prices = 'allow'"
            return Failure(BudgetExceeded(None, await budget.spent_usd(), said))
        worst = most or 0.0
        reserved = await budget.reserve(worst)
        if not isinstance(reserved, Success):
            return Failure(_with_reason(reserved.failure(), model, worst))
        return Success(partial(_settle, budget, worst))

    return reserve


async def _settle(budget: Budget, worst_usd: float, ending: Ending) -> None:
    await budget.settle(worst_usd, _used_usd(ending, worst_usd))


def _with_reason(refused: BudgetExceeded, model: str, worst_usd: float) -> BudgetExceeded:
    """*refused*, saying how much was asked for: without it, nobody sees why an untouched budget is too small."""
    return replace(refused, message=refused.message or f"a try on {model} may cost {worst_usd:.4f}")


def _used_usd(ending: Ending, worst_usd: float) -> float:
    cost = None if ending.usage is None else ending.usage.cost
    if cost is not None and not isinstance(cost, UnknownCost):
        return cost.usd
    return 0.0 if ending.error is not None and not is_ambiguous(ending.error) else worst_usd


@final
class _Purse:
    """The budget of one run, inside that of its context."""

    __slots__ = ("_outer", "_spending")

    def __init__(self, limit_usd: float, outer: Budget | None) -> None:
        self._spending = spending.Spending(limit_usd)
        self._outer = outer

    async def reserve(self, worst_usd: float, /) -> Outcome[None, BudgetExceeded]:
        held, enough = spending.reserve(self._spending, worst_usd)
        if not enough:
            return Failure(BudgetExceeded(held.limit_usd, held.taken_usd))
        self._spending = held
        outer = Success(None) if self._outer is None else await self._outer.reserve(worst_usd)
        if not isinstance(outer, Success):
            self._spending = spending.settle(self._spending, worst_usd, 0.0)
        return outer

    async def settle(self, worst_usd: float, used_usd: float, /) -> None:
        self._spending = spending.settle(self._spending, worst_usd, used_usd)
        if self._outer is not None:
            await self._outer.settle(worst_usd, used_usd)

    async def spent_usd(self) -> float:
        return self._spending.spent_usd
