"""Breakers that tell when they open and close."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from returns.result import Failure

from llm_manager.domain.errors import CircuitOpen
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.status import CircuitState
from llm_manager.ports import Breakers, Permit, Verdict


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


@final
class WatchedBreakers:
    """*inner*, and *tell* hears of every move and every refusal."""

    __slots__ = ("_inner", "_tell")

    def __init__(self, inner: Breakers, tell: Callable[[BreakerMoved | CallRefused], None]) -> None:
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
        """Where the breaker stands."""
        return await self._inner.state(key, now_s)
