"""The context of this library's own pipelines: the record of services, and the types that name it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeAlias, TypeVar, final
from warnings import warn

from anyio.lowlevel import EventLoopToken, current_token
from returns.context import RequiresContextFutureResult

from llm_manager.domain.changed import changed
from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import ConfigurationError, LLMError
from llm_manager.domain.events import Event, ObserverFailed
from llm_manager.domain.problem import Problem
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.run import Run
from llm_manager.effect.open_streams import OpenStreams
from llm_manager.effect.strands import Stranded
from llm_manager.ports import (
    BatchProvider,
    Breakers,
    Budget,
    Cache,
    Calibrations,
    Clock,
    ConversationStore,
    Flights,
    Keys,
    Latencies,
    Limiter,
    Metrics,
    MetricsStore,
    Observer,
    Places,
    Provider,
    Random,
    RetryBudgets,
    Splitting,
    Tracing,
    Turning,
)

A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Stranded):
    """Every service a pipeline may use. Swap one with :func:`dataclasses.replace`; there is no other way to reach them.

    *providers* is by ``Target.service``, and so is *batches*, the vendors' own. *metrics_store* holds the counts of all
    processes, None where none is kept. *budget* is None where money is no object, and *tracing* where nobody else is to
    know of traces. *deadline_s* is the moment, on *clock*, by which the run must have ended; *started_s* is when the
    context was built; *streams* are those under way, where they are watched, and *home* is the event loop that the
    context was opened in, None where it is at home in all of them. *trace_id* ties together what is sent through a
    gateway; *run* is the operation that runs in it.
    """

    config: LLMConfig
    providers: Mapping[str, Provider]
    cache: Cache
    limiter: Limiter
    breakers: Breakers
    retry_budgets: RetryBudgets
    keys: Keys
    latencies: Latencies
    calibrations: Calibrations
    flights: Flights
    places: Places
    conversations: ConversationStore
    clock: Clock
    random: Random
    observer: Observer
    metrics: Metrics
    metrics_store: MetricsStore | None = None
    batches: Mapping[str, BatchProvider] = field(default_factory=dict[str, BatchProvider])
    budget: Budget | None = None
    tracing: Tracing | None = None
    streams: OpenStreams | None = None
    home: EventLoopToken | None = None
    started_s: float = 0.0
    deadline_s: float | None = None
    trace_id: str | None = None
    run: Run | None = None

    def strand(self, name: str, request: LLMRequest | None = None, /) -> Context:
        """The context of the strand *name*: itself, unless its clock or its chance tell strands apart."""
        clock, random = self.clock, self.random
        if not isinstance(clock, Splitting) and not isinstance(random, Splitting):
            return self
        return changed(
            self,
            clock=clock.split(name, request) if isinstance(clock, Splitting) else clock,
            random=random.split(name, request) if isinstance(random, Splitting) else random,
        )

    async def work_beside(self, index: int, work: Callable[[Context], Awaitable[A]], /) -> A:
        """What *work* gives in a strand of its own; when it is its turn, if the clock knows of turns."""
        own, clock = self.strand(str(index)), self.clock
        if not isinstance(clock, Turning):
            return await work(own)
        branch = clock.branch(index)
        return await branch.in_turn(partial(work, changed(own, clock=branch)))


def not_at_home(context: Context) -> ConfigurationError | None:
    """Why *context* cannot be used here: it was opened in another event loop, to which its connections belong."""
    if context.home is None or context.home == current_token():
        return None
    said = "was opened in another event loop: open it in each, or send the work there (anyio.from_thread.run)"
    return ConfigurationError((Problem("context", said),))


def emit(context: Context, event: Event) -> None:
    """Notify the metrics and the observer: the one place from which events leave a pipeline.

    What they raise never reaches the caller, whose answer may have been paid for: it is counted as
    ``MetricsSnapshot.observer_failures`` and warned of once.
    """
    try:
        context.metrics.notify(event)
    except Exception as bad:  # noqa: BLE001  # any code may be behind the port
        _warn_of(context.metrics, bad)
    observe(context, event)


def observe(context: Context, event: Event) -> None:
    """Notify the observer alone: what an observer that wraps another one does with an event that it has heard."""
    try:
        context.observer.notify(event)
    except Exception as bad:  # noqa: BLE001  # any code may be behind the port
        _warn_of(context.observer, bad)
        observer, error = type(context.observer).__name__, type(bad).__name__
        with suppress(Exception):
            context.metrics.notify(ObserverFailed(at_s=context.clock.monotonic(), observer=observer, error=error))


@final
class Emitter:
    """An observer for those that hold no context: what it hears leaves by :func:`emit`."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def notify(self, event: Event, /) -> None:
        """Pass it on."""
        emit(self._context, event)


def _warn_of(observer: object, bad: Exception) -> None:
    """Warn once of each kind of failure. A warning that cannot be written, or is an error, changes nothing either."""
    message = f"the observer {type(observer).__name__} raised {type(bad).__name__}: what it raises for is not observed"
    with suppress(Exception):
        warn(message, RuntimeWarning, stacklevel=1)  # one place, so that it is shown once


def trace_id_of(context: Context) -> str:
    """The name that ties together all that happens in a run, in logs and at a gateway: the context's, or a new one.

    Thirteen hexadecimal digits by chance are unique enough for that.
    """
    return context.trace_id or f"{int(context.random.random() * 2**52):013x}"


Op: TypeAlias = RequiresContextFutureResult[A, LLMError, Context]
"""A pipeline of this library: re-runnable, shareable, and composable with everything in ``returns``."""


class Policy(Protocol):
    """A combinator that keeps the type of what it wraps: rank-2, so one policy serves operations of every type."""

    def __call__(self, op: Op[A], /) -> Op[A]:
        """The operation, with the policy around it."""
        ...


def through(op: Op[A], *policies: Policy) -> Op[A]:
    """*op* with *policies* around it, the first one innermost."""
    for policy in policies:
        op = policy(op)
    return op
