"""What the pure wing asks of the world, as Protocols of one to three methods.

Every service reaches a pipeline through its context; an adapter fulfils a port, a test fulfils it with a few lines.
To add a kind of service, write its Protocol here and give :class:`~llm_manager.effect.context.Context` a field.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, Self, TypeAlias, TypeVar

from anyio import CancelScope

from llm_manager.domain.conversation import ConversationSummary, Turn
from llm_manager.domain.errors import (
    AuthenticationFailed,
    BudgetExceeded,
    CircuitOpen,
    ConversationConflict,
    ConversationNotFound,
    LLMError,
    QuotaExhausted,
    RateLimitExceeded,
    StoreUnavailable,
)
from llm_manager.domain.events import Event
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.run import Run
from llm_manager.domain.secret import Secret
from llm_manager.domain.status import CacheStatus, CircuitState, MetricsSnapshot
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import BatchPage, Desk, Inquiry, Result, Submission, Uploaded, VendorBatch
from llm_manager.policies.latency import Latency

T = TypeVar("T")


class Clock(Protocol):
    """Time that only moves forward, everything that waits for it, and what a calendar says."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        ...

    def unix_s(self) -> float:
        """Seconds since 1970 by the wall clock, which may be set: for what people read, never for a decision."""
        ...

    async def sleep(self, seconds: float, /) -> None:
        """Return once *seconds* have passed on this clock."""
        ...

    def move_on_after(self, seconds: float, /) -> AbstractContextManager[CancelScope, bool | None]:
        """A block that is cancelled after *seconds* on this clock, and then passed over."""
        ...


class Random(Protocol):
    """A source of chance that a test can fix."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


class Splitting(ABC):
    """What a :class:`Clock` or a :class:`Random` is besides when it has to tell the strands of a run apart.

    A strand is what happens one after the other; others may go on beside it. What is read in one then does not depend
    on how far the others are. The machine's own clock has no need of it.
    """

    __slots__ = ()

    @abstractmethod
    def split(self, name: str, request: LLMRequest | None, /) -> Self:
        """What the strand *name*, which works on *request*, reads. Equal strands are told apart by their order."""
        ...


class Turning(ABC):
    """What a :class:`Clock` is besides when those who go on side by side are to do so one at a time, in an order that
    is theirs and not the event loop's. The machine's own clock lets them run as they can.
    """

    __slots__ = ()

    @abstractmethod
    def branch(self, index: int, /) -> Self:
        """The clock of the one at place *index* among several that are about to begin."""
        ...

    @abstractmethod
    async def in_turn(self, begin: Callable[[], Awaitable[T]], /) -> T:
        """What *begin* gives, which begins, and goes on each time that something wakes it, when it is its turn."""
        ...


class Observer(Protocol):
    """Somebody who wants to know. It must not raise, block or wait."""

    def notify(self, event: Event, /) -> None:
        """Something happened."""
        ...


class Tracing(Protocol):
    """Somebody who keeps the traces to which requests belong."""

    def headers(self, run: Run, /) -> Mapping[str, str]:
        """What tells the other side to which trace the request belongs that *run* is about to send."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One request on its way to one target. *keys* is by provider name; *trace_id* ties the calls of one run together,
    and *headers* are to be sent with it.

    *sent_s* is now, on the context's clock, and *timeout_s* what is left for this attempt: a provider that can tell a
    gateway or an engine does; who enforces it is the caller. *observer* is for what only the provider knows.
    """

    request: LLMRequest
    target: Target
    sent_s: float = 0.0
    timeout_s: float
    keys: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    trace_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    observer: Observer


class Incoming(Protocol):
    """An answer on its way. It has one reader, and whoever opened it closes it."""

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        """What came next, which may be no piece yet; the whole response once there is no more; or how it broke off."""
        ...

    @property
    def longest_pull_s(self) -> float | None:
        """The most that one pull takes, after which it gives or fails by itself; None if there is no such limit."""
        ...

    @property
    def usage(self) -> Usage:
        """What the provider has told of it so far."""
        ...

    async def aclose(self) -> None:
        """Let go of it, at once if it has not ended."""
        ...


class Provider(Protocol):
    """One way to reach models. It sends once and never repeats, pauses or chooses."""

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """Ask the model and read its whole answer."""
        ...

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        """Ask the model and read its answer as it comes."""
        ...

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """The models that the provider of *target* offers now, empty when it cannot say; asking costs nothing."""
        ...


class BatchResults(Protocol):
    """The results of a batch as they come, in any order. They have one reader, and whoever opened them closes them."""

    async def pull(self) -> Outcome[Sequence[Result] | None, LLMError]:
        """What came next, which may be nothing yet; None once there are no more."""
        ...

    async def aclose(self) -> None:
        """Let go of them."""
        ...


class BatchProvider(Protocol):
    """A vendor that takes many requests at once and answers them later. Each method sends once, and never waits."""

    def line(self, custom_id: str, request: LLMRequest, target: Target, /) -> bytes:
        """*request* as one of many: what a :class:`~llm_manager.domain.vendor_batch.Load` is made of."""
        ...

    async def submit(self, desk: Desk, submission: Submission, /) -> Outcome[Uploaded | VendorBatch, LLMError]:
        """Hand it in. Where the wire wants a file first, that is all that is done of a load."""
        ...

    async def find(self, desk: Desk, inquiry: Inquiry, /) -> Outcome[BatchPage, LLMError]:
        """What the vendor says of the batches that are asked about."""
        ...

    async def results(self, desk: Desk, place: str, /) -> Outcome[BatchResults, LLMError]:
        """What is at one of the places of a batch that has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Cached:
    """Something the cache holds."""

    value: object


