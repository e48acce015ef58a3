"""Scopes: what was acquired is released, in reverse order, whatever happened in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Never, Self, TypeVar, cast, final

import anyio
from anyio.abc import TaskGroup
from returns.result import Failure, Success

from llm_manager.effect.op import Effect, Outcome, effect, run

A = TypeVar("A")
B = TypeVar("B")
E = TypeVar("E")
R = TypeVar("R")

CLEANUP_S = 1.0
"""How long a scope's finalizers, together, are protected from a cancellation that arrives."""


@final
class Scope:
    """Finalizers in a stack: the last one added runs first, every one starts, none is interrupted by a cancellation.

    :meth:`start` has work done beside the scope's owner, which is cancelled and awaited before the first finalizer.

    The shield around them lasts *cleanup_s* seconds in all; past that, what still waits is cancelled. An exception in
    a finalizer is a bug and comes out, after all of them ran, unless another exception is already under way.
    """

    __slots__ = ("_bugs", "_cleanup_s", "_finalizers", "_workers")

    def __init__(self, cleanup_s: float = CLEANUP_S) -> None:
        self._finalizers: list[Callable[[], Awaitable[object]]] = []
        self._cleanup_s = cleanup_s
        self._workers: TaskGroup | None = None
        self._bugs: list[Exception] = []

    async def start(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do *work* until the scope closes, which must be in the task that calls this. An exception in it is a bug: it
        ends the work, and comes out as one of a finalizer does."""
        if self._workers is None:
            self._workers = await anyio.create_task_group().__aenter__()
        self._workers.start_soon(self._work, work)

    async def _work(self, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except Exception as bug:  # noqa: BLE001  # raised when the scope closes
            self._bugs.append(bug)

    def add(self, finalizer: Callable[[], Awaitable[object]]) -> None:
        """Run *finalizer* when the scope closes."""
        self._finalizers.append(finalizer)

    async def close(self) -> None:
        """End the work, and run the finalizers; a second call finds none left."""
        workers, self._workers = self._workers, None
        try:
            if workers is not None:  # told of no exception, for it would wrap in a group what was raised in the block
                workers.cancel_scope.cancel()
                await workers.__aexit__(None, None, None)
        finally:
            await self._finalize_all()

    async def _finalize_all(self) -> None:
        bugs, self._bugs = self._bugs, []
        with anyio.move_on_after(self._cleanup_s, shield=True):
            while self._finalizers:
                await self._finalize(bugs)
        while self._finalizers:  # the time is up, but every finalizer still gets as far as its first wait
            with anyio.CancelScope(shield=True) as expired:
                expired.cancel()
                await self._finalize(bugs)
        if bugs:
            for other in bugs[1:]:
                bugs[0].add_note(f"another finalizer of this scope failed too: {other!r}")
            raise bugs[0]

    async def _finalize(self, bugs: list[Exception]) -> None:
        try:
            await self._finalizers.pop()()
        except Exception as bug:  # noqa: BLE001  # the finalizers below this one must run; it is raised at the end
            bugs.append(bug)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        try:
            await self.close()
        except Exception as bug:
            if cause is None:
                raise
            cause.add_note(f"a finalizer failed while this was under way: {bug!r}")


def acquire_use_release(
    acquire: Effect[A, E, R], use: Callable[[A], Effect[B, E, R]], release: Callable[[A], Effect[object, Never, R]]
) -> Effect[B, E, R]:
    """Acquire, use, and release for certain: also when *use* fails, raises or is cancelled.

    *acquire* cannot be interrupted between having the resource and knowing how to release it.
    """

    async def using(context: R) -> Outcome[B, E]:
        acquired: Outcome[A, E] | None = None
        async with Scope() as scope:
            with anyio.CancelScope(shield=True):  # which type checkers believe may swallow what is raised in it
                acquired = await run(acquire, context)
            if not isinstance(acquired, Success):
                return cast("Failure[E]", acquired)
            resource = acquired.unwrap()
            scope.add(lambda: run(release(resource), context))
            return await run(use(resource), context)

    return effect(using)
