"""The API keys of each provider inside this process, and the queue of those who wait for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf
from typing import TypeAlias, final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import LLMError, RateLimitExceeded
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import KeySettings
from llm_manager.policies import key_ring
from llm_manager.ports import Clock, Lease

Answer: TypeAlias = Outcome[Lease, key_ring.KeyRefusal]

DUST_S = 1e-6
"""A sleep that ended so much too early ended by rounding."""

MAX_CONNECTIONS = 100
"""How many calls a single key has under way at most, unless it is configured (``http.max_connections``)."""


@final
class _Waiter:
    """A caller in the queue that waits for a key for *model* until *until_s*; *answer* is there once it is known.

    It is woken when there is an answer, when it has become the head of the queue, and from its *sleep* as the head when
    the next moment has changed.
    """

    __slots__ = ("_sleep", "_woken", "answer", "model", "until_s")

    def __init__(self, model: str, until_s: float) -> None:
        self.model = model
        self.until_s = until_s
        self._woken = anyio.Event()
        self._sleep: anyio.CancelScope | None = None
        self.answer: Answer | None = None

    def wake(self) -> None:
        """Let it look again."""
        self._woken.set()
        if self._sleep is not None:
            self._sleep.cancel()

    async def rest(self, seconds: float, clock: Clock) -> None:
        """Return when it is woken, or after *seconds* if they are finite."""
        self._woken = anyio.Event()
        if seconds == inf:
            await self._woken.wait()
            return
        with anyio.CancelScope() as self._sleep:
            await clock.sleep(seconds)
        self._sleep = None


@final
class _Pool:
    """The keys of one provider and the queue for them. *now_s* is the latest time that a caller has told, *next_s* the
    next moment at which a key opens for one who waits."""

    __slots__ = ("name", "names", "next_s", "now_s", "queue", "ring", "secrets")

    def __init__(
        self, name: str, secrets: tuple[Secret | None, ...], groups: Sequence[str], most: tuple[int, int]
    ) -> None:
        self.name = name
        self.secrets = secrets
        self.names = tuple(None if secret is None else f"{name}#{at}" for at, secret in enumerate(secrets, 1))
        self.ring = key_ring.ring_of(len(secrets), groups, *most)
        self.queue: deque[_Waiter] = deque()
        self.now_s = 0.0
        self.next_s = inf


@final
class MemoryKeys:
    """Keys take turns; a caller waits in line while every healthy one rests or has all the calls that it may.

    A key that opens is handed to the first who can use it before a new caller may take it, and a refusal to all whom it
    concerns: no caller waits for a call that will never end. Only the head of a queue watches the clock.
    """

    __slots__ = ("_most", "_pools", "_settings")

    def __init__(self, settings: KeySettings, max_connections: int = MAX_CONNECTIONS) -> None:
        self._settings = settings
        self._most = max_connections
        self._pools: dict[str, _Pool] = {
            name: _Pool(name, secrets, settings.groups.get(name, ()), most_in_flight(settings, name, max_connections))
            for name, secrets in settings.providers.items()
            if secrets
        }

    async def lease(self, pool: str, model: str, max_wait_s: float, clock: Clock, /) -> Answer:
        """The next healthy key with room, when it is this caller's turn."""
        found, now_s = self._pool(pool), clock.monotonic()
        found.now_s = max(found.now_s, now_s)
        if found.queue:  # a key may have had its rest meanwhile
            self._serve(found)
        waiter = _Waiter(model, now_s + max_wait_s)
        answer = self._answer(found, waiter)
        if not isinstance(answer, key_ring.Wait):
            return answer
        found.next_s = min(found.next_s, _moment_s(answer))
        return await self._wait(found, waiter, clock)

    async def give_back(self, lease: Lease, error: LLMError | None, now_s: float, /) -> None:
        """The call is over: remember what it said about the key, and let the next in line have it."""
        self._return(self._pool(lease.pool), lease, error, now_s)

    async def usable(self, pool: str, model: str, now_s: float, /) -> bool:
        """Whether a lease would succeed now or after waiting for a call to end."""
        _, choice = key_ring.choose(self._pool(pool).ring, model, now_s)
        return isinstance(choice, key_ring.Chosen) or (isinstance(choice, key_ring.Wait) and choice.is_busy)

    def rests(self, pool: str, now_s: float, /) -> Mapping[int, tuple[float, LLMError]]:
        """Until when each key that rests does, and why; by its index among the keys of *pool*."""
        return {
            index: (key.rests_until_s, key.rests_for)
            for index, key in enumerate(self._pool(pool).ring.keys)
            if key.rests_for is not None and now_s < key.rests_until_s
        }

    def rest(self, pool: str, index: int, until_s: float, why: LLMError, /) -> None:
        """Another process was told that the key has to rest: callers that wait for it alone are answered in turn."""
        found = self._pool(pool)
        found.ring = key_ring.rested(found.ring, index, until_s, why)
        if found.queue:
            self._serve(found)

    def refused(self, pool: str, now_s: float, /) -> Mapping[int, Secret]:
        """The keys of *pool* that rest because they were refused, by their index."""
        found = self._pool(pool)
        refused = ((index, found.secrets[index]) for index in key_ring.refused_keys(found.ring, now_s))
        return {index: secret for index, secret in refused if secret is not None}

    async def recover(self, pool: str, index: int, now_s: float, /) -> None:
        """The key at *index* was taken again: callers that wait for it are served."""
        found = self._pool(pool)
        found.now_s = max(found.now_s, now_s)
        found.ring = key_ring.recovered(found.ring, index, found.now_s)
        if found.queue:
            self._serve(found)

    def _pool(self, name: str) -> _Pool:
        pool = self._pools.get(name)
        if pool is None:
            pool = self._pools[name] = _Pool(name, (None,), (), (self._most, self._most))
        return pool

    def _answer(self, pool: _Pool, waiter: _Waiter) -> Answer | key_ring.Wait:
        """A lease, why there is none, or what there is to wait for while the caller has to wait and may."""
        pool.ring, choice = key_ring.choose(pool.ring, waiter.model, pool.now_s)
        match choice:
            case key_ring.Chosen(index=index, epoch=epoch):
                key_id, secret = pool.names[index], pool.secrets[index]
                lease = Lease(
                    pool=pool.name, model=waiter.model, key_id=key_id, secret=secret, index=index, epoch=epoch
                )
                return Success(lease)
            case key_ring.Wait() as wait:
                return Failure(wait.why) if not wait.is_busy and _moment_s(wait) > waiter.until_s else wait
            case refusal:
                return Failure(refusal)

    def _return(self, pool: _Pool, lease: Lease, error: LLMError | None, now_s: float) -> None:
        pool.now_s = max(pool.now_s, now_s)
        if lease.secret is None and not isinstance(error, RateLimitExceeded):
            error = None  # what is said of a key that is not ours lets no queue rest
        chosen = key_ring.Chosen(lease.index, lease.epoch)
        pool.ring = key_ring.given_back(pool.ring, chosen, lease.model, error, pool.now_s, self._settings)
        if pool.queue:
            self._serve(pool)

    def _serve(self, pool: _Pool) -> None:
        """Answer, in order of arrival, every caller that need not wait any longer; let the head watch the clock."""
        blocked: dict[str, float] = {}
        before_s, pool.next_s = pool.next_s, inf
        for waiter in tuple(pool.queue):
            if waiter.model in blocked and blocked[waiter.model] <= waiter.until_s:
                continue
            answer = self._answer(pool, waiter)
            if isinstance(answer, key_ring.Wait):
                at_s = _moment_s(answer)
                blocked[waiter.model] = at_s  # a key that it may not use can still serve another model
                pool.next_s = min(pool.next_s, at_s)
                if at_s == inf and key_ring.serves_all_alike(pool.ring):
                    break
                continue
            waiter.answer = answer
            pool.queue.remove(waiter)
            waiter.wake()
        if pool.queue and pool.next_s != before_s:
            pool.queue[0].wake()

    async def _wait(self, pool: _Pool, waiter: _Waiter, clock: Clock) -> Answer:
        pool.queue.append(waiter)
        try:
            while waiter.answer is None:
                await self._look_again(pool, waiter, clock)
        except BaseException:
            if waiter.answer is None:
                pool.queue.remove(waiter)
                self._pass_on(pool)
            elif isinstance(waiter.answer, Success):  # asyncio's own cancel() can hit between answer and waking
                self._return(pool, waiter.answer.unwrap(), key_ring.unused(waiter.model), pool.now_s)
            raise
        self._pass_on(pool)
        return waiter.answer

    async def _look_again(self, pool: _Pool, waiter: _Waiter, clock: Clock) -> None:
        """Return when the caller was woken; as the head of the queue, serve it when the next moment has come."""
        is_head = pool.queue[0] is waiter
        await waiter.rest(max(pool.next_s - clock.monotonic(), 0.0) if is_head else inf, clock)
        now_s = clock.monotonic()
        if waiter.answer is None and is_head and now_s >= pool.next_s - DUST_S:
            pool.now_s = max(pool.now_s, now_s, pool.next_s)
            self._serve(pool)

    def _pass_on(self, pool: _Pool) -> None:
        """The clock is for the next head to watch."""
        if pool.queue:
            pool.queue[0].wake()


def _moment_s(wait: key_ring.Wait) -> float:
    """When a key opens by itself, inf where only the end of a call opens one."""
    return inf if wait.until_s is None else wait.until_s


def most_in_flight(settings: KeySettings, pool: str, max_connections: int) -> tuple[int, int]:
    """How many calls each key of *pool*, and all of them, have under way at most: a single key has no limit but that of
    the connections."""
    several = len(settings.providers.get(pool, ())) > 1
    return (min(settings.max_connections_per_key, max_connections) if several else max_connections), max_connections
