"""The API keys of each provider, inside this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import AuthenticationFailed, LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import KeySettings
from llm_manager.policies import key_ring
from llm_manager.ports import Lease


@final
class _Pool:
    __slots__ = ("ring", "secrets", "waiting")

    def __init__(self, secrets: tuple[Secret, ...]) -> None:
        self.secrets = secrets
        self.ring = key_ring.Ring(tuple(key_ring.KeyState() for _ in secrets))
        self.waiting: deque[anyio.Event] = deque()


@final
class MemoryKeys:
    """Keys take turns; a caller waits while every healthy one has all the calls in flight that it may."""

    __slots__ = ("_pools", "_settings")

    def __init__(self, settings: KeySettings) -> None:
        self._settings = settings
        self._pools: Mapping[str, _Pool] = {
            provider: _Pool(secrets) for provider, secrets in settings.providers.items() if secrets
        }

    async def lease(self, provider: str, model: str, now_s: float, /) -> Outcome[Lease, key_ring.KeyRefusal]:
        """The next healthy key with room."""
        pool = self._pools.get(provider)
        if pool is None:
            return Failure(AuthenticationFailed(model, message=f"no key for {provider} is configured"))
        while True:
            pool.ring, choice = key_ring.choose(pool.ring, model, now_s, self._settings)
            match choice:
                case key_ring.Chosen(index=index):
                    key_id = f"{provider}#{index + 1}"
                    return Success(Lease(provider=provider, key_id=key_id, model=model, secret=pool.secrets[index]))
                case key_ring.Busy():
                    await self._turn(pool)
                case refusal:
                    return Failure(refusal)

    async def give_back(self, lease: Lease, error: LLMError | None, now_s: float, /) -> None:
        """The call is over: remember what it said about the key, and let the next caller have it."""
        pool = self._pools[lease.provider]
        index = int(lease.key_id.rpartition("#")[2]) - 1
        pool.ring = key_ring.given_back(pool.ring, index, lease.model, error, now_s, self._settings)
        if pool.waiting:
            pool.waiting.popleft().set()

    async def usable(self, provider: str, model: str, now_s: float, /) -> bool:
        """Whether a lease would succeed now or after waiting for a call to end."""
        pool = self._pools.get(provider)
        if pool is None:
            return False
        _, choice = key_ring.choose(pool.ring, model, now_s, self._settings)
        return isinstance(choice, key_ring.Chosen | key_ring.Busy)

    async def _turn(self, pool: _Pool) -> None:
        turn = anyio.Event()
        pool.waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set() and pool.waiting:  # it was our turn and we leave: it is the next one's now
                pool.waiting.popleft().set()
            elif turn in pool.waiting:
                pool.waiting.remove(turn)
            raise
