"""Circuit breakers that several processes share: decided by ``policies.breaker``, kept in Redis.

A move is written only if nobody made another one meanwhile, and else decided anew on what they left. So of all
processes one gets the lease of a probe, and no result that was counted is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, final

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.redis.breaker_text import state_of, text_of
from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.scripts import SECOND_US, Moment, Script, keys_of, servers_time, whole_of
from llm_manager.domain.errors import CircuitOpen, StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import BreakerSettings, RedisSettings
from llm_manager.domain.status import CircuitState
from llm_manager.policies import breaker
from llm_manager.ports import Breakers, Permit, Verdict

A = TypeVar("A")

Move: TypeAlias = Callable[[breaker.State, float], tuple[breaker.State, A]]

MOST_TRIES = 100
"""A move that so many others overtook is given up: there is always one that succeeds, and this one is not needed."""

MEMORY_S = 3600.0
"""A breaker that nobody used for so long, beyond all its own times, is forgotten, and new when it is next asked for."""


@dataclass(frozen=True, slots=True)
class SharedPermit(Permit):
    """Leave that was given by the breaker in Redis, and not by that of this process while Redis was away."""


@dataclass(frozen=True, slots=True)
class _Read:
    now_s: float
    text: bytes


@final
class RedisBreakers:
    """One breaker a key for all processes; while Redis is away, *meanwhile*'s."""

    __slots__ = ("_keys", "_lines", "_meanwhile", "_moment", "_redis", "_script", "_settings")

    def __init__(
        self,
        redis: Redis,
        settings: BreakerSettings,
        shared: RedisSettings,
        meanwhile: Breakers,
        moment: Moment = servers_time,
    ) -> None:
        self._redis = redis
        self._settings = settings
        self._meanwhile = meanwhile
        self._moment = moment
        self._keys = keys_of(shared.prefix, "breaker")
        self._script = Script("breaker")
        self._lines: dict[str, anyio.Lock] = {}

    async def admit(self, key: str, model: str, now_s: float, /) -> Outcome[Permit, CircuitOpen]:
        """Leave to send, or how long to stay away."""

        def move(
            state: breaker.State, at_s: float
        ) -> tuple[breaker.State, tuple[float, breaker.Admitted | breaker.Refused]]:
            after, answer = breaker.admit(state, at_s, self._settings)
            return after, (at_s, answer)

        moved = await self._move(key, now_s, move)
        if isinstance(moved, Failure):
            return await self._meanwhile.admit(key, model, now_s)
        began_s, answer = moved.unwrap()
        if isinstance(answer, breaker.Refused):
            return Failure(CircuitOpen(model, answer.wait_s, probing=answer.probing))
        return Success(SharedPermit(key, answer.generation, answer.probe, began_s))

    async def record(self, permit: Permit, verdict: Verdict, now_s: float, chance: float, /) -> None:
        """What came of it. If Redis is away just then it is not counted, and the lease of a probe ends by itself."""
        if not isinstance(permit, SharedPermit):
            await self._meanwhile.record(permit, verdict, now_s, chance)
            return

        def move(state: breaker.State, at_s: float) -> tuple[breaker.State, None]:
            after = breaker.record(state, permit.generation, verdict, permit.began_s, at_s, chance, self._settings)
            return after, None

        with anyio.CancelScope(shield=True):
            async with self._line(permit.key):  # those of one process would only overtake each other
                await self._move(permit.key, now_s, move)

    async def state(self, key: str, now_s: float, /) -> tuple[CircuitState, float]:
        """Where the breaker stands, and in how many seconds it lets a call pass."""
        read = await self._swap(key, now_s)
        if isinstance(read, Failure):
            return await self._meanwhile.state(key, now_s)
        held = read.unwrap()[0]
        return breaker.standing(state_of(held.text, held.now_s, self._settings), held.now_s)

    async def expect(self, key: str, now_s: float, /) -> None:
        """Let one process probe now, where the circuit is open; nothing while Redis is away."""
        with anyio.CancelScope(shield=True):
            await self._move(key, now_s, lambda state, at_s: (breaker.expected(state, at_s), None))

    async def _move(self, key: str, now_s: float, move: Move[A]) -> Outcome[A, StoreUnavailable]:
        read = await self._swap(key, now_s)
        for _ in range(MOST_TRIES):
            if isinstance(read, Failure):
                return read
            held, _ = read.unwrap()
            before = state_of(held.text, held.now_s, self._settings)
            after, answer = move(before, held.now_s)
            if after == before:
                return Success(answer)
            read = await self._swap(key, now_s, held.text, after)
            if isinstance(read, Success) and read.unwrap()[1]:
                return Success(answer)
        return Failure(StoreUnavailable("redis", "others were always faster"))

    async def _swap(
        self, key: str, now_s: float, held: bytes = b"", after: breaker.State | None = None
    ) -> Outcome[tuple[_Read, bool], StoreUnavailable]:
        """What the key holds, and whether it holds *after* from now on: only if it still held *held*."""
        change = () if after is None else (held, text_of(after), self._keep_ms())
        names = [self._keys(key, "state")]
        outcome = await self._script.run(self._redis, names, self._moment(now_s), *change)
        if isinstance(outcome, Failure):
            return outcome
        match outcome.unwrap():
            case [reply_us, bytes() as text, int() as changed] if (now_us := whole_of(reply_us)) is not None:
                return Success((_Read(now_us / SECOND_US, text), bool(changed)))
            case _:
                return Failure(StoreUnavailable("redis", "it answered what no script of ours does"))

    def _keep_ms(self) -> int:
        own_s = self._settings.window_s + 2 * breaker.longest_s(self._settings) + self._settings.probe_s
        return round((MEMORY_S + own_s) * 1000)

    def _line(self, key: str) -> anyio.Lock:
        return self._lines.setdefault(key, anyio.Lock())
