"""How much may be done: rates, money, places, circuits, retries, and what several want at the same time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from llm_manager.domain.errors import (
    BudgetExceeded,
    CircuitOpen,
    RateLimitExceeded,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.status import CircuitState
from llm_manager.policies.calibration import Calibration
from llm_manager.policies.latency import Latency
from llm_manager.ports.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Room in a limiter: *requests* and *tokens* taken from the buckets of *key*."""

    key: str
    requests: float
    tokens: float


class Limiter(Protocol):
    """How much may be sent in a minute, by target."""

    async def acquire(
        self, key: str, model: str, tokens: float, max_wait_s: float, clock: Clock, /
    ) -> Outcome[Reservation, RateLimitExceeded]:
        """Take one request and *tokens*, all or nothing, first come first served.

        Fails at once when the wait would exceed *max_wait_s* or *tokens* can never fit; a cancelled waiter vanishes.
        """
        ...

    async def settle(self, reservation: Reservation, used_tokens: float | None, now_s: float, /) -> None:
        """Replace the estimate by what was used; None keeps it. A balance may go below zero."""
        ...

    async def release(self, reservation: Reservation, now_s: float, /) -> None:
        """Give everything back: nothing was sent."""
        ...


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to send to the target *key* once. *generation* is the breaker's when it was given, at *began_s* by the
    breaker's own clock; *probe* counts alone."""

    key: str
    generation: int
    probe: bool
    began_s: float = 0.0


Verdict: TypeAlias = Literal["success", "failure", "neither"]


class Budget(Protocol):
    """Money that may be spent, in USD."""

    async def reserve(self, worst_usd: float, max_wait_s: float, clock: Clock, /) -> Outcome[None, BudgetExceeded]:
        """Reserve *worst_usd* before a request is sent that may cost as much.

        What other requests have reserved may come back and is waited for, *max_wait_s* at most; where what is spent
        leaves no room, ``BudgetExceeded`` comes at once. A cancelled caller holds nothing.
        """
        ...

    async def settle(self, worst_usd: float, used_usd: float, /) -> None:
        """Put what was *used* in the place of what was reserved; nothing, when nothing was billed."""
        ...

    async def spent_usd(self) -> float:
        """What has been spent so far."""
        ...


class Places(Protocol):
    """How many may do something at the same time, by key."""

    async def enter(self, key: Hashable, limit: int, /) -> None:
        """Take one of *limit* places, once one is free, in the order of arrival."""
        ...

    def leave(self, key: Hashable, /) -> None:
        """Give the place back."""
        ...


@dataclass(frozen=True, slots=True)
class Flown(Generic[T]):
    """What *came* of work that several may have wanted; *led* says whether it was done for this one."""

    came: T
    led: bool


class Flights(Protocol):
    """Work under way, by key: several who want the same at the same time have it done once."""

    async def join(self, key: str, work: Callable[[], Awaitable[T]], is_for_all: Callable[[T], bool], /) -> Flown[T]:
        """What *work* gives, done by the first who asks for *key*; the others wait for it.

        When that one is cancelled, or what came is not *for all* (its own deadline was the reason), the next does it.
        """
        ...


class Breakers(Protocol):
    """Circuit breakers by target key. Times are seconds on the context's clock; *chance* is a number in [0, 1)."""

    async def admit(self, key: str, model: str, now_s: float, /) -> Outcome[Permit, CircuitOpen]:
        """Leave to send, or how long to stay away."""
        ...

    async def record(self, permit: Permit, verdict: Verdict, now_s: float, chance: float, /) -> None:
        """What came of it; ``neither`` gives a probe's lease back without a verdict."""
        ...

    async def state(self, key: str, now_s: float, /) -> tuple[CircuitState, float]:
        """Where the breaker stands, and in how many seconds it lets a call pass: 0 at once; while a probe is under way,
        which is half-open with a time, when its lease ends at the latest."""
        ...


@runtime_checkable
class EarlyProbes(Protocol):
    """What breakers are besides if a target that seems to be well again may be probed before its time."""

    async def expect(self, key: str, now_s: float, /) -> None:
        """Let a probe of the target *key* pass now, where its circuit is open; nothing else changes."""
        ...


class Latencies(Protocol):
    """How fast targets have been lately, which ``performance`` ranks by. Times are seconds on the context's clock."""

    def record(self, key: str, latency_ms: float, now_s: float, /, *, succeeded: bool) -> None:
        """An answer of the target *key* took *latency_ms*, or a failure did."""
        ...

    def lately(self, now_s: float, /) -> Mapping[str, Latency]:
        """What is known of each target, as it counts now."""
        ...


class Calibrations(Protocol):
    """How a target counts tokens, beside what was estimated; a refusal for size tells its window, too."""

    def known(self, key: str, /) -> Calibration:
        """What is known of the target *key*."""
        ...

    def answered(self, key: str, likely_tokens: int, used_tokens: int, /) -> None:
        """A prompt of *likely_tokens* was *used_tokens*, says the vendor."""
        ...

    def too_large(self, key: str, likely_tokens: int, told_tokens: int | None, window_tokens: int | None, /) -> None:
        """A prompt of *likely_tokens* was refused for its size, with the figures that the vendor told."""
        ...


class RetryBudgets(Protocol):
    """How many retries a target may still cost, so that an outage is not made worse by them."""

    async def spend(self, key: str, now_s: float, /) -> bool:
        """Take one retry; False when the budget of *key* is used up."""
        ...

    async def earn(self, key: str, now_s: float, /) -> None:
        """A request to *key* succeeded."""
        ...
