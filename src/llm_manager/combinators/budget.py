"""Not spending more than was meant to be spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import inf
from typing import TypeVar

from returns.result import Failure, Success

from llm_manager.adapters.limits.budget import MemoryBudget
from llm_manager.domain.arguments import check_number
from llm_manager.domain.errors import BudgetExceeded, LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import may_have_been_paid
from llm_manager.domain.response import UnknownCost
from llm_manager.effect.context import Context, Op, Policy
from llm_manager.effect.gate import Gate, WasSent, always_sent
from llm_manager.effect.ongoing import Ending, Tell
from llm_manager.effect.op import effect, run
from llm_manager.ports import Budget

A = TypeVar("A")


def within_budget(usd: float) -> Policy:
    """Let one run cost at most *usd*, in all its tries on all its models.

    What an attempt can cost at most is reserved before it is sent, so a run never costs more; when it is not there,
    nothing is sent and ``BudgetExceeded`` comes back. Budgets nest: the one of the context bounds this one too.
    """
    check_number(usd, "within_budget takes an amount of US dollars, 0 or more", "within_budget(0.5)")

    def around(op: Op[A], /) -> Op[A]:
        async def bounded(context: Context) -> Outcome[A, LLMError]:
            return await run(op, replace(context, budget=MemoryBudget(usd, context.budget)))

        return effect(bounded)

    return around


def budget_gate(worst_usd: Callable[[], float | None], *, model: str, was_sent: WasSent = always_sent) -> Gate:
    """Reserve what a run costs at most in the budget of the context, and settle on what it did cost when it is over.

    Without a budget there is nothing to do, and *worst_usd* is not asked. What other requests under way have reserved
    is waited for until the deadline. An unknown cost, of an answer or of a call that may have been answered and billed,
    is taken to be the worst. A worst of None is that of a *model* without a price: ``budget.unknown_prices`` decides.
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
        left_s = inf if context.deadline_s is None else context.deadline_s - context.clock.monotonic()
        reserved = await budget.reserve(worst, left_s, context.clock)
        if not isinstance(reserved, Success):
            return Failure(_with_reason(reserved.failure(), model, worst))
        return Success(partial(_settle, budget, worst, was_sent))

    return reserve


async def _settle(budget: Budget, worst_usd: float, was_sent: WasSent, ending: Ending) -> None:
    await budget.settle(worst_usd, _used_usd(ending, worst_usd) if was_sent() else 0.0)


def _with_reason(refused: BudgetExceeded, model: str, worst_usd: float) -> BudgetExceeded:
    """*refused*, with how much was asked for: without it, an untouched budget that is too small looks like a bug."""
    return replace(refused, message=refused.message or f"an attempt on {model} may cost {worst_usd:.4f}")


def _used_usd(ending: Ending, worst_usd: float) -> float:
    cost = None if ending.usage is None else ending.usage.cost
    if cost is not None and not isinstance(cost, UnknownCost):
        return cost.usd
    if cost is not None or ending.error is None or may_have_been_paid(ending.error):
        return worst_usd
    return 0.0
