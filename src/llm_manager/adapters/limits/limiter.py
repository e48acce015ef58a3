"""The rate limiter inside this process: buckets by target, and a queue in front of each."""

from __future__ import annotations

from collections import deque
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
    __slots__ = ("first", "need")

    def __init__(self, need: bucket.Need) -> None:
        self.need = need
        self.first = anyio.Event()


@final
class _Lane:
    __slots__ = ("levels", "queue")

    def __init__(self, levels: bucket.Levels) -> None:
        self.levels = levels
        self.queue: deque[_Waiter] = deque()


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
        """Take one request and *tokens*, or wait for them *max_wait_s* at most."""
        reservation = Reservation(key=key, requests=1.0, tokens=tokens)
        if self._settings.requests_per_minute is None and self._settings.tokens_per_minute is None:
            return Success(reservation)
        need = bucket.Need(tokens)
        lane = self._lane(key, clock.monotonic())
        wait_s = self._predicted_s(lane, need)
        if isinstance(wait_s, bucket.TooLarge):
            said = f"{tokens:.0f} tokens are more than the {wait_s.capacity_tokens:.0f} a minute that are allowed"
            return Failure(RateLimitExceeded(model, None, said))
        if wait_s > max_wait_s:
            return Failure(RateLimitExceeded(model, wait_s, "our own limit: the queue is longer than the wait allowed"))
        if lane.queue or wait_s > 0:
            await self._queue(lane, need, clock)
        lane.levels = bucket.changed(lane.levels, -need.requests, -need.tokens, self._settings)
        return Success(reservation)

    async def settle(self, reservation: Reservation, used_tokens: float | None, now_s: float, /) -> None:
        """Replace the estimate by what was used."""
        lane = self._lanes.get(reservation.key)
        if lane is not None and used_tokens is not None:
            self._refill(lane, now_s)
            lane.levels = bucket.changed(lane.levels, 0.0, reservation.tokens - used_tokens, self._settings)

    async def release(self, reservation: Reservation, now_s: float, /) -> None:
        """Give everything back."""
        lane = self._lanes.get(reservation.key)
        if lane is not None:
            self._refill(lane, now_s)
            lane.levels = bucket.changed(lane.levels, reservation.requests, reservation.tokens, self._settings)

    def _lane(self, key: str, now_s: float) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(bucket.full(now_s, self._settings))
        self._refill(lane, now_s)
        return lane

    def _refill(self, lane: _Lane, now_s: float) -> None:
        lane.levels = bucket.refilled(lane.levels, now_s, self._settings)

    def _predicted_s(self, lane: _Lane, need: bucket.Need) -> float | bucket.TooLarge:
        """Seconds until the buckets would hold what everybody in front needs, and *need*."""
        levels = lane.levels
        for waiter in lane.queue:
            levels = bucket.changed(levels, -waiter.need.requests, -waiter.need.tokens, self._settings)
        return bucket.wait_s(levels, need, self._settings)

    async def _queue(self, lane: _Lane, need: bucket.Need, clock: Clock) -> None:
        waiter = _Waiter(need)
        lane.queue.append(waiter)
        if lane.queue[0] is waiter:
            waiter.first.set()
        try:
            await waiter.first.wait()
            while True:
                self._refill(lane, clock.monotonic())
                wait_s = bucket.wait_s(lane.levels, need, self._settings)
                if isinstance(wait_s, bucket.TooLarge) or wait_s <= 0:
                    return
                await clock.sleep(wait_s)
        finally:
            lane.queue.remove(waiter)
            if lane.queue:
                lane.queue[0].first.set()
