"""A Redis that may be away: every call answers in a short time, and what goes wrong is a value.

The rule: nobody waits for a Redis that does not answer twice. After a failure it is left alone for a moment; then one
caller looks whether it is back, while all others still do without it. The same goes for one that answers, but slowly:
when it has kept us waiting for a whole time-out, in however many answers, and none of them was prompt.
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

PATIENCE = 2
"""A caller waits in line for a connection for at most so many time-outs, and so long only where answers are prompt."""

NOT_IN_SERVICE = frozenset({"LOADING", "BUSY", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "MISCONF"})
"""What a Redis answers that starts, is stuck, or gave its place to another: as good as away."""

PROMPT = 1 / 8
"""An answer within this part of the time-out is prompt: a caller who asks eight times waits for one time-out in all."""

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

    __slots__ = ("_address", "_away", "_idle", "_keeps", "_looks_again_s", "_settings", "_slots", "_slow", "_tell")

    def __init__(self, address: RedisAddress, settings: RedisSettings, tell: Tell = nobody) -> None:
        self._address = address
        self._tell = tell
        self._settings = settings
        self._slots = anyio.Semaphore(settings.max_connections, fast_acquire=True)
        self._idle: list[Connection] = []
        self._keeps = False
        self._away: StoreUnavailable | None = None
        self._looks_again_s = 0.0
        self._slow = _Slowness(settings.timeout_s)

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
            with anyio.fail_after(self._slow.left_s()):
                reply = await self._asked(command)
        except _BROKEN as bad:
            return Failure(self._leave_alone(_why(bad)))
        if self._slow.is_enough():
            self._leave_alone("it answers too slowly")
        elif self._away is not None and self._slow.is_over():
            self._away = None
            self._tell(None)
        return Success(reply)

    def _leave_alone(self, why: str) -> StoreUnavailable:
        """Redis is away now; only the first one to notice tells."""
        before, away = self._away, self._unavailable(why)
        self._away = away
        self._looks_again_s = anyio.current_time() + self._settings.rest_s
        self._slow.forget()
        if before is None:
            self._tell(away)
        return away

    async def _asked(self, command: tuple[Word, ...]) -> Reply:
        connection = await self._quiet() or await connected(self._address)
        try:
            began_s = anyio.current_time()
            reply = await connection.ask(command)
            self._slow.saw(began_s, anyio.current_time())
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


@final
class _Slowness:
    """How long Redis has kept us waiting since it last answered promptly; waits at the same time count once."""

    __slots__ = ("_counted_until_s", "_timeout_s", "_waited_s")

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self.forget()

    def forget(self) -> None:
        """It is left alone, and may show itself anew."""
        self._waited_s = self._counted_until_s = 0.0

    def saw(self, began_s: float, ended_s: float) -> None:
        """It answered, so soon or so late."""
        if ended_s - began_s <= self._timeout_s * PROMPT:
            self._waited_s = 0.0
        else:
            self._waited_s += ended_s - max(began_s, self._counted_until_s)
        self._counted_until_s = ended_s

    def left_s(self) -> float:
        """How long the next answer may take."""
        return max(self._timeout_s - self._waited_s, self._timeout_s * PROMPT)

    def is_over(self) -> bool:
        """Whether its last answer was prompt."""
        return self._waited_s == 0.0

    def is_enough(self) -> bool:
        """Whether it has been slow for a whole time-out."""
        return self._waited_s >= self._timeout_s


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
