"""Operations that do nothing but what is being tested, and somebody who listens."""

from __future__ import annotations

from collections.abc import Sequence

from returns.result import Failure, Success

from llm_manager import Context, LLMConfig, LLMError, Op, Outcome, effect, run
from llm_manager.domain.events import Event
from llm_manager.testing import scripted


class Saying:
    """An operation that says what it is given, one after the other, and counts how often it was run."""

    def __init__(self, answers: Sequence[str | LLMError], takes_s: float = 0.0) -> None:
        self.runs = 0
        self._answers = answers
        self._takes_s = takes_s
        self.op: Op[str] = effect(self._say)

    async def _say(self, context: Context) -> Outcome[str, LLMError]:
        answer = self._answers[min(self.runs, len(self._answers) - 1)]
        self.runs += 1
        if self._takes_s:
            await context.clock.sleep(self._takes_s)
        return Success(answer) if isinstance(answer, str) else Failure(answer)


async def took(op: Op[str], config: LLMConfig | None = None) -> tuple[Outcome[str, LLMError], float]:
    async with scripted({}, config=config) as context:
        outcome = await run(op, context)
        return outcome, context.clock.monotonic()


class Listener:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)


async def later(context: Context, op: Op[str], after_s: float) -> tuple[Outcome[str, LLMError], float]:
    """What came of *op*, begun at *after_s*, and when."""
    await context.clock.sleep(after_s)
    outcome = await run(op, context)
    return outcome, context.clock.monotonic()
