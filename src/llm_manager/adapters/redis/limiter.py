"""The rate limiter of several processes: buckets and queue are in Redis, and one script decides by its clock.

A waiter sleeps for as long as the script foresees and then asks again; what is put back in this process wakes the
first of its own at once, and those of other processes look again after a while. Whoever dies in the queue is forgotten
when its lease ends. Capacity is never given twice: an exchange whose reply is lost may have taken room for nothing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias, final
from uuid import uuid4

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.limits.limiter import LimitsOf
from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.scripts import SECOND_US, Moment, Script, keys_of, servers_time, whole_of
from llm_manager.adapters.redis.wire import Reply, Word
from llm_manager.domain.errors import RateLimitExceeded, StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import LimiterSettings, RedisSettings
from llm_manager.policies import bucket
from llm_manager.ports import Clock, Limiter, Reservation

LOOK_AGAIN_S = 1.0
"""How soon the first in the queue asks again whether another process put something back; the second in twice that."""

GRACE_S = 5.0
"""How long after it should have asked again a waiter is held for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedReservation(Reservation):
    """Room in the buckets of *era*: those begun later, in a Redis that was emptied, never gave it."""

    era: str


@dataclass(frozen=True, slots=True)
class _Taken:
    era: str


@dataclass(frozen=True, slots=True)
class _Refused:
    wait_s: float


@dataclass(frozen=True, slots=True)
class _Queued:
    look_s: float


_Answer: TypeAlias = _Taken | _Refused | _Queued


@final
class _Waiter:
    """Somebody in the queue; *name* is theirs alone among all processes."""

    __slots__ = ("name", "sleep", "tokens", "woken")

    def __init__(self, tokens: float) -> None:
        self.name = uuid4().hex
        self.tokens = tokens
        self.sleep: anyio.CancelScope | None = None
        self.woken = False

    def wake(self) -> None:
        """Let it ask again now, or at once after the question it is asking."""
        self.woken = True
        if self.sleep is not None:
            self.sleep.cancel()


