"""What one turn of a conversation costs in all its tries: its tab, kept where the conversation has a budget.

An answer's own usage tells what the answer cost. What was spent beside it, on tries that failed, on a stream that was
left, on an answer that could not be stored, only the budget of the run knows.
"""

from __future__ import annotations

from typing import TypeVar, final

from llm_manager.combinators.budget import within_budget
from llm_manager.domain.conversation import ConversationSummary
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import UnknownCost, Usage
from llm_manager.effect.context import Context, Op
from llm_manager.effect.op import effect, run
from llm_manager.ports import Budget

A = TypeVar("A")


@final
class Tab:
    """The tab of one turn, of one run."""

    __slots__ = ("_budget", "_left_usd")

    def __init__(self, conversation: ConversationSummary) -> None:
        limit_usd, used = conversation.budget_usd, conversation.usage
        self._left_usd = None if limit_usd is None else max(limit_usd - used.cost_usd - used.lost_usd, 0.0)
        self._budget: Budget | None = None

    def bounding(self, op: Op[A]) -> Op[A]:
        """*op* within what is left of the conversation's budget, and counted; as it is where there is none."""
        if self._left_usd is None:
            return op

        async def counted(context: Context) -> Outcome[A, LLMError]:
            self._budget = context.budget
            return await run(op, context)

        return within_budget(self._left_usd)(effect(counted))

    async def lost_usd(self, answer: Usage | None = None) -> float:
        """What has been spent beside the *answer* that is stored, if one is; a cost nobody knows is the worst."""
        if self._budget is None:
            return 0.0
        known_usd = 0.0 if answer is None or isinstance(answer.cost, UnknownCost) else answer.cost.usd
        return max(await self._budget.spent_usd() - known_usd, 0.0)
