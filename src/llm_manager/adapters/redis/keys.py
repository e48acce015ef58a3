"""API keys that several processes use: what one is told by a provider, the others know before they ask; and no key has
more calls in flight than it may, in all of them together.

The pool of this process chooses a key, then Redis says whether one more call may use it. A process tells all the calls
it has in flight in every word; one that has been silent for longer than any call lasts is held for dead. Whose turn it
is stays each process's own. The key itself never reaches Redis, only a fingerprint from which it cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Protocol, final
from uuid import uuid4

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.scripts import SECOND_US, Moment, Script, keys_of, servers_time
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
from llm_manager.ports import Keys, Lease

LOOK_AGAIN_S = 0.05
"""How soon somebody asks again for a key that others use as often as it may be."""

LONGEST_CALL_S = 300.0
"""How long a process may be silent, unless it is said how long a call may last."""


class RestingKeys(Keys, Protocol):
    """Keys of this process that can say which of them rest, and be told so."""

    def rests(self, provider: str, now_s: float, /) -> Mapping[int, tuple[float, LLMError]]:
        """Until when each key that rests does, and why; by its place among the keys of *provider*."""
        ...

    def rest(self, provider: str, index: int, until_s: float, why: LLMError, /) -> None:
        """Somebody else was told that the key has to rest."""
        ...

    def latest_s(self, provider: str, /) -> float:
        """The latest time that anybody told."""
        ...


@dataclass(slots=True)
class _Desk:
    """One provider's keys: fingerprints in their order and the other way round, and the calls that use each."""

    marks: tuple[str, ...]
    places: Mapping[bytes, int]
    by_secret: Mapping[Secret, int]
    calls: list[int]
    number: int = 0
    line: anyio.Lock = field(default_factory=lambda: anyio.Lock(fast_acquire=True))


