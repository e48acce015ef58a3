"""Ways to reach models. An adapter sends once and never repeats, pauses or chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from llm_manager.domain.errors import (
    LLMError,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.run import Run
from llm_manager.domain.secret import Secret
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import BatchPage, Desk, Inquiry, Result, Submission, Uploaded, VendorBatch
from llm_manager.ports.observing import Observer


def ignore() -> None:
    """What a caller does that does not want to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One request on its way to one target. *keys* is by provider name; *trace_id* ties the calls of one run together,
    and *headers* are to be sent with it.

    *sent_s* is now, on the context's clock, and *timeout_s* what is left for this attempt: a provider that can tell a
    gateway or an engine does; who enforces it is the caller. *observer* is for what only the provider knows, and *run*
    is what the request belongs to. *on_head* is called when the head of an answer has come.
    """

    request: LLMRequest
    target: Target
    sent_s: float = 0.0
    timeout_s: float
    keys: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    trace_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    observer: Observer
    run: Run | None = None
    on_head: Callable[[], None] = ignore


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


@runtime_checkable
class Surrounding(Protocol):
    """An observer that stands around those who send, too."""

    def around(self, provider: Provider, /) -> Provider:
        """*provider*, within what this one keeps of each request."""
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
        """*request* as one of many: a line of what is handed in."""
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
