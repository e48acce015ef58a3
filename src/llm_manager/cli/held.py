"""A context that stays open while a person thinks: connections, breakers and figures outlive one question.

The main thread belongs to the terminal, which needs it: line editing blocks, and a Ctrl-C arrives there. The context
lives on an event loop in another thread, and operations are sent over.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from concurrent.futures import Future, wait
from types import FrameType
from typing import Final, TypeVar, final

import anyio
from anyio.from_thread import BlockingPortal, start_blocking_portal

from llm_manager import ConfigurationError, Context, Layer, LayerFailed, LLMError, Op, Outcome, run
from llm_manager.cli.show import failed

A = TypeVar("A")

_LOOKS_UP_S: Final = 0.1


@final
class Held:
    """An open *context*, used from the main thread."""

    __slots__ = ("_portal", "context")

    def __init__(self, portal: BlockingPortal, context: Context) -> None:
        self._portal = portal
        self.context = context

    def run(self, op: Op[A]) -> Outcome[A, LLMError]:
        """What *op* comes to; Ctrl-C is a ``KeyboardInterrupt``."""
        return _result(self._portal.start_task_soon(run, op, self.context))

    def run_unless_stopped(self, op: Op[A]) -> Outcome[A, LLMError] | None:
        """What *op* comes to, or None when Ctrl-C has called it off, by which time it has let go of everything.

        The signal is not an exception here: nothing is lost between two lines of ours, and what must not be called off,
        such as storing an answer that has been paid for, is finished first.
        """
        scope: anyio.CancelScope = self._portal.call(anyio.CancelScope)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            self._portal.start_task_soon(scope.cancel)

        async def running() -> Outcome[A, LLMError] | None:
            with scope:
                return await run(op, self.context)
            return None

        before = signal.signal(signal.SIGINT, stop)
        try:
            return _result(self._portal.start_task_soon(running))
        finally:
            signal.signal(signal.SIGINT, before)


def _result(future: Future[A]) -> A:
    """What *future* comes to.

    The main thread, which alone acts on signals, looks up now and then: one may land in another thread, and on Windows
    none ends a wait.
    """
    while not wait((future,), timeout=_LOOKS_UP_S).done:
        pass
    return future.result()


def holding(
    layer: Layer[Context, ConfigurationError, None], act: Callable[[Held], int], *, as_json: bool = False
) -> int:
    """The exit code of *act*, with the context of *layer* open meanwhile; or what it means that there is none."""
    try:
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(layer) as context:
            return act(Held(portal, context))
    except LayerFailed as none:
        if isinstance(none.error, ConfigurationError):
            return failed(none.error, as_json=as_json)
        raise
