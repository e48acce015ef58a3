"""API keys by provider, and the queue in front of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from llm_manager.domain.errors import (
    AuthenticationFailed,
    LLMError,
    QuotaExhausted,
    RateLimitExceeded,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret
from llm_manager.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The use of one key for one call. *key_id* names it without revealing it: ``openai#1``.

    *secret* and *key_id* are None in a pool without keys, which is a queue alone. *epoch* tells the pool whether the
    call began before the key last had to rest.
    """

    pool: str
    model: str
    key_id: str | None = None
    secret: Secret | None = None
    index: int = 0
    epoch: int = 0


class Keys(Protocol):
    """API keys by provider; several take turns. A pool that no key is configured for is a queue without keys."""

    async def lease(
        self, pool: str, model: str, max_wait_s: float, clock: Clock, /
    ) -> Outcome[Lease, RateLimitExceeded | AuthenticationFailed | QuotaExhausted]:
        """A healthy key with room, first come first served.

        While every key rests after a rate limit, callers wait for the soonest; ``RateLimitExceeded`` with what is left
        comes back at once when that is longer than *max_wait_s*, and what disabled the last key when no wait helps. The
        wait for a call under way to end has no known length, and no limit but cancellation.
        """
        ...

    async def give_back(self, lease: Lease, error: LLMError | None, now_s: float, /) -> None:
        """The call is over; *error* is what the provider said, which may disable the key or let it rest, and None for
        an answer."""
        ...

    async def usable(self, pool: str, model: str, now_s: float, /) -> bool:
        """Whether a lease would succeed now or after waiting for a call to end."""
        ...


@runtime_checkable
class RecoverableKeys(Protocol):
    """What a pool of keys is besides if a key that was refused may be brought back before its time."""

    def refused(self, pool: str, now_s: float, /) -> Mapping[int, Secret]:
        """The keys of *pool* that rest because they were refused, by their index."""
        ...

    async def recover(self, pool: str, index: int, now_s: float, /) -> None:
        """The key at *index* was taken again: it rests no longer."""
        ...
