"""Playing a recording back: the same program meets the same answers, times and numbers, without waiting for any."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeAlias, final

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.in_process import in_process_context
from llm_manager.adapters.observers.plain import Silent
from llm_manager.adapters.system import SystemRandom
from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import Event
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.secret import Secret
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target
from llm_manager.effect.context import Context
from llm_manager.effect.layer import Layer, scoped
from llm_manager.effect.scope import Scope
from llm_manager.ports import Dispatch, Incoming, Random, Splitting
from llm_manager.testing.clock import EPOCH_S, VirtualClock
from llm_manager.testing.tape.content import asked_of, request_tree
from llm_manager.testing.tape.file import RecordingUnusable
from llm_manager.testing.tape.lines import (
    Answered,
    Asked,
    Cancelled,
    Closed,
    Failed,
    How,
    Listed,
    Opened,
    Pulled,
    Step,
)
from llm_manager.testing.tape.script import Exchange, LeftOver, Script, read_script
from llm_manager.testing.tape.strand import Reader
from llm_manager.testing.tape.timeline import Moment, Timeline

Piece: TypeAlias = Sequence[Delta] | LLMResponse

PATIENCE_S = 1.0
"""How much longer than it took then, in real seconds, what has to come from outside the recording may take."""


class ReplayDiffers(UserWarning):
    """A program did not do what was recorded, as *left_over* says. A warning, and with ``strict`` an exception."""

    def __init__(self, path: str, left_over: LeftOver) -> None:
        super().__init__(f"{path}: {left_over}")
        self.left_over = left_over


def replay(
    path: str | os.PathLike[str], *, strict: bool = False, patience_s: float = PATIENCE_S
) -> Layer[Context, RecordingUnusable, None]:
    """The layer in which a run meets what :func:`~llm_manager.testing.record` wrote down in the file *path*.

    The same program comes back with the same outcome, byte for byte, on either event loop, without a network, keys or
    waiting. Calls are known by what they ask; each strand of a run reads the times and draws the numbers that it did
    then, and waits end in the order in which they ended then. A call that is not in the recording raises
    :class:`~llm_manager.testing.NotRecorded` with the nearest one that is.

    What was recorded and not asked for is told when the layer is released, as the warning :class:`ReplayDiffers`, or
    with *strict* as an exception. A file that is no recording, or a damaged one, is ``RecordingUnusable``.
    """

    async def build(_: None, scope: Scope) -> Outcome[Context, RecordingUnusable]:
        read = read_script(path)
        if isinstance(read, Failure):
            return read
        script = read.unwrap()

        async def finish() -> None:
            _tell(str(path), script.left_over(), strict=strict)

        scope.add(finish)
        return Success(_played(script, patience_s))

    return scoped(build)


def _tell(path: str, left_over: LeftOver, *, strict: bool) -> None:
    if not left_over:
        return
    differs = ReplayDiffers(path, left_over)
    if strict:
        raise differs
    warnings.warn(differs, stacklevel=2)


def _played(script: Script, patience_s: float) -> Context:
    header, timeline = script.header, Timeline(script.header.started_s, script.endings, patience_s)
    fresh = in_process_context(
        header.config,
        providers={name: _Provider(name, script, timeline) for name in header.services},
        clock=VirtualClock(header.started_s),  # replaced below: what reads it here was not recorded
        random=_Random(script, Reader(), SystemRandom(0)),
        observer=Silent(),
    )
    clock = _Clock(script, timeline, Reader())
    return replace(fresh, clock=clock, deadline_s=header.deadline_s, trace_id=header.trace_id)


@final
class _Clock(Splitting):
    """The recorded clock."""

    __slots__ = ("_reader", "_script", "_timeline")

    def __init__(self, script: Script, timeline: Timeline, reader: Reader) -> None:
        self._script = script
        self._timeline = timeline
        self._reader = reader

    def split(self, name: str, request: LLMRequest | None, /) -> _Clock:
        """The clock of one strand."""
        return _Clock(self._script, self._timeline, self._reader.split(name, request))

    def monotonic(self) -> float:
        """What this strand read then; past its last reading, the time that has been reached."""
        read_s = self._script.reading(self._reader.name)
        if read_s is None:
            return self._timeline.now_s
        self._timeline.reached(read_s)
        return read_s

    def unix_s(self) -> float:
        """What this strand's calendar said then; past its last reading, that of virtual time."""
        read_s = self._script.calendar(self._reader.name)
        return EPOCH_S + self._timeline.now_s if read_s is None else read_s

    async def sleep(self, seconds: float, /) -> None:
        """Wait until it is this sleep's turn to end."""
        moment = self._next_wait(seconds)
        if moment is not None:
            await self._timeline.wait(moment)
            return
        await self._timeline.wait_in_vain(seconds)

    @contextmanager
    def move_on_after(self, seconds: float, /) -> Generator[anyio.CancelScope, None, None]:
        """A block that runs out of time if and when it did so then."""
        moment = self._next_wait(seconds)
        if moment is None:
            with anyio.CancelScope() as scope:
                yield scope
            return
        with anyio.move_on_after(self._timeline.at_most_s(seconds)) as scope:  # if nobody waits who could move time on
            number = self._timeline.ring_at(moment, scope.cancel)
            try:
                yield scope
            finally:
                self._timeline.call_off(number)

    def _next_wait(self, seconds: float) -> Moment | None:
        return self._script.wait(self._reader.name, self._reader.next_wait(), self._timeline.now_s + seconds)


