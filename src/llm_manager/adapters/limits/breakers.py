"""Circuit breakers inside this process, by target."""

from __future__ import annotations

from typing import final

from returns.result import Failure, Success

from llm_manager.domain.errors import CircuitOpen
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import BreakerSettings
from llm_manager.domain.status import CircuitState
from llm_manager.policies import breaker
from llm_manager.ports import Permit, Verdict

_NEW = breaker.Closed()


@final
class MemoryBreakers:
    """One breaker a key, made when first asked for."""

    __slots__ = ("_settings", "_states")

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._states: dict[str, breaker.State] = {}

    async def admit(self, key: str, model: str, now_s: float, /) -> Outcome[Permit, CircuitOpen]:
        """Leave to send, or how long to stay away."""
        state, answer = breaker.admit(self._states.get(key, _NEW), now_s, self._settings)
        if isinstance(answer, breaker.Refused):
            return Failure(CircuitOpen(model, answer.wait_s, probing=answer.probing))
        if answer.probe:
            self._states[key] = state
        return Success(Permit(key, answer.generation, answer.probe, now_s))

    async def record(self, permit: Permit, verdict: Verdict, now_s: float, chance: float, /) -> None:
        """What came of it."""
        state = self._states.get(permit.key, _NEW)
        self._states[permit.key] = breaker.record(
            state, permit.generation, verdict, permit.began_s, now_s, chance, self._settings
        )

    async def state(self, key: str, now_s: float, /) -> tuple[CircuitState, float]:
        """Where the breaker stands, and in how many seconds it lets a call pass."""
        return breaker.standing(self._states.get(key, _NEW), now_s)

    async def expect(self, key: str, now_s: float, /) -> None:
        """Let a probe pass now, where the circuit is open."""
        if key in self._states:
            self._states[key] = breaker.expected(self._states[key], now_s)


@final
class NoBreakers:
    """What ``circuit_breaker.enabled = false`` asks for: everything passes, nothing is remembered."""

    __slots__ = ()

    async def admit(self, key: str, _model: str, _now_s: float, /) -> Outcome[Permit, CircuitOpen]:
        """Leave to send."""
        return Success(Permit(key, 0, probe=False))

    async def record(self, permit: Permit, verdict: Verdict, now_s: float, chance: float, /) -> None:
        """Nothing to remember."""

    async def state(self, _key: str, _now_s: float, /) -> tuple[CircuitState, float]:
        """Closed."""
        return "closed", 0.0
