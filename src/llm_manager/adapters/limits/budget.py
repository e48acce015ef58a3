"""A budget inside this process, and the queue of those who wait for what others have reserved."""

from __future__ import annotations

from collections import deque
from typing import final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import BudgetExceeded
from llm_manager.domain.outcome import Outcome
from llm_manager.policies import spending
from llm_manager.ports import Budget, Clock


@final
class _Waiter:
    """A request that waits for *usd* to be given back; *answer* is there once *served* is set."""

    __slots__ = ("answer", "served", "usd")

    def __init__(self, usd: float) -> None:
        self.usd = usd
        self.served = anyio.Event()
        self.answer: Outcome[None, BudgetExceeded] | None = None


@final
class MemoryBudget:
    """At most *limit_usd* from now on, and no more than what *outer* allows.

    What others have reserved may come back, so it is waited for in the order of arrival; a request that what is spent
    leaves no room for is refused at once.
    """

    __slots__ = ("_outer", "_queue", "_spending")

    def __init__(self, limit_usd: float, outer: Budget | None = None) -> None:
        self._spending = spending.Spending(limit_usd)
        self._outer = outer
        self._queue: deque[_Waiter] = deque()

    async def reserve(self, worst_usd: float, max_wait_s: float, clock: Clock, /) -> Outcome[None, BudgetExceeded]:
        """Reserve *worst_usd*, or say that it is not there and, within *max_wait_s*, did not come back."""
        ends_s = clock.monotonic() + max_wait_s
        waiter = _Waiter(worst_usd)
        self._queue.append(waiter)
        self._serve()
        answer = await self._wait(waiter, max_wait_s, clock) if waiter.answer is None else waiter.answer
        if self._outer is None or not isinstance(answer, Success):
            return answer
        try:
            outer = await self._outer.reserve(worst_usd, ends_s - clock.monotonic(), clock)
        except BaseException:
            self._give_back(worst_usd)
            raise
        if not isinstance(outer, Success):
            self._give_back(worst_usd)
        return outer

    async def settle(self, worst_usd: float, used_usd: float, /) -> None:
        """Put *used_usd* in the place of what was reserved."""
        self._spending = spending.settle(self._spending, worst_usd, used_usd)
        self._serve()
        if self._outer is not None:
            await self._outer.settle(worst_usd, used_usd)

    async def spent_usd(self) -> float:
        """What has been spent so far."""
        return self._spending.spent_usd

    def _give_back(self, usd: float) -> None:
        self._spending = spending.settle(self._spending, usd, 0.0)
        self._serve()

    def _serve(self) -> None:
        """Answer those at the head of the queue for whom there is room, and all for whom there will never be."""
        left, waits = deque[_Waiter](), False
        for waiter in self._queue:
            if not spending.may_come(self._spending, waiter.usd):
                waiter.answer = Failure(self._refusal())
            elif not waits:
                self._spending, enough = spending.reserve(self._spending, waiter.usd)
                waiter.answer, waits = (Success(None), False) if enough else (None, True)
            if waiter.answer is None:
                left.append(waiter)
            else:
                waiter.served.set()
        self._queue = left

    async def _wait(self, waiter: _Waiter, max_wait_s: float, clock: Clock) -> Outcome[None, BudgetExceeded]:
        try:
            if max_wait_s > 0:
                with clock.move_on_after(max_wait_s):
                    await waiter.served.wait()
        except BaseException:
            self._leave(waiter)
            raise
        if waiter.answer is None:
            refusal = self._refusal()  # before the next one is served
            self._leave(waiter)
            return Failure(refusal)
        return waiter.answer

    def _leave(self, waiter: _Waiter) -> None:
        """It waits no longer: what it was granted in that moment is given back, and the next may be served."""
        if waiter.answer is None:
            self._queue.remove(waiter)
            self._serve()
        elif isinstance(waiter.answer, Success):
            self._give_back(waiter.usd)

    def _refusal(self) -> BudgetExceeded:
        now = self._spending
        return BudgetExceeded(now.limit_usd, now.spent_usd, reserved_usd=now.reserved_usd)
