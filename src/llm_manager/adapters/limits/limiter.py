"""The rate limiter inside this process: buckets by target, and a queue in front of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import reduce
from typing import TypeAlias, final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import RateLimitExceeded
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import LimiterSettings
from llm_manager.policies import bucket
from llm_manager.ports import Clock, Reservation

LimitsOf: TypeAlias = Callable[[str], LimiterSettings]
"""The limits of the key of a target."""


@final
class _Waiter:
    """Somebody in a queue: told when it is *first*, and woken from its *sleep* when there is room sooner."""

    __slots__ = ("first", "need", "sleep")

    def __init__(self, need: bucket.Need) -> None:
        self.need = need
        self.first = anyio.Event()
        self.sleep: anyio.CancelScope | None = None


@final
class _Lane:
    """The buckets of one target, what fills them, and who waits for them. *last* is :func:`_last` of the queue, None
    when it changed."""

    __slots__ = ("last", "levels", "limits", "queue")

    def __init__(self, limits: LimiterSettings, now_s: float) -> None:
        self.limits = limits
        self.levels = bucket.full(now_s, limits)
        self.queue: deque[_Waiter] = deque()
        self.last: bucket.Levels | None = None


@final
class MemoryLimiter:
    """First come, first served: only the head of a queue watches the clock, and a waiter who leaves is forgotten.

    *settings* are the limits of every key, or a function that tells those of one.
    """

    __slots__ = ("_lanes", "_limits")

    def __init__(self, settings: LimiterSettings | LimitsOf) -> None:
        self._limits: LimitsOf = settings if callable(settings) else lambda _: settings
        self._lanes: dict[str, _Lane] = {}

    async def acquire(
        self, key: str, model: str, tokens: float, max_wait_s: float, clock: Clock, /
    ) -> Outcome[Reservation, RateLimitExceeded]:
        """Take one request and *tokens*, or wait for them *max_wait_s* at most.

        Fails at once when the queue is longer than that, and later when the debts of others have made it so.
        """
        reservation = Reservation(key=key, requests=1.0, tokens=tokens)
        limits = self._limits(key)
        if bucket.is_unlimited(limits):
            return Success(reservation)
        need, now_s = bucket.Need(tokens), clock.monotonic()
        lane = self._lane(key, limits, now_s)
        wait_s = self._predicted_s(lane, need, now_s)
        if isinstance(wait_s, bucket.TooLarge):
            said = f"{tokens:.0f} tokens are more than the {wait_s.capacity_tokens:.0f} a minute that are allowed"
            return Failure(RateLimitExceeded(model, None, said, local=True))
        if wait_s > max(max_wait_s, 0.0):
            return Failure(_too_long(model, wait_s))
        if lane.queue or wait_s > 0:
            late_s = await self._queue(lane, need, clock, now_s + max_wait_s + bucket.SLACK_S)
            if late_s is not None:
                return Failure(_too_long(model, late_s))
        lane.levels = bucket.taken(lane.levels, need, lane.limits)
        return Success(reservation)

    async def settle(self, reservation: Reservation, used_tokens: float | None, now_s: float, /) -> None:
        """Replace the estimate by what was used."""
        if used_tokens is not None and used_tokens != reservation.tokens:
            self._put_back(reservation.key, 0.0, reservation.tokens - used_tokens, now_s)

    async def release(self, reservation: Reservation, now_s: float, /) -> None:
        """Give everything back."""
        self._put_back(reservation.key, reservation.requests, reservation.tokens, now_s)

    def _put_back(self, key: str, requests: float, tokens: float, now_s: float) -> None:
        lane = self._lanes.get(key)
        if lane is None:
            return
        levels = bucket.refilled(lane.levels, now_s, lane.limits)
        lane.levels = bucket.changed(levels, requests, tokens, lane.limits)
        if lane.queue:
            lane.last = None
            sleep = lane.queue[0].sleep
            if sleep is not None:
                sleep.cancel()

    def _lane(self, key: str, limits: LimiterSettings, now_s: float) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(limits, now_s)
        lane.levels = bucket.refilled(lane.levels, now_s, lane.limits)
        return lane

    def _predicted_s(self, lane: _Lane, need: bucket.Need, now_s: float) -> float | bucket.TooLarge:
        """Seconds until everybody in front is served and the buckets hold *need* as well."""
        if not lane.queue:
            return bucket.wait_s(lane.levels, need, lane.limits)
        last = bucket.refilled(self._last(lane), now_s, lane.limits)
        wait_s = bucket.wait_s(last, need, lane.limits)
        return wait_s if isinstance(wait_s, bucket.TooLarge) else last.at_s - now_s + wait_s

    def _last(self, lane: _Lane) -> bucket.Levels:
        """The buckets as of when the last in the queue is served: walked once, then kept while the queue grows."""
        if lane.last is None:
            needs = (waiter.need for waiter in lane.queue)
            lane.last = reduce(lambda levels, need: bucket.served(levels, need, lane.limits), needs, lane.levels)
        return lane.last

    async def _queue(self, lane: _Lane, need: bucket.Need, clock: Clock, until_s: float) -> float | None:
        """Wait in line. None: it is our turn and there is room; a number: how long that would take after *until_s*."""
        waiter = _Waiter(need)
        lane.last = bucket.served(self._last(lane), need, lane.limits)
        lane.queue.append(waiter)
        if lane.queue[0] is waiter:
            waiter.first.set()
        left = True
        try:
            await waiter.first.wait()
            late_s = await self._room(lane, waiter, clock, until_s)
            left = late_s is not None
        finally:
            lane.queue.remove(waiter)
            if left or not lane.queue:  # what happens to buckets that nobody waits for is not followed
                lane.last = None
            if lane.queue:
                lane.queue[0].first.set()
        return late_s

    async def _room(self, lane: _Lane, head: _Waiter, clock: Clock, until_s: float) -> float | None:
        while True:
            now_s = clock.monotonic()
            lane.levels = bucket.refilled(lane.levels, now_s, lane.limits)
            wait_s = bucket.served(lane.levels, head.need, lane.limits).at_s - lane.levels.at_s
            if wait_s <= 0:
                return None
            if now_s + wait_s > until_s:
                return wait_s
            with anyio.CancelScope() as head.sleep:
                await clock.sleep(wait_s)
            head.sleep = None


def _too_long(model: str, wait_s: float) -> RateLimitExceeded:
    return RateLimitExceeded(model, wait_s, "the queue is longer than the wait allowed", local=True)
