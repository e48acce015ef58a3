"""What everything that is recorded shares."""

from __future__ import annotations

from collections.abc import Awaitable
from itertools import count
from typing import TypeVar, final

import anyio

from llm_manager.domain.request import LLMRequest
from llm_manager.domain.target import Target
from llm_manager.ports import Clock
from llm_manager.testing.tape.content import asked_of, request_tree
from llm_manager.testing.tape.file import Tape
from llm_manager.testing.tape.lines import Asked, Cancelled, How
from llm_manager.testing.tape.watched import Watched

A = TypeVar("A")


@final
class Log:
    """What all that is recorded shares: the tape, the time that its lines bear, and the numbers of the exchanges."""

    __slots__ = ("_clock", "_numbers", "tape")

    def __init__(self, tape: Tape, clock: Clock) -> None:
        self.tape = tape
        self._clock = clock
        self._numbers = count(1)

    def now_s(self) -> float:
        """Now, which is not written down as a reading of anybody's."""
        return self._clock.monotonic()

    def asked(
        self, how: How, service: str, target: Target, request: LLMRequest | None = None, trace_id: str | None = None
    ) -> int:
        """Write down a question; gives the number of its exchange."""
        number = next(self._numbers)
        asked = Asked(
            exchange=number,
            at_s=self.now_s(),
            how=how,
            service=service,
            target=asked_of(target),
            request=None if request is None else request_tree(request),
            trace_id=trace_id,
        )
        self.tape.write(asked)
        return number

    async def waited(self, exchange: int, answer: Awaitable[A]) -> tuple[A, bool]:
        """*answer* and whether it was there at once; that whoever waited for it was cancelled is written down."""
        watched = Watched(answer)
        try:
            return await watched, watched.at_once
        except anyio.get_cancelled_exc_class():  # a bug is not written down: it cannot be replayed
            self.tape.write(Cancelled(exchange=exchange, at_s=self.now_s()))
            raise