class Cache(Protocol):
    """Values by key, each for a while. Times are seconds on the context's clock."""

    async def get(self, key: str, now_s: float, /) -> Outcome[Cached | None, StoreUnavailable]:
        """What is stored under *key*, None when nothing is or it has expired."""
        ...

    async def put(self, key: str, value: object, now_s: float, ttl_s: float, /) -> Outcome[None, StoreUnavailable]:
        """Store *value* for *ttl_s* seconds."""
        ...

    async def status(self) -> Outcome[CacheStatus, StoreUnavailable]:
        """How full the cache is."""
        ...


class ConversationStore(Protocol):
    """Conversations by id, any text. Turns are added and never changed; a version is how many there are."""

    async def load(self, conversation_id: str, /) -> Outcome[tuple[Turn, ...], ConversationNotFound | StoreUnavailable]:
        """All turns, in order."""
        ...

    async def append(
        self, conversation_id: str, expected_version: int, turns: Sequence[Turn], /
    ) -> Outcome[int, ConversationNotFound | ConversationConflict | StoreUnavailable]:
        """Add *turns*, all or none, to what had *expected_version* turns when it was read; gives the new version.

        A conversation of version 0 is one that is not there yet. Turns that follow that version already, because this
        was said before and the answer was lost, are not added again, and that is a success.
        """
        ...

    async def remove(self, conversation_id: str, /) -> Outcome[None, ConversationNotFound | StoreUnavailable]:
        """Forget a conversation."""
        ...

    async def page(
        self, after: ConversationSummary | None, limit: int, /
    ) -> Outcome[tuple[ConversationSummary, ...], StoreUnavailable]:
        """At most *limit* conversations, the last updated first; those that come *after* the one given."""
        ...


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
    """Leave to send to the target *key* once. *generation* is the breaker's when it was given; *probe* counts alone."""

    key: str
    generation: int
    probe: bool


Verdict: TypeAlias = Literal["success", "failure", "neither"]


class Budget(Protocol):
    """Money that may be spent, in USD."""

    async def reserve(self, worst_usd: float, /) -> Outcome[None, BudgetExceeded]:
        """Speak for *worst_usd* before something is sent that may cost as much; or nothing, when it is not there."""
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


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work in a journal: what it is, by *key*, and which of several equal ones; *text* is what came of it,
    None while it is not done."""

    key: str
    number: int
    text: str | None


class Journal(Protocol):
    """What has been done, kept so that a program which was killed need not do it again. It belongs to one run."""

    async def claim(self, key: str, /) -> Outcome[Work, StoreUnavailable]:
        """The next piece of work called *key* that nobody has claimed since the journal was opened, done or not."""
        ...

    async def keep(self, work: Work, text: str, /) -> Outcome[None, StoreUnavailable]:
        """*text* is what came of *work*; once this returns, no kill loses it."""
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
        """Where the breaker stands, and in how many seconds an open one lets a probe through."""
        ...


class Latencies(Protocol):
    """How fast targets have been lately, which ``performance`` ranks by. Times are seconds on the context's clock."""

    def record(self, key: str, latency_ms: float, now_s: float, /, *, succeeded: bool) -> None:
        """An answer of the target *key* took *latency_ms*, or a failure did."""
        ...

    def lately(self, now_s: float, /) -> Mapping[str, Latency]:
        """What is known of each target, as it counts now."""
        ...


class RetryBudgets(Protocol):
    """How many retries a target may still cost, so that an outage is not made worse by them."""

    async def spend(self, key: str, now_s: float, /) -> bool:
        """Take one retry; False when the budget of *key* is used up."""
        ...

    async def earn(self, key: str, now_s: float, /) -> None:
        """A request to *key* succeeded."""
        ...


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


class Metrics(Protocol):
    """The running fold over all events of a context."""

    def notify(self, event: Event, /) -> None:
        """Count it."""
        ...

    def snapshot(self) -> MetricsSnapshot:
        """The figures now."""
        ...

    def reset(self) -> None:
        """Start again from zero."""
        ...
