"""API keys by provider."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from llm_manager.domain.errors import (
    AuthenticationFailed,
    LLMError,
    QuotaExhausted,
    RateLimitExceeded,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The use of one key. *key_id* names it without revealing it: ``openai#1``."""

    provider: str
    key_id: str
    model: str
    secret: Secret


class Keys(Protocol):
    """API keys by provider; several take turns."""

    async def lease(
        self, provider: str, model: str, now_s: float, /
    ) -> Outcome[Lease, RateLimitExceeded | AuthenticationFailed | QuotaExhausted]:
        """A healthy key with room. Fails with the soonest recovery when all rest, or with what disabled the last."""
        ...

    async def give_back(self, lease: Lease, error: LLMError | None, now_s: float, /) -> None:
        """The call is over; *error* is what the provider said, which may disable the key or let it rest."""
        ...

    async def usable(self, provider: str, model: str, now_s: float, /) -> bool:
        """Whether a lease would succeed now or after waiting for a call to end."""
        ...
