"""The rate limiter inside this process: buckets by target, and a queue in front of each."""

from __future__ import annotations

from collections import deque
from functools import reduce
from typing import final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import RateLimitExceeded
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import LimiterSettings
from llm_manager.policies import bucket
from llm_manager.ports import Clock, Reservation


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
    """The buckets of one target and who waits for them. *last* is :func:`_last` of the queue, None when it changed."""

    __slots__ = ("last", "levels", "queue")

    def __init__(self, levels: bucket.Levels) -> None:
        self.levels = levels
        self.queue: deque[_Waiter] = deque()
        self.last: bucket.Levels | None = None


@final
class MemoryLimiter:
    """First come, first served: only the head of a queue watches the clock, and a waiter who leaves is forgotten."""

    __slots__ = ("_lanes", "_settings")

    def __init__(self, settings: LimiterSettings) -> None:
        self._settings = settings
        self._lanes: dict[str, _Lane] = {}

    async def acquire(
        self, key: str, model: str, tokens: float, max_wait_s: float, clock: Clock, /
    ) -> Outcome[Reservation, RateLimitExceeded]:
        """Take one request and *tokens*, or wait for them *max_wait_s* at most.

        Fails at once when the queue is longer than that, and later when the debts of others have made it so.
        """
        reservation = Reservation(key=key, requests=1.0, tokens=tokens)
        if self._settings.requests_per_minute is None and self._settings.tokens_per_minute is None:
            return Success(reservation)
        need, now_s = bucket.Need(tokens), clock.monotonic()
        lane = self._lane(key, now_s)
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
        lane.levels = bucket.taken(lane.levels, need, self._settings)
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
        levels = bucket.refilled(lane.levels, now_s, self._settings)
        lane.levels = bucket.changed(levels, requests, tokens, self._settings)
        if lane.queue:
            lane.last = None
            sleep = lane.queue[0].sleep
            if sleep is not None:
                sleep.cancel()

    def _lane(self, key: str, now_s: float) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(bucket.full(now_s, self._settings))
        lane.levels = bucket.refilled(lane.levels, now_s, self._settings)
        return lane

    def _predicted_s(self, lane: _Lane, need: bucket.Need, now_s: float) -> float | bucket.TooLarge:
        """Seconds until everybody in front is served and the buckets hold *need* as well."""
        if not lane.queue:
            return bucket.wait_s(lane.levels, need, self._settings)
        last = bucket.refilled(self._last(lane), now_s, self._settings)
        wait_s = bucket.wait_s(last, need, self._settings)
        return wait_s if isinstance(wait_s, bucket.TooLarge) else last.at_s - now_s + wait_s

    def _last(self, lane: _Lane) -> bucket.Levels:
        """The buckets as of when the last in the queue is served: walked once, then kept while the queue grows."""
        if lane.last is None:
            lane.last = reduce(self._served, (waiter.need for waiter in lane.queue), lane.levels)
        return lane.last

    def _served(self, levels: bucket.Levels, need: bucket.Need) -> bucket.Levels:
        return bucket.served(levels, need, self._settings)

    async def _queue(self, lane: _Lane, need: bucket.Need, clock: Clock, until_s: float) -> float | None:
        """Wait in line. None: it is our turn and there is room; a number: how long that would take after *until_s*."""
        waiter = _Waiter(need)
        lane.last = self._served(self._last(lane), need)
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
            lane.levels = bucket.refilled(lane.levels, now_s, self._settings)
            wait_s = self._served(lane.levels, head.need).at_s - lane.levels.at_s
            if wait_s <= 0:
                return None
            if now_s + wait_s > until_s:
                return wait_s
            with anyio.CancelScope() as head.sleep:
                await clock.sleep(wait_s)
            head.sleep = None


def _too_long(model: str, wait_s: float) -> RateLimitExceeded:
    return RateLimitExceeded(model, wait_s, "the queue is longer than the wait allowed", local=True)
