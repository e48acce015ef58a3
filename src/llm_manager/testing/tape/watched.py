"""Whether something that was awaited has waited, or was there at once and let nobody else run meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from types import TracebackType
from typing import Any, TypeVar, cast, final

A = TypeVar("A")


@final
class Watched(Generator[Any, Any, A]):
    """*awaitable*, to be awaited in its place; *at_once* until it lets the event loop go on with something else.

    >>> import anyio
    >>> async def program(seconds: float | None) -> bool:
    ...     async def work() -> None:
    ...         if seconds is not None:
    ...             await anyio.sleep(seconds)
    ...     watched = Watched(work())
    ...     await watched
    ...     return watched.at_once
    >>> anyio.run(program, None), anyio.run(program, 0)
    (True, False)
    """

    __slots__ = ("_steps", "at_once")

    def __init__(self, awaitable: Awaitable[A]) -> None:
        self._steps = awaitable.__await__()
        self.at_once = True

    def __await__(self) -> Generator[Any, Any, A]:
        return self

    def send(self, value: Any, /) -> Any:
        """Go on with what the event loop has to say."""
        step = self._steps.send(value)
        self.at_once = False
        return step

    def throw(self, kind: Any, value: Any = None, trace: TracebackType | None = None, /) -> Any:
        """Go on with an exception, such as a cancellation."""
        step = self._steps.throw(cast("BaseException", kind if value is None else value))
        self.at_once = False
        return step
