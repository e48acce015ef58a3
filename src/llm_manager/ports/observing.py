"""Those who want to know what happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.events import Event
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.run import Run
from llm_manager.domain.secret import Secret
from llm_manager.domain.status import MetricsSnapshot


class Observer(Protocol):
    """Somebody who wants to know. It must not raise, block or wait."""

    def notify(self, event: Event, /) -> None:
        """Something happened."""
        ...


@runtime_checkable
class Discreet(Protocol):
    """An observer that shows what was said, without the secrets of the context that it observes."""

    def hide(self, secrets: Iterable[Secret], /) -> None:
        """Mask *secrets* from now on, beside those it knows."""
        ...


class Tracing(Protocol):
    """Somebody who keeps the traces to which requests belong."""

    def headers(self, run: Run, /) -> Mapping[str, str]:
        """What tells the other side to which trace the request belongs that *run* is about to send."""
        ...


class MetricsStore(Protocol):
    """The counts of all processes that share a store."""

    async def total(self) -> Outcome[MetricsSnapshot, StoreUnavailable]:
        """What all of them have counted, this one up to now."""
        ...

    async def clear(self) -> Outcome[None, StoreUnavailable]:
        """Start again from zero, for all of them."""
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
