"""Recording: every exchange, wait, reading of the clock and random draw of a run, as it happens."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar, final, overload

import anyio
from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.effect.context import Context
from llm_manager.effect.layer import Layer, feed, scoped
from llm_manager.effect.scope import Scope
from llm_manager.ports import Clock, Random, Splitting
from llm_manager.testing.tape.content import secrets_in, without_keys
from llm_manager.testing.tape.file import RecordingUnusable, new_tape
from llm_manager.testing.tape.lines import VERSION, CalendarRead, Draw, Finished, Limited, Reading, Recording, Slept
from llm_manager.testing.tape.log import Log
from llm_manager.testing.tape.recorded_provider import RecordedProvider
from llm_manager.testing.tape.strand import Reader
from llm_manager.testing.tape.watched import Watched

E = TypeVar("E")
R = TypeVar("R")


@overload
def record(what: Context, path: str | os.PathLike[str]) -> Layer[Context, RecordingUnusable, None]: ...
@overload
def record(what: Layer[Context, E, R], path: str | os.PathLike[str]) -> Layer[Context, E | RecordingUnusable, R]: ...
def record(what: Context | Layer[Context, Any, Any], path: str | os.PathLike[str]) -> Layer[Context, Any, Any]:
    """The layer of *what*, a context or a layer of one, that writes down in the file *path* what a run meets.

    Everything :func:`~llm_manager.testing.replay` needs is in the file: what the providers were asked and how they
    answered, piece by piece; when waits ended; each reading of the clock and each draw. **Prompts and answers are in
    it as they were; keys are not**, neither those of the configuration nor where a failure names one. Only its owner
    may read it, and what was there before is gone. A run that is killed leaves all it had written.

    Begin with fresh services: what a cache or a breaker knew from before is not in the file. A file that cannot be
    made is ``RecordingUnusable``; one that cannot be written any further (the disk is full) is a warning,
    ``RecordingStopped``, and the run goes on.
    """

    async def recording(context: Context, scope: Scope) -> Outcome[Context, RecordingUnusable]:
        return _recorded(context, scope, path)

    if not isinstance(what, Context):
        return feed(what, scoped(recording))
    return scoped(lambda _, scope: recording(what, scope))


def _recorded(context: Context, scope: Scope, path: str | os.PathLike[str]) -> Outcome[Context, RecordingUnusable]:
    opened = new_tape(path, secrets_in(context.config))
    if isinstance(opened, Failure):
        return opened
    log = Log(opened.unwrap(), context.clock)
    log.tape.write(_header(context))

    async def finish() -> None:
        log.tape.write(Finished(at_s=log.now_s()))
        log.tape.close()

    scope.add(finish)
    return Success(
        replace(
            context,
            providers={name: RecordedProvider(name, provider, log) for name, provider in context.providers.items()},
            batches={},  # a tape has no words for them: they are refused now, and not when it is played back
            clock=_Clock(context.clock, log, Reader()),
            random=_Random(context.random, log, Reader()),
        )
    )


def _header(context: Context) -> Recording:
    from importlib.metadata import version  # noqa: PLC0415  # slow to import, and needed by nothing else

    return Recording(
        version=VERSION,
        library=version("llm-manager"),
        services=tuple(context.providers),
        started_s=context.started_s,
        deadline_s=context.deadline_s,
        trace_id=context.trace_id,
        config=without_keys(context.config),
    )


@final
class _Clock(Splitting):
    """A clock whose readings and waits are written down, by strand."""

    __slots__ = ("_inner", "_log", "_reader")

    def __init__(self, inner: Clock, log: Log, reader: Reader) -> None:
        self._inner = inner
        self._log = log
        self._reader = reader

    def split(self, name: str, request: LLMRequest | None, /) -> _Clock:
        """The clock of one strand."""
        inner = self._inner.split(name, request) if isinstance(self._inner, Splitting) else self._inner
        return _Clock(inner, self._log, self._reader.split(name, request))

    def monotonic(self) -> float:
        """Seconds on the recorded clock."""
        now_s = self._inner.monotonic()
        self._log.tape.write(Reading(reader=self._reader.name, at_s=now_s))
        return now_s

    def unix_s(self) -> float:
        """Seconds since 1970 by the recorded clock."""
        unix_s = self._inner.unix_s()
        self._log.tape.write(CalendarRead(reader=self._reader.name, unix_s=unix_s))
        return unix_s

    async def sleep(self, seconds: float, /) -> None:
        """Wait as the recorded clock waits."""
        nth, ended_s = self._reader.next_wait(), None
        sleep = Watched(self._inner.sleep(seconds))
        try:
            await sleep
            ended_s = self._log.now_s()
        finally:
            at_once = sleep.at_once and ended_s is not None
            self._log.tape.write(Slept(reader=self._reader.name, nth=nth, at_s=ended_s, at_once=at_once))

    @contextmanager
    def move_on_after(self, seconds: float, /) -> Generator[anyio.CancelScope, None, None]:
        """A block with the recorded clock's limit."""
        nth, scope = self._reader.next_wait(), None
        try:
            with self._inner.move_on_after(seconds) as scope:
                yield scope
        finally:
            ran_out = scope is not None and scope.cancelled_caught
            ended_s = self._log.now_s() if ran_out else None
            self._log.tape.write(Limited(reader=self._reader.name, nth=nth, at_s=ended_s))


@final
class _Random(Splitting):
    """A source of chance whose draws are written down, by strand."""

    __slots__ = ("_inner", "_log", "_reader")

    def __init__(self, inner: Random, log: Log, reader: Reader) -> None:
        self._inner = inner
        self._log = log
        self._reader = reader

    def split(self, name: str, request: LLMRequest | None, /) -> _Random:
        """The chance of one strand."""
        inner = self._inner.split(name, request) if isinstance(self._inner, Splitting) else self._inner
        return _Random(inner, self._log, self._reader.split(name, request))

    def random(self) -> float:
        """The recorded source's next number."""
        value = self._inner.random()
        self._log.tape.write(Draw(reader=self._reader.name, value=value))
        return value
