"""What the tests of conversations share: conversations that are begun, what is in them, and what a model was asked."""

from __future__ import annotations

from llm_manager import (
    Context,
    ConversationContext,
    LLMRequest,
    Op,
    Outcome,
    get_conversation,
    run,
    start_conversation,
)
from llm_manager.testing import Line


def said(context: ConversationContext) -> list[tuple[str, object, int]]:
    return [(each.role, each.content, each.version) for each in context.messages]


async def started(context: Context, system_prompt: str | None = None, budget_usd: float | None = None) -> str:
    return (await run(start_conversation(system_prompt, budget_usd=budget_usd), context)).unwrap()


async def whole(context: Context, id_: str) -> ConversationContext:
    return (await run(get_conversation(id_), context)).unwrap()


class Seen:
    """Lines that keep what they were asked."""

    def __init__(self) -> None:
        self.requests: list[LLMRequest] = []

    def says(self, line: Line) -> Line:
        def look(request: LLMRequest) -> Line:
            self.requests.append(request)
            return line

        return look


async def outcome_of(op: Op[object], context: Context) -> Outcome[object, object]:
    return await run(op, context)
