"""Values that take long to load: each is loaded once, in a thread of its own, whoever waits for it.

A waiter leaves when it is cancelled or its deadline passes, and the load goes on for the others and for those to come.
The thread is no daemon: a foreign library that is still loading while the interpreter ends takes the process down.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeAlias, TypeVar, final

import anyio
import anyio.from_thread
import anyio.to_thread
from anyio.lowlevel import EventLoopToken, current_token
from returns.result import Failure

from llm_manager.domain.outcome import Outcome

K = TypeVar("K", bound=Hashable)
A = TypeVar("A")
E = TypeVar("E")

Stopped: TypeAlias = Callable[[], bool]
"""Asked by a load, as often as it can: is it of use to anybody yet?"""


@final
class _Load(Generic[A, E]):
    """One load: under way while *outcome* is None."""

    __slots__ = ("outcome", "waiters")

    def __init__(self) -> None:
        self.outcome: Outcome[A, E] | None = None
        self.waiters: dict[anyio.Event, EventLoopToken] = {}


@final
class SharedLoads(Generic[K, A, E]):
    """Loaded values by key. A load that failed is tried again by whoever asks next; *closed* is the failure of those
    that were still waiting when all was closed."""

    __slots__ = ("_closed", "_is_closed", "_loads", "_lock")

    def __init__(self, closed: E) -> None:
        self._closed = closed
        self._is_closed = False
        self._loads: dict[K, _Load[A, E]] = {}
        self._lock = threading.Lock()

    async def get(self, key: K, load: Callable[[Stopped], Outcome[A, E]]) -> Outcome[A, E]:
        """What is loaded under *key*, by *load* if nothing is or will be."""
        arrived = anyio.Event()
        with self._lock:
            if self._is_closed:
                return Failure(self._closed)
            known = self._loads.get(key)
            if known is not None and known.outcome is not None:
                return known.outcome
            shared = self._loads.setdefault(key, _Load())
            shared.waiters[arrived] = current_token()
        if known is None:
            threading.Thread(target=self._work, args=(key, shared, load), name="load").start()
        try:
            await arrived.wait()
        finally:
            with self._lock:
                shared.waiters.pop(arrived, None)
        return shared.outcome if shared.outcome is not None else Failure(self._closed)

    async def aclose(self) -> None:
        """Release all values, in a thread, for that may take long; one that is still loading goes when it is loaded."""
        with self._lock:
            self._is_closed = True
            loads, self._loads = self._loads, {}
        await anyio.to_thread.run_sync(_let_go, loads, abandon_on_cancel=True)

    def _work(self, key: K, shared: _Load[A, E], load: Callable[[Stopped], Outcome[A, E]]) -> None:
        try:
            outcome = load(lambda: self._is_closed)
            with self._lock:
                if isinstance(outcome, Failure):
                    self._loads.pop(key, None)
                shared.outcome = Failure(self._closed) if self._is_closed else outcome
            del outcome  # it is held in one place, from which it can be released while this thread still ends
        finally:  # whatever a load raises is a bug, and shown by its thread: nobody may wait for it
            with self._lock:
                if shared.outcome is None:
                    self._loads.pop(key, None)
                waiters = dict(shared.waiters)
            for arrived, token in waiters.items():
                _wake(arrived, token)


def _wake(arrived: anyio.Event, token: EventLoopToken) -> None:
    try:
        anyio.from_thread.run_sync(arrived.set, token=token)
    except anyio.RunFinishedError:  # its event loop is over, and so is the waiter
        return


def _let_go(loads: dict[K, _Load[A, E]]) -> None:
    """The last reference goes here, and not in the thread of an event loop or of a load that is still ending."""
    for each in loads.values():
        each.outcome = None
    loads.clear()
