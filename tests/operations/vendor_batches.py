"""What tests of vendors' batches share: contexts that ask a simulator, and runs that are killed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TypeVar, final

from returns.result import Success

from llm_manager import (
    BudgetSettings,
    CacheSettings,
    Context,
    HttpSettings,
    JournalLayer,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    Outcome,
    RetrySettings,
    Secret,
    StoreUnavailable,
    batch_at_vendor,
    custom,
    memory_journal,
)
from llm_manager.domain.events import Event
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import BatchPage, Desk, Inquiry, Submission, Uploaded, VendorBatch
from llm_manager.effect.layer import scoped
from llm_manager.effect.scope import Scope
from llm_manager.ports import BatchProvider, BatchResults, Journal, Work
from llm_manager.testing import VirtualClock
from llm_manager.testing.simulator import Simulator

A = TypeVar("A")

Found = dict[int, Outcome[LLMResponse, LLMError]]
Kept = MutableMapping[tuple[str, int], str]


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor, one of its models, where its wire is on a simulator, and the path of its batches."""

    name: str
    model: str
    path: str
    batches: str

    def config(self, simulator: Simulator, *, max_retries: int = 3, budget: BudgetSettings | None = None) -> LLMConfig:
        return LLMConfig(
            http=HttpSettings(base_urls={self.name: f"{simulator.url}{self.path}"}),
            keys=KeySettings(providers={self.name: (Secret("sk-canary-0123456789"), Secret("sk-other-0123456789"))}),
            cache=CacheSettings(enabled=False),
            retry=RetrySettings(max_retries=max_retries),
            budget=budget or BudgetSettings(),
        )


OPENAI = Vendor("openai", "gpt-6.1-terra", "/v1", "/v1/batches")
GROQ = Vendor("groq", "openai/gpt-oss-120b", "/openai/v1", "/openai/v1/batches")
ANTHROPIC = Vendor("anthropic", "claude-sonnet-5-5", "/v1", "/v1/messages/batches")
VENDORS = (OPENAI, GROQ, ANTHROPIC)

ASKED = [LLMRequest(prompt=f"n{number}") for number in range(4)]


@final
class Listener:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)


@asynccontextmanager
async def context_for(
    vendor: Vendor,
    simulator: Simulator,
    *,
    max_retries: int = 3,
    budget: BudgetSettings | None = None,
    listener: Listener | None = None,
) -> AsyncGenerator[Context]:
    """A live context in virtual time."""
    config = vendor.config(simulator, max_retries=max_retries, budget=budget)
    async with custom(config) as context:
        clock = VirtualClock(autojump=True)
        yield replace(context, clock=clock, observer=listener or context.observer)


async def told(
    context: Context,
    vendor: Vendor,
    requests: Sequence[LLMRequest] = ASKED,
    *,
    kept: Kept | None = None,
    journal: JournalLayer | None = None,
    limit_s: float = 3600.0,
) -> Found:
    """Everything that the stream tells, which has to end well."""
    layer = memory_journal(kept) if kept is not None else journal
    stream = batch_at_vendor(requests, model=vendor.model, journal=layer, limit_s=limit_s)
    async with stream.opened(context) as outcomes:
        found = {index: outcome async for index, outcome in outcomes}
        assert outcomes.failure is None, outcomes.failure
    return found


def texts(found: Mapping[int, Outcome[LLMResponse, LLMError]]) -> dict[int, str]:
    return {
        index: outcome.unwrap().content if isinstance(outcome, Success) else outcome.failure().tag
        for index, outcome in sorted(found.items())
    }


class Killed(BaseException):
    """The program is no more."""


@final
class Fuse:
    """Kills the program at its *n*-th moment: before or after each thing that reaches beyond it."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    async def around(self, act: Callable[[], Awaitable[A]]) -> A:
        self.burn()
        done = await act()
        self.burn()
        return done

    def burn(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed


@final
class _MortalJournal:
    def __init__(self, journal: Journal, fuse: Fuse) -> None:
        self._journal = journal
        self._fuse = fuse

    async def claim(self, key: str, /) -> Outcome[Work, StoreUnavailable]:
        return await self._journal.claim(key)

    async def keep(self, work: Work, text: str, /) -> Outcome[None, StoreUnavailable]:
        return await self._fuse.around(lambda: self._journal.keep(work, text))


@final
class _MortalProvider:
    def __init__(self, provider: BatchProvider, fuse: Fuse) -> None:
        self._provider = provider
        self._fuse = fuse

    def line(self, custom_id: str, request: LLMRequest, target: Target, /) -> bytes:
        return self._provider.line(custom_id, request, target)

    async def submit(self, desk: Desk, submission: Submission, /) -> Outcome[Uploaded | VendorBatch, LLMError]:
        return await self._fuse.around(lambda: self._provider.submit(desk, submission))

    async def find(self, desk: Desk, inquiry: Inquiry, /) -> Outcome[BatchPage, LLMError]:
        return await self._fuse.around(lambda: self._provider.find(desk, inquiry))

    async def results(self, desk: Desk, place: str, /) -> Outcome[BatchResults, LLMError]:
        return await self._fuse.around(lambda: self._provider.results(desk, place))


def mortal(context: Context, kept: Kept, fuse: Fuse) -> tuple[Context, JournalLayer]:
    """*context* and a journal over *kept* for a run that *fuse* ends."""

    async def build(_needs: None, scope: Scope) -> Outcome[Journal, StoreUnavailable]:
        built = await memory_journal(kept).build(None, scope, {})
        return Success(_MortalJournal(built.unwrap(), fuse)) if isinstance(built, Success) else built

    batches: dict[str, BatchProvider] = {
        name: _MortalProvider(provider, fuse) for name, provider in context.batches.items()
    }
    return replace(context, batches=batches), scoped(build)
