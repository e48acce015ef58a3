"""The rests of API keys, shared: what one process is told by a provider, the others know before they ask.

How many calls a key has in flight, and whose turn it is, stays each process's own. The key itself never reaches Redis,
only a fingerprint from which it cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol, final

from returns.result import Failure

from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.scripts import SECOND_US, Moment, Script, keys_of, servers_time
from llm_manager.adapters.redis.wire import Reply, Word
from llm_manager.domain.errors import (
    AuthenticationFailed,
    LLMError,
    QuotaExhausted,
    RateLimitExceeded,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import KeySettings, RedisSettings
from llm_manager.ports import Keys, Lease


class RestingKeys(Keys, Protocol):
    """Keys of this process that can say which of them rest, and be told so."""

    def rests(self, provider: str, now_s: float, /) -> Mapping[int, tuple[float, LLMError]]:
        """Until when each key that rests does, and why; by its place among the keys of *provider*."""
        ...

    def rest(self, provider: str, index: int, until_s: float, why: LLMError, /) -> None:
        """Somebody else was told that the key has to rest."""
        ...


@dataclass(frozen=True, slots=True)
class _Marks:
    """The fingerprints of one provider's keys, in their order and the other way round."""

    by_place: tuple[str, ...]
    places: Mapping[bytes, int]


@final
class RedisKeys:
    """The keys of *own*, which rest when any process was told that they must; while Redis is away, *own* alone."""

    __slots__ = ("_keys", "_marks", "_moment", "_own", "_redis", "_script")

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
        self._keys = keys_of(shared.prefix, "keys")
        self._script = Script("keys")
        self._marks = {provider: _marks(secrets) for provider, secrets in settings.providers.items() if secrets}

    async def lease(
        self, provider: str, model: str, now_s: float, /
    ) -> Outcome[Lease, RateLimitExceeded | AuthenticationFailed | QuotaExhausted]:
        """The next healthy key with room."""
        await self._exchange(provider, now_s)
        return await self._own.lease(provider, model, now_s)

    async def give_back(self, lease: Lease, error: LLMError | None, now_s: float, /) -> None:
        """The call is over: what it said about the key is remembered here first, and then told to all."""
        before = self._own.rests(lease.provider, now_s)
        await self._own.give_back(lease, error, now_s)
        told = {
            index: rest for index, rest in self._own.rests(lease.provider, now_s).items() if rest != before.get(index)
        }
        if told:
            await self._exchange(lease.provider, now_s, told)

    async def usable(self, provider: str, model: str, now_s: float, /) -> bool:
        """Whether a lease would succeed now or after waiting for a call to end."""
        await self._exchange(provider, now_s)
        return await self._own.usable(provider, model, now_s)

    async def _exchange(
        self, provider: str, now_s: float, told: Mapping[int, tuple[float, LLMError]] | None = None
    ) -> None:
        """Tell what we were told, and hear what others were. A Redis that is away changes nothing."""
        marks = self._marks.get(provider)
        if marks is None:
            return
        words: list[Word] = []
        for index, (until_s, why) in (told or {}).items():
            words += [marks.by_place[index], round((until_s - now_s) * SECOND_US), _reason(why)]
        names = [self._keys(provider, "rests")]
        heard = await self._script.run(self._redis, names, self._moment(now_s), *words)
        if isinstance(heard, Failure):
            return
        reply = heard.unwrap()
        for fingerprint, left_us, reason in zip(reply[::3], reply[1::3], reply[2::3], strict=False):
            self._hear(provider, marks, now_s, (fingerprint, left_us, reason))

    def _hear(self, provider: str, marks: _Marks, now_s: float, rest: tuple[Reply, Reply, Reply]) -> None:
        match rest:
            case bytes() as fingerprint, bytes() as left_us, reason if fingerprint in marks.places:
                until_s = now_s + int(left_us) / SECOND_US
                why = QuotaExhausted("") if reason == b"quota" else RateLimitExceeded("")
                self._own.rest(provider, marks.places[fingerprint], until_s, why)
            case _:  # a key that we do not have
                pass


def _reason(why: LLMError) -> str:
    return "quota" if isinstance(why, QuotaExhausted) else "rate"


def _marks(secrets: tuple[Secret, ...]) -> _Marks:
    marks = tuple(_fingerprint(secret) for secret in secrets)
    return _Marks(marks, {mark.encode(): index for index, mark in enumerate(marks)})


def _fingerprint(secret: Secret) -> str:
    """The same in every process that has the key. A key has far too many bits for all of them to be tried."""
    return blake2b(secret.reveal().encode(), digest_size=16, person=b"llm_manager/rest").hexdigest()
