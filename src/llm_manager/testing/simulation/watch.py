"""Breakers that tell when they open and close, and queues that tell how long somebody stood in them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

from returns.result import Failure

from llm_manager.domain.errors import (
    AuthenticationFailed,
    CircuitOpen,
    LLMError,
    QuotaExhausted,
    RateLimitExceeded,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.status import CircuitState
from llm_manager.ports import Breakers, Clock, Keys, Lease, Limiter, Permit, Reservation, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerMoved:
    """What came of a call moved the breaker of the target *key*; from half-open to open, a probe has failed."""

    at_s: float
    key: str
    before: CircuitState
    after: CircuitState


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused:
    """An open breaker let a call not pass to the target *key*."""

    at_s: float
    key: str
    retry_after_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A call stood in a queue for *waited_s*, whether it was served in the end or not: for a *key* of its provider, or
    for room under our own *limit*."""

    at_s: float
    where: Literal["key", "limit"]
    waited_s: float


Watched: TypeAlias = BreakerMoved | CallRefused | Queued
"""What the library has no event for, and a report wants to know."""

Tell: TypeAlias = Callable[[Watched], None]


@final
class WatchedBreakers:
    """*inner*, and *tell* hears of every move and every refusal."""

    __slots__ = ("_inner", "_tell")

    def __init__(self, inner: Breakers, tell: Tell) -> None:
        self._inner = inner
        self._tell = tell

    async def admit(self, key: str, model: str, now_s: float, /) -> Outcome[Permit, CircuitOpen]:
        """Leave to send, or how long to stay away."""
        outcome = await self._inner.admit(key, model, now_s)
        if isinstance(outcome, Failure):
            self._tell(CallRefused(at_s=now_s, key=key, retry_after_s=outcome.failure().retry_after_s))
        return outcome

    async def record(self, permit: Permit, verdict: Verdict, now_s: float, chance: float, /) -> None:
        """What came of it."""
        before, _ = await self._inner.state(permit.key, now_s)
        await self._inner.record(permit, verdict, now_s, chance)
        after, _ = await self._inner.state(permit.key, now_s)
        if before != after:
            self._tell(BreakerMoved(at_s=now_s, key=permit.key, before=before, after=after))

    async def state(self, key: str, now_s: float, /) -> tuple[CircuitState, float]:
        """Where the breaker stands; an attempt asks so before it waits for anything, and an open one refuses it."""
        circuit, wait_s = await self._inner.state(key, now_s)
        if circuit == "open":
            self._tell(CallRefused(at_s=now_s, key=key, retry_after_s=wait_s))
        return circuit, wait_s


@contextmanager
def _timed(clock: Clock, where: Literal["key", "limit"], tell: Tell) -> Generator[None]:
    """Tell how long the block took, unless it took no time."""
    began_s = clock.monotonic()
    try:
        yield
    finally:
        now_s = clock.monotonic()
        if now_s > began_s:
            tell(Queued(at_s=now_s, where=where, waited_s=now_s - began_s))


@final
class WatchedKeys:
    """*inner*, and *tell* hears of every wait for a key."""

    __slots__ = ("_inner", "_tell")

    def __init__(self, inner: Keys, tell: Tell) -> None:
        self._inner = inner
        self._tell = tell

    async def lease(
        self, pool: str, model: str, max_wait_s: float, clock: Clock, /
    ) -> Outcome[Lease, RateLimitExceeded | AuthenticationFailed | QuotaExhausted]:
        """A healthy key with room."""
        with _timed(clock, "key", self._tell):
            return await self._inner.lease(pool, model, max_wait_s, clock)

    async def give_back(self, lease: Lease, error: LLMError | None, now_s: float, /) -> None:
        """The call is over."""
        await self._inner.give_back(lease, error, now_s)

    async def usable(self, pool: str, model: str, now_s: float, /) -> bool:
        """Whether a lease would succeed."""
        return await self._inner.usable(pool, model, now_s)


@final
class WatchedLimiter:
    """*inner*, and *tell* hears of every wait for room."""

    __slots__ = ("_inner", "_tell")

    def __init__(self, inner: Limiter, tell: Tell) -> None:
        self._inner = inner
        self._tell = tell

    async def acquire(
        self, key: str, model: str, tokens: float, max_wait_s: float, clock: Clock, /
    ) -> Outcome[Reservation, RateLimitExceeded]:
        """Take one request and *tokens*, or wait for them."""
        with _timed(clock, "limit", self._tell):
            return await self._inner.acquire(key, model, tokens, max_wait_s, clock)

    async def settle(self, reservation: Reservation, used_tokens: float | None, now_s: float, /) -> None:
        """Replace the estimate by what was used."""
        await self._inner.settle(reservation, used_tokens, now_s)

    async def release(self, reservation: Reservation, now_s: float, /) -> None:
        """Give everything back."""
        await self._inner.release(reservation, now_s)
