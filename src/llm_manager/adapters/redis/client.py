"""A Redis that may be away: every call answers in a short time, and what goes wrong is a value.

The rule: nobody waits for a Redis that does not answer twice. After a failure it is left alone for a moment; then one
caller looks whether it is back, while all others still do without it.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TypeAlias, final

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.redis.wire import Connection, NotRedis, Refusal, Reply, Word, connected
from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.redis_address import RedisAddress
from llm_manager.domain.settings import RedisSettings

PATIENCE = 4
"""A caller waits in line for a connection for at most so many exchanges that take all the time they may."""

NOT_IN_SERVICE = frozenset({"LOADING", "BUSY", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "MISCONF"})
"""What a Redis answers that starts, is stuck, or gave its place to another: as good as away."""

_BROKEN = (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, NotRedis, Refusal)


class Redis(Protocol):
    """Somebody who passes commands on to a Redis."""

    async def call(self, *command: Word) -> Outcome[Reply, StoreUnavailable]:
        """The reply, in which an error that Redis answers is a value too; or why there is none."""
        ...


Tell: TypeAlias = Callable[[StoreUnavailable | None], None]
"""Who wants to know that Redis went away, and why, or, None, that it is back."""


def nobody(_error: StoreUnavailable | None) -> None:
    """Nobody wants to know."""


@final
class RedisClient:
    """Connections to one Redis, used one call at a time; what is idle is kept only between :meth:`open` and the end.

    A client that was not opened closes each connection after its call: nothing is left behind that nobody closes.
    """

    __slots__ = ("_address", "_away", "_idle", "_keeps", "_looks_again_s", "_settings", "_slots", "_tell")

    def __init__(self, address: RedisAddress, settings: RedisSettings, tell: Tell = nobody) -> None:
        self._address = address
        self._tell = tell
        self._settings = settings
        self._slots = anyio.Semaphore(settings.max_connections, fast_acquire=True)
        self._idle: list[Connection] = []
        self._keeps = False
        self._away: StoreUnavailable | None = None
        self._looks_again_s = 0.0

    def open(self) -> Self:
        """From now on keep connections for the next call; whoever says so calls :meth:`aclose` in the same loop."""
        self._keeps = True
        return self

    async def aclose(self) -> None:
        """Close what is idle; what is in use closes when its call is over."""
        self._keeps = False
        while self._idle:
            await self._idle.pop().aclose()

    async def __aenter__(self) -> Self:
        return self.open()

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    async def call(self, *command: Word) -> Outcome[Reply, StoreUnavailable]:
        """The reply to *command*. Fails at once while Redis is left alone, and otherwise within the time-out."""
        away = self._left_alone()
        if away is not None:
            return Failure(away)
        try:
            with anyio.fail_after(self._settings.timeout_s * PATIENCE):
                await self._slots.acquire()
        except TimeoutError:
            return Failure(self._unavailable("too many calls wait for it"))
        try:
            return await self._exchange(command)
        finally:
            self._slots.release()

    async def _exchange(self, command: tuple[Word, ...]) -> Outcome[Reply, StoreUnavailable]:
        away = self._left_alone()  # it may have gone while we stood in line
        if away is not None:
            return Failure(away)
        if self._away is not None:
            self._looks_again_s = anyio.current_time() + self._settings.rest_s
        try:
            with anyio.fail_after(self._settings.timeout_s):
                reply = await self._asked(command)
        except _BROKEN as bad:
            self._looks_again_s = anyio.current_time() + self._settings.rest_s
            return Failure(self._turned(self._unavailable(_why(bad))))
        if self._away is not None:
            self._away = None
            self._tell(None)
        return Success(reply)

    def _turned(self, away: StoreUnavailable) -> StoreUnavailable:
        """Redis is away now; only the first one to notice tells."""
        before, self._away = self._away, away
        if before is None:
            self._tell(away)
        return away

    async def _asked(self, command: tuple[Word, ...]) -> Reply:
        connection = await self._quiet() or await connected(self._address)
        try:
            reply = await connection.ask(command)
            if isinstance(reply, Refusal) and reply.code in NOT_IN_SERVICE:
                raise reply
        except BaseException:  # cancelled too: the reply would be the next one's
            await connection.aclose()
            raise
        if self._keeps:
            self._idle.append(connection)
        else:
            await connection.aclose()
        return reply

    async def _quiet(self) -> Connection | None:
        """A connection that was idle and can still be used: one that Redis closed meanwhile must not fail a call."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_quiet():
                return connection
            await connection.aclose()
        return None

    def _left_alone(self) -> StoreUnavailable | None:
        return self._away if self._away is not None and anyio.current_time() < self._looks_again_s else None

    def _unavailable(self, said: str) -> StoreUnavailable:
        return StoreUnavailable("redis", f"{self._address}: {said}")


def _why(bad: BaseException) -> str:
    match bad:
        case TimeoutError():
            return "no answer in time"
        case Refusal(code=code):
            return f"it refuses to serve us: {code}"
        case OSError(strerror=str(said)):
            return said
        case OSError():
            return "cannot be reached"
        case NotRedis():
            return str(bad)
        case _:
            return "the connection broke"
