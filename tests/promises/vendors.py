"""Vendors in virtual time, each of which decides by itself what to answer and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from returns.result import Failure, Success

from llm_manager import Context, Layer, LLMConfig, LLMError, LLMResponse, Outcome, Secret, Usage, replacing
from llm_manager.adapters.incoming import Whole
from llm_manager.domain.target import Target
from llm_manager.ports import Clock, Dispatch, Incoming
from llm_manager.testing import VirtualClock, scripted

Answer: TypeAlias = str | LLMError
USED = Usage(prompt_tokens=10, completion_tokens=20, total_tokens=30)


@dataclass
class Vendor:
    """Answers request number *n* (from 0), which arrives at *now_s*, after *takes_s*; *sent* are those that arrived."""

    answer: Callable[[int, Dispatch, float], Answer]
    clock: Clock
    takes_s: float = 0.05
    sent: list[Dispatch] = field(default_factory=list[Dispatch])

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        number = len(self.sent)
        self.sent.append(dispatch)
        now_s = self.clock.monotonic()
        answer = self.answer(number, dispatch, now_s)
        await self.clock.sleep(self.takes_s)
        if isinstance(answer, str):
            return Success(LLMResponse(content=answer, model=dispatch.target.model, finish_reason="stop", usage=USED))
        return Failure(answer)

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        whole = await self.complete(dispatch)
        return whole if isinstance(whole, Failure) else Success(Whole(whole.unwrap()))

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        return Success((target.model,))


def served_by(
    answers: Mapping[str, Callable[[int, Dispatch, float], Answer]], config: LLMConfig, *, takes_s: float = 0.05
) -> tuple[Layer[Context, LLMError, None], Mapping[str, Vendor]]:
    """A layer in virtual time whose providers are the vendors named by *answers*, and these vendors."""
    clock = VirtualClock(autojump=True)
    vendors = {name: Vendor(answer, clock, takes_s) for name, answer in answers.items()}
    return scripted({}, config=config) | replacing(providers=vendors, clock=clock), vendors
