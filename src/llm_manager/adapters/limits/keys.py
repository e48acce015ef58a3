"""The API keys of each provider, inside this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import TypeAlias, final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import AuthenticationFailed, LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import KeySettings
from llm_manager.policies import key_ring
from llm_manager.ports import Lease

Answer: TypeAlias = Outcome[Lease, key_ring.KeyRefusal]


@final
class _Waiter:
    """Somebody who waits for a key that may use *model*; *answer* is there once *served* is set."""

    __slots__ = ("answer", "model", "served")

    def __init__(self, model: str) -> None:
        self.model = model
        self.served = anyio.Event()
        self.answer: Answer | None = None


@final
class _Pool:
    """The keys of one provider and who waits for them. *now_s* is the latest time anybody told."""

    __slots__ = ("indexes", "names", "now_s", "ring", "secrets", "waiting")

    def __init__(self, provider: str, secrets: tuple[Secret, ...], groups: Sequence[str]) -> None:
        self.secrets = secrets
        self.names = tuple(f"{provider}#{number}" for number in range(1, len(secrets) + 1))
        self.indexes = {name: index for index, name in enumerate(self.names)}
        self.ring = key_ring.ring_of(len(secrets), groups)
        self.waiting: deque[_Waiter] = deque()
        self.now_s = 0.0


@final
class MemoryKeys:
    """Keys take turns; a caller waits in line while every healthy one has all the calls in flight that it may.

    A key that comes back is handed to the first who can use it before anybody new may take it, and a refusal to
    everybody whom it concerns: nobody waits for a call that will never end.
    """

    __slots__ = ("_pools", "_settings")

    def __init__(self, settings: KeySettings) -> None:
        self._settings = settings
        self._pools: Mapping[str, _Pool] = {
            provider: _Pool(provider, secrets, settings.groups.get(provider, ()))
            for provider, secrets in settings.providers.items()
            if secrets
        }

    async def lease(self, provider: str, model: str, now_s: float, /) -> Answer:
        """The next healthy key with room."""
        pool = self._pools.get(provider)
        if pool is None:
            return Failure(AuthenticationFailed(model, message=f"no key for {provider} is configured"))
        pool.now_s = max(pool.now_s, now_s)
        if pool.waiting:  # a key may have had its rest meanwhile
            self._serve(provider, pool)
        answer = self._answer(provider, pool, model)
        return await self._wait(pool, model) if answer is None else answer

    async def give_back(self, lease: Lease, error: LLMError | None, now_s: float, /) -> None:
        """The call is over: remember what it said about the key, and let the next in line have it."""
        self._return(self._pools[lease.provider], lease, error, now_s)

    async def usable(self, provider: str, model: str, now_s: float, /) -> bool:
        """Whether a lease would succeed now or after waiting for a call to end."""
        pool = self._pools.get(provider)
        if pool is None:
            return False
        _, choice = key_ring.choose(pool.ring, model, now_s, self._settings)
        return isinstance(choice, key_ring.Chosen | key_ring.Busy)

    def rests(self, provider: str, now_s: float, /) -> Mapping[int, tuple[float, LLMError]]:
        """Until when each key that rests does, and why; by its place among the keys of *provider*."""
        pool = self._pools.get(provider)
        return {
            index: (key.rests_until_s, key.rests_for)
            for index, key in enumerate(() if pool is None else pool.ring.keys)
            if key.rests_for is not None and now_s < key.rests_until_s
        }

    def rest(self, provider: str, index: int, until_s: float, why: LLMError, /) -> None:
        """Somebody else was told that the key has to rest: those who wait for it alone are told in their turn."""
        pool = self._pools[provider]
        pool.ring = key_ring.rested(pool.ring, index, until_s, why)
        if pool.waiting:
            self._serve(provider, pool)

    def latest_s(self, provider: str, /) -> float:
        """The latest time that anybody told about the keys of *provider*: who waits has not seen it pass."""
        return self._pools[provider].now_s

    def _answer(self, provider: str, pool: _Pool, model: str) -> Answer | None:
        """A lease, what keeps one from being had, or None while calls in flight are all that does."""
        pool.ring, choice = key_ring.choose(pool.ring, model, pool.now_s, self._settings)
        match choice:
            case key_ring.Chosen(index=index):
                secret = pool.secrets[index]
                return Success(Lease(provider=provider, key_id=pool.names[index], model=model, secret=secret))
            case key_ring.Busy():
                return None
            case refusal:
                return Failure(refusal)

    def _return(self, pool: _Pool, lease: Lease, error: LLMError | None, now_s: float) -> None:
        pool.now_s = max(pool.now_s, now_s)
        index = pool.indexes[lease.key_id]
        pool.ring = key_ring.given_back(pool.ring, index, lease.model, error, pool.now_s, self._settings)
        if pool.waiting:
            self._serve(lease.provider, pool)

    def _serve(self, provider: str, pool: _Pool) -> None:
        """Answer, in order of arrival, everybody who need not wait any longer."""
        busy: set[str] = set()
        for waiter in tuple(pool.waiting):
            if waiter.model in busy:
                continue
            waiter.answer = self._answer(provider, pool, waiter.model)
            if waiter.answer is not None:
                pool.waiting.remove(waiter)
                waiter.served.set()
            elif key_ring.serves_all_alike(pool.ring):
                return
            else:
                busy.add(waiter.model)  # a key that it may not use can still serve another model

    async def _wait(self, pool: _Pool, model: str) -> Answer:
        waiter = _Waiter(model)
        pool.waiting.append(waiter)
        try:
            while waiter.answer is None:
                await waiter.served.wait()
        except BaseException:
            if waiter.answer is None:
                pool.waiting.remove(waiter)
            elif isinstance(waiter.answer, Success):  # asyncio's own cancel() can hit between answer and waking
                self._return(pool, waiter.answer.unwrap(), None, pool.now_s)
            raise
        return waiter.answer
