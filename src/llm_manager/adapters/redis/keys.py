"""API keys that several processes use: a rest that one of them is told by a provider is honoured by all, and no key of
a pool of several has more calls in flight than it may, in all processes together.

The pool of this process chooses a key, and its queue is where callers wait for one that rests; then Redis says whether
one more call may use it. A process tells all the calls it has in flight in every word; those of one that was silent for
:data:`SILENT_S` are not counted until it speaks again. Whose turn it is, and how calls are paced after a rest, stays
each process's own. The key itself never reaches Redis, only a fingerprint from which it cannot be had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, final
from uuid import uuid4

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.scripts import SECOND_US, Moment, Script, keys_of, servers_time, whole_of
from llm_manager.adapters.redis.wire import Reply, Word
from llm_manager.domain.errors import (
    AuthenticationFailed,
    LLMError,
    QuotaExhausted,
    RateLimitExceeded,
    StoreUnavailable,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import KeySettings, RedisSettings
from llm_manager.policies.key_ring import unused
from llm_manager.ports import Clock, Keys, Lease, RecoverableKeys

LOOK_AGAIN_S = 0.05
"""After what time a key is asked for again that other processes use as often as it may be."""

SILENT_S = 60.0
"""How long the calls in flight of a silent process count. A process that died, or was killed in a deploy, must not keep
its keys from all others for as long as a call may last, which is an hour. One that lives speaks whenever a call of it
begins or ends: only calls longer than this, of a process without any other, are missed, until the first of them ends.
"""

SAME_REST_S = 0.05
"""A rest that ends later than the one known by less than this is the same, told back with the delay of the network."""


class RestingKeys(Keys, RecoverableKeys, Protocol):
    """Keys of this process that can say which of them rest, and be told so."""

    def rests(self, pool: str, now_s: float, /) -> Mapping[int, tuple[float, LLMError]]:
        """Until when each key that rests does, and why; by its index among the keys of *pool*."""
        ...

    def rest(self, pool: str, index: int, until_s: float, why: LLMError, /) -> None:
        """Another process was told that the key has to rest."""
        ...


@dataclass(slots=True)
class _Desk:
    """The keys of one pool: the fingerprint of each, where one of it stands, and the calls that use each."""

    pool: str
    marks: tuple[str, ...]
    places: Mapping[bytes, Sequence[int]]
    calls: list[int]
    number: int = 0
    line: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))

    @property
    def is_counted(self) -> bool:
        """Are its calls in flight limited over all processes? Those of a single key are not."""
        return len(self.marks) > 1


@final
class RedisKeys:
    """The keys of *own*, which rest and are in use for all processes; while Redis is away, and for a pool without keys,
    *own* alone."""

    __slots__ = ("_desks", "_keys", "_moment", "_most", "_own", "_process", "_redis", "_script")

    def __init__(
        self,
        redis: Redis,
        settings: KeySettings,
        shared: RedisSettings,
        own: RestingKeys,
        moment: Moment = servers_time,
    ) -> None:
        self._redis = redis
        self._own = own
        self._moment = moment
        self._most = settings.max_connections_per_key
        self._process = uuid4().hex
        self._keys = keys_of(shared.prefix, "keys")
        self._script = Script("keys")
        self._desks = {pool: _desk(pool, secrets) for pool, secrets in settings.providers.items() if secrets}

    async def lease(
        self, pool: str, model: str, max_wait_s: float, clock: Clock, /
    ) -> Outcome[Lease, RateLimitExceeded | AuthenticationFailed | QuotaExhausted]:
        """The next healthy key with room.

        Where other processes leave no room, every key is tried in turn, and again after a while.
        """
        desk = self._desks.get(pool)
        if desk is None:
            return await self._own.lease(pool, model, max_wait_s, clock)
        until_s, refused = clock.monotonic() + max_wait_s, 0
        while True:
            leased = await self._own.lease(pool, model, until_s - clock.monotonic(), clock)
            if not isinstance(leased, Success):
                return leased
            lease = leased.unwrap()
            try:
                if await self._may_use(desk, lease.index, clock):
                    return leased
                if lease.index not in self._own.rests(pool, clock.monotonic()):
                    refused += 1
                    if refused % len(desk.marks) == 0:
                        await clock.sleep(LOOK_AGAIN_S)
            except BaseException:
                await self._own.give_back(lease, unused(model), clock.monotonic())
                raise
            await self._own.give_back(lease, unused(model), clock.monotonic())

    async def give_back(self, lease: Lease, error: LLMError | None, now_s: float, /) -> None:
        """The call is over: what it said about the key is remembered here first, and then told to all."""
        desk = self._desks.get(lease.pool)
        if desk is None:
            await self._own.give_back(lease, error, now_s)
            return
        before = self._own.rests(lease.pool, now_s)
        await self._own.give_back(lease, error, now_s)
        told = {index: rest for index, rest in self._own.rests(lease.pool, now_s).items() if rest != before.get(index)}
        if desk.is_counted:
            desk.calls[lease.index] -= 1
        elif not told:
            return
        with anyio.CancelScope(shield=True):
            await self._exchange(desk, lambda: now_s, told)

    async def usable(self, pool: str, model: str, now_s: float, /) -> bool:
        """Whether a lease would succeed now or after waiting for a call to end."""
        if pool in self._desks:
            await self._exchange(self._desks[pool], lambda: now_s)
        return await self._own.usable(pool, model, now_s)

    def refused(self, pool: str, now_s: float, /) -> Mapping[int, Secret]:
        """The keys of *pool* that rest because they were refused, by their index."""
        return self._own.refused(pool, now_s)

    async def recover(self, pool: str, index: int, now_s: float, /) -> None:
        """The key at *index* was taken again: it rests no longer here, and no process hears any more that it does."""
        await self._own.recover(pool, index, now_s)
        if pool in self._desks:
            with anyio.CancelScope(shield=True):
                await self._exchange(self._desks[pool], lambda: now_s, {index: (now_s, None)})

    async def _may_use(self, desk: _Desk, index: int, clock: Clock) -> bool:
        """Whether one more call may use the key: no other process has it rest, or uses it as often as it may be."""
        if desk.is_counted:
            return await self._exchange(desk, clock.monotonic, wanted=index)
        await self._exchange(desk, clock.monotonic)
        return index not in self._own.rests(desk.pool, clock.monotonic())

    async def _exchange(
        self,
        desk: _Desk,
        now: Callable[[], float],
        told: Mapping[int, tuple[float, LLMError | None]] | None = None,
        wanted: int | None = None,
    ) -> bool:
        """Tell how our calls stand and what we were told, and hear what others were; whether *wanted* may be used.

        A Redis that is away changes nothing: then the pool of this process has decided.
        """
        async with desk.line:  # a word must not overtake another
            desk.number += 1
            heard = await self._say(desk, now(), told or {}, wanted)
            may_use = isinstance(heard, Failure) or heard.unwrap()[0] == 1
            if may_use and wanted is not None:
                desk.calls[wanted] += 1
        reply = [] if isinstance(heard, Failure) else heard.unwrap()[1:]
        for rest in zip(reply[::3], reply[1::3], reply[2::3], strict=False):
            self._hear(desk, now(), rest)
        return may_use

    async def _say(
        self, desk: _Desk, now_s: float, told: Mapping[int, tuple[float, LLMError | None]], wanted: int | None
    ) -> Outcome[list[Reply], StoreUnavailable]:
        names = [self._keys(desk.pool, part) for part in ("rests", "flights", "waiting")]
        want = "" if wanted is None else desk.marks[wanted]
        used = {mark: sum(desk.calls[at] for at in places) for mark, places in desk.places.items()}
        used = {mark: calls for mark, calls in used.items() if calls > 0}
        rests: list[Word] = []
        for index, (until_s, why) in told.items():
            rests += [desk.marks[index], round((until_s - now_s) * SECOND_US), _reason(why)]
        silent_us = round(SILENT_S * SECOND_US)
        outcome = await self._script.run(
            self._redis,
            names,
            *(self._moment(now_s), self._process, desk.number, silent_us, self._most, want, len(used)),
            *(word for pair in used.items() for word in pair),
            *rests,
        )
        if isinstance(outcome, Success) and outcome.unwrap()[:1] not in ([0], [1]):
            return Failure(StoreUnavailable("redis", "it answered what no script of ours does"))
        return outcome

    def _hear(self, desk: _Desk, now_s: float, rest: tuple[Reply, Reply, Reply]) -> None:
        match rest:
            case bytes() as mark, reply_us, reason if (left_us := whole_of(reply_us)) is not None:
                until_s = now_s + left_us / SECOND_US
                known = self._own.rests(desk.pool, now_s)
                for index in desk.places.get(mark, ()):  # none: a key that we do not have
                    if index not in known or known[index][0] < until_s - SAME_REST_S:
                        self._own.rest(desk.pool, index, until_s, _why(reason))
            case _:
                pass


def _reason(why: LLMError | None) -> str:
    match why:
        case None:
            return "well"
        case QuotaExhausted():
            return "quota"
        case AuthenticationFailed():
            return "refused"
        case _:
            return "rate"


def _why(reason: Reply) -> LLMError:
    match reason:
        case b"quota":
            return QuotaExhausted("")
        case b"refused":
            return AuthenticationFailed("", message="another process was refused with this key")
        case _:
            return RateLimitExceeded("")


def _desk(pool: str, secrets: tuple[Secret, ...]) -> _Desk:
    marks = tuple(_fingerprint(secret) for secret in secrets)
    places = {mark.encode(): [at for at, each in enumerate(marks) if each == mark] for mark in marks}
    return _Desk(pool, marks, places, [0] * len(secrets))


def _fingerprint(secret: Secret) -> str:
    """The same in every process that has the key. A key has far too many bits for all of them to be tried."""
    return blake2b(secret.reveal().encode(), digest_size=16, person=b"llm_manager/rest").hexdigest()