@final
class RedisLimiter:
    """First come, first served, whatever process they come from.

    While Redis is away the limits are *meanwhile*'s to keep, or, closed, nothing passes that has one. A wait that is
    under way then begins anew. *settings* are the limits of every key, or a function that tells those of one.
    """

    __slots__ = ("_keys", "_limits", "_meanwhile", "_moment", "_redis", "_script", "_shared", "_waiting")

    def __init__(
        self,
        redis: Redis,
        settings: LimiterSettings | LimitsOf,
        shared: RedisSettings,
        meanwhile: Limiter,
        moment: Moment = servers_time,
    ) -> None:
        self._redis = redis
        self._limits: LimitsOf = settings if callable(settings) else lambda _: settings
        self._shared = shared
        self._meanwhile = meanwhile
        self._moment = moment
        self._keys = keys_of(shared.prefix, "limit")
        self._script = Script("limiter")
        self._waiting: dict[str, deque[_Waiter]] = {}

    async def acquire(
        self, key: str, model: str, tokens: float, max_wait_s: float, clock: Clock, /
    ) -> Outcome[Reservation, RateLimitExceeded]:
        """Take one request and *tokens*, or wait for them *max_wait_s* at most.

        Fails at once when the queue is longer than that, and later when the debts of others have made it so.
        """
        limits = self._limits(key)
        if bucket.is_unlimited(limits):
            return Success(Reservation(key=key, requests=1.0, tokens=tokens))
        fits = bucket.wait_s(bucket.full(0.0, limits), bucket.Need(tokens), limits)
        if isinstance(fits, bucket.TooLarge):
            said = f"{tokens:.0f} tokens are more than the {fits.capacity_tokens:.0f} a minute that are allowed"
            return Failure(RateLimitExceeded(model, None, said, local=True))
        began_s, most_s = clock.monotonic(), max(max_wait_s, 0.0)
        answer = await self._in_turn(key, _Waiter(tokens), most_s, clock)
        match answer:
            case _Taken(era=era):
                return Success(SharedReservation(key=key, requests=1.0, tokens=tokens, era=era))
            case _Refused(wait_s=wait_s):
                said = "the queue is longer than the wait allowed"
                return Failure(RateLimitExceeded(model, wait_s, said, local=True))
            case StoreUnavailable(message=why):
                left_s = max_wait_s - (clock.monotonic() - began_s)
                return await self._without(key, model, tokens, left_s, clock, why)

    async def settle(self, reservation: Reservation, used_tokens: float | None, now_s: float, /) -> None:
        """Replace the estimate by what was used."""
        if (
            bucket.is_unlimited(self._limits(reservation.key))
            or used_tokens is None
            or used_tokens == reservation.tokens
        ):
            return
        if isinstance(reservation, SharedReservation):
            await self._put_back(reservation, 0.0, reservation.tokens - used_tokens, now_s)
        else:
            await self._meanwhile.settle(reservation, used_tokens, now_s)

    async def release(self, reservation: Reservation, now_s: float, /) -> None:
        """Give everything back."""
        if isinstance(reservation, SharedReservation):
            await self._put_back(reservation, reservation.requests, reservation.tokens, now_s)
        elif not bucket.is_unlimited(self._limits(reservation.key)):
            await self._meanwhile.release(reservation, now_s)

    async def _without(
        self, key: str, model: str, tokens: float, max_wait_s: float, clock: Clock, why: str
    ) -> Outcome[Reservation, RateLimitExceeded]:
        if self._shared.when_away == "open":
            return await self._meanwhile.acquire(key, model, tokens, max_wait_s, clock)
        return Failure(
            RateLimitExceeded(model, self._shared.rest_s, f"the shared limits cannot be kept: {why}", local=True)
        )

    async def _in_turn(
        self, key: str, waiter: _Waiter, most_s: float, clock: Clock
    ) -> _Taken | _Refused | StoreUnavailable:
        until_s = clock.monotonic() + most_s + bucket.SLACK_S
        answer = await self._ask(key, waiter, most_s, clock)
        if not isinstance(answer, _Queued):
            return answer
        queue = self._waiting.setdefault(key, deque())
        queue.append(waiter)
        try:
            while isinstance(answer, _Queued):
                await self._sleep(waiter, answer.look_s, clock)
                answer = await self._ask(key, waiter, until_s - clock.monotonic(), clock)
        except BaseException:  # else others wait until the lease ends
            await self._run(key, clock.monotonic(), "leave", waiter.name, str(waiter.tokens))
            raise
        finally:
            queue.remove(waiter)
            self._wake(key)
        return answer

    async def _sleep(self, waiter: _Waiter, seconds: float, clock: Clock) -> None:
        if not waiter.woken:
            with anyio.CancelScope() as waiter.sleep:
                await clock.sleep(seconds)
            waiter.sleep = None
        waiter.woken = False

    async def _ask(self, key: str, waiter: _Waiter, most_s: float, clock: Clock) -> _Answer | StoreUnavailable:
        """Take, or take or keep a place in the queue."""
        spans = (round(seconds * SECOND_US) for seconds in (most_s, LOOK_AGAIN_S, GRACE_S))
        outcome = await self._run(key, clock.monotonic(), "take", waiter.name, str(waiter.tokens), *spans)
        return outcome.failure() if isinstance(outcome, Failure) else _read(outcome.unwrap())

    async def _put_back(self, reservation: SharedReservation, requests: float, tokens: float, now_s: float) -> None:
        await self._run(reservation.key, now_s, "put", str(requests), str(tokens), reservation.era)
        self._wake(reservation.key)

    def _wake(self, key: str) -> None:
        """Let the first of this process who waits see what has changed; it wakes the next one when it goes."""
        queue = self._waiting.get(key)
        if queue:
            queue[0].wake()
        elif queue is not None:
            del self._waiting[key]

    async def _run(self, key: str, now_s: float, what: str, *more: Word) -> Outcome[list[Reply], StoreUnavailable]:
        names = [self._keys(key, part) for part in ("buckets", "queue", "leases")]
        limits = self._limits(key)
        rates = ("" if limit is None else limit for limit in (limits.requests_per_minute, limits.tokens_per_minute))
        return await self._script.run(self._redis, names, what, self._moment(now_s), *rates, *more)


def _read(reply: list[Reply]) -> _Answer | StoreUnavailable:
    match reply:
        case [b"taken", bytes() as era]:
            return _Taken(era.decode())
        case [b"refused", reply_us] if (wait_us := whole_of(reply_us)) is not None:
            return _Refused(wait_us / SECOND_US)
        case [b"wait", _, reply_us] if (look_us := whole_of(reply_us)) is not None:
            return _Queued(look_us / SECOND_US)
        case _:
            return StoreUnavailable("redis", "it answered what no script of ours does")