@final
class _Random(Splitting):
    """The recorded chance, and *otherwise* past the last draw of a strand."""

    __slots__ = ("_otherwise", "_reader", "_script")

    def __init__(self, script: Script, reader: Reader, otherwise: Random) -> None:
        self._script = script
        self._reader = reader
        self._otherwise = otherwise

    def split(self, name: str, request: LLMRequest | None, /) -> _Random:
        """The chance of one strand."""
        return _Random(self._script, self._reader.split(name, request), self._otherwise)

    def random(self) -> float:
        """What this strand drew then."""
        value = self._script.draw(self._reader.name)
        return self._otherwise.random() if value is None else value


@final
class _Provider:
    """A provider as it was recorded."""

    __slots__ = ("_script", "_service", "_timeline")

    def __init__(self, service: str, script: Script, timeline: Timeline) -> None:
        self._service = service
        self._script = script
        self._timeline = timeline

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        """The recorded answer to the same question."""
        exchange = self._asked("complete", dispatch.target, dispatch.request, dispatch.trace_id)
        match await next_step(exchange, self._script, self._timeline):
            case Answered(response=response) as step:
                _retell(dispatch, step.told)
                return Success(response)
            case Failed(error=error) as step:
                _retell(dispatch, step.told)
                return Failure(error)
            case _:
                raise self._script.ends_here(exchange)

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        """The recorded answer in its pieces."""
        exchange = self._asked("stream", dispatch.target, dispatch.request, dispatch.trace_id)
        match await next_step(exchange, self._script, self._timeline):
            case Opened() as step:
                _retell(dispatch, step.told)
                return Success(_Incoming(exchange, step, self._script, self._timeline))
            case Failed(error=error) as step:
                _retell(dispatch, step.told)
                return Failure(error)
            case _:
                raise self._script.ends_here(exchange)

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        """The recorded list."""
        exchange = self._asked("models", target, None, None)
        match await next_step(exchange, self._script, self._timeline):
            case Listed(models=models):
                return Success(models)
            case Failed(error=error):
                return Failure(error)
            case _:
                raise self._script.ends_here(exchange)

    def _asked(self, how: How, target: Target, request: LLMRequest | None, trace_id: str | None) -> Exchange:
        asked = Asked(
            exchange=0,
            at_s=self._timeline.now_s,
            how=how,
            service=self._service,
            target=asked_of(target),
            request=None if request is None else request_tree(request),
            trace_id=trace_id,
        )
        return self._script.exchange(asked)


async def next_step(exchange: Exchange, script: Script, timeline: Timeline) -> Step:
    """What happened next in *exchange*, when it is its turn."""
    if not exchange.steps or isinstance(exchange.steps[0][1], Closed):
        raise script.ends_here(exchange)
    line, step = exchange.steps.popleft()
    if isinstance(step, Cancelled):
        await timeline.wait_in_vain(step.at_s - exchange.asked.at_s)
        raise script.nobody_cancels(exchange)
    if not isinstance(step, Closed):
        await timeline.wait(Moment(step.at_s, line, step.at_once))
    return step


def _retell(dispatch: Dispatch, told: Sequence[Event]) -> None:
    """Tell the observer what the provider told it then."""
    for event in told:
        dispatch.observer.notify(event)


@final
class _Incoming:
    """An answer on its way as it was recorded."""

    __slots__ = ("_exchange", "_script", "_timeline", "longest_pull_s", "usage")

    def __init__(self, exchange: Exchange, opened: Opened, script: Script, timeline: Timeline) -> None:
        self._exchange = exchange
        self._script = script
        self._timeline = timeline
        self.longest_pull_s: float | None = opened.longest_pull_s
        self.usage: Usage = opened.usage

    async def pull(self) -> Outcome[Piece, LLMError]:
        """The next of it."""
        step = await next_step(self._exchange, self._script, self._timeline)
        match step:
            case Pulled(usage=usage, deltas=deltas):
                return self._came(Success(deltas), usage)
            case Answered(usage=usage, response=response):
                return self._came(Success(response), usage)
            case Failed(usage=usage, error=error):
                return self._came(Failure(error), usage)
            case _:
                raise self._script.ends_here(self._exchange)

    def _came(self, piece: Outcome[Piece, LLMError], usage: Usage | None) -> Outcome[Piece, LLMError]:
        if usage is not None:
            self.usage = usage
        return piece

    async def aclose(self) -> None:
        """Let go of it."""