@final
class RedisKeys:
    """The keys of *own*, which rest and are in use for all processes; while Redis is away, *own* alone.

    A process that said nothing for *longest_call_s* has no calls in flight any more.
    """

    __slots__ = ("_desks", "_keys", "_longest_us", "_moment", "_most", "_own", "_process", "_redis", "_script")

    def __init__(
        self,
        redis: Redis,
        settings: KeySettings,
        shared: RedisSettings,
        own: RestingKeys,
        moment: Moment = servers_time,
        *,
        longest_call_s: float = LONGEST_CALL_S,
    ) -> None:
        self._redis = redis
        self._own = own
        self._moment = moment
        self._most = settings.max_connections_per_key
        self._longest_us = round(longest_call_s * SECOND_US)
        self._process = uuid4().hex
        self._keys = keys_of(shared.prefix, "keys")
        self._script = Script("keys")
        self._desks = {provider: _desk(secrets) for provider, secrets in settings.providers.items() if secrets}

    async def lease(
        self, provider: str, model: str, now_s: float, /
    ) -> Outcome[Lease, RateLimitExceeded | AuthenticationFailed | QuotaExhausted]:
        """The next healthy key with room.

        Where other processes leave no room, every key is tried in turn, and again after a while.
        """
        at_s, refusals = now_s, 0
        while True:
            leased = await self._own.lease(provider, model, at_s)
            if isinstance(leased, Failure):
                return leased
            lease, began_s = leased.unwrap(), anyio.current_time()
            at_s = max(at_s, self._own.latest_s(provider))  # it may have waited
            index = self._desks[provider].by_secret[lease.secret]
            try:
                if await self._exchange(provider, at_s, wanted=index):
                    return leased
                refusals += 1
                if refusals % len(self._desks[provider].marks) == 0 and index not in self._own.rests(provider, at_s):
                    await anyio.sleep(LOOK_AGAIN_S)
            except BaseException:
                await self._own.give_back(lease, None, at_s)
                raise
            at_s += anyio.current_time() - began_s
            await self._own.give_back(lease, None, at_s)

    async def give_back(self, lease: Lease, error: LLMError | None, now_s: float, /) -> None:
        """The call is over: what it said about the key is remembered here first, and then told to all."""
        desk = self._desks[lease.provider]
        before = self._own.rests(lease.provider, now_s)
        await self._own.give_back(lease, error, now_s)
        desk.calls[desk.by_secret[lease.secret]] -= 1
        told = {
            index: rest for index, rest in self._own.rests(lease.provider, now_s).items() if rest != before.get(index)
        }
        with anyio.CancelScope(shield=True):
            await self._exchange(lease.provider, now_s, told)

    async def usable(self, provider: str, model: str, now_s: float, /) -> bool:
        """Whether a lease would succeed now or after waiting for a call to end."""
        if provider in self._desks:
            await self._exchange(provider, now_s)
        return await self._own.usable(provider, model, now_s)

    async def _exchange(
        self,
        provider: str,
        now_s: float,
        told: Mapping[int, tuple[float, LLMError]] | None = None,
        wanted: int | None = None,
    ) -> bool:
        """Tell how our calls stand and what we were told, and hear what others were; whether *wanted* may be used.

        A Redis that is away changes nothing: then the pool of this process has decided.
        """
        desk = self._desks[provider]
        async with desk.line:  # a word must not overtake another
            desk.number += 1
            heard = await self._say(provider, desk, now_s, told or {}, wanted)
            may_use = isinstance(heard, Failure) or heard.unwrap()[0] == 1
            if may_use and wanted is not None:
                desk.calls[wanted] += 1
        reply = [] if isinstance(heard, Failure) else heard.unwrap()[1:]
        for fingerprint, left_us, reason in zip(reply[::3], reply[1::3], reply[2::3], strict=False):
            self._hear(provider, desk, now_s, (fingerprint, left_us, reason))
        return may_use

    async def _say(
        self,
        provider: str,
        desk: _Desk,
        now_s: float,
        told: Mapping[int, tuple[float, LLMError]],
        wanted: int | None,
    ) -> Outcome[list[Reply], StoreUnavailable]:
        names = [self._keys(provider, part) for part in ("rests", "flights", "waiting")]
        want = "" if wanted is None else desk.marks[wanted]
        used = [(mark, calls) for mark, calls in zip(desk.marks, desk.calls, strict=True) if calls > 0]
        rests: list[Word] = []
        for index, (until_s, why) in told.items():
            rests += [desk.marks[index], round((until_s - now_s) * SECOND_US), _reason(why)]
        outcome = await self._script.run(
            self._redis,
            names,
            *(self._moment(now_s), self._process, desk.number, self._longest_us, self._most, want, len(used)),
            *(word for pair in used for word in pair),
            *rests,
        )
        if isinstance(outcome, Success) and outcome.unwrap()[:1] not in ([0], [1]):
            return Failure(StoreUnavailable("redis", "it answered what no script of ours does"))
        return outcome

    def _hear(self, provider: str, desk: _Desk, now_s: float, rest: tuple[Reply, Reply, Reply]) -> None:
        match rest:
            case bytes() as fingerprint, bytes() as left_us, reason if fingerprint in desk.places:
                until_s = now_s + int(left_us) / SECOND_US
                why = QuotaExhausted("") if reason == b"quota" else RateLimitExceeded("")
                self._own.rest(provider, desk.places[fingerprint], until_s, why)
            case _:  # a key that we do not have
                pass


def _reason(why: LLMError) -> str:
    return "quota" if isinstance(why, QuotaExhausted) else "rate"


def _desk(secrets: tuple[Secret, ...]) -> _Desk:
    marks = tuple(_fingerprint(secret) for secret in secrets)
    places = {mark.encode(): index for index, mark in enumerate(marks)}
    return _Desk(marks, places, {secret: index for index, secret in enumerate(secrets)}, [0] * len(secrets))


def _fingerprint(secret: Secret) -> str:
    """The same in every process that has the key. A key has far too many bits for all of them to be tried."""
    return blake2b(secret.reveal().encode(), digest_size=16, person=b"llm_manager/rest").hexdigest()
