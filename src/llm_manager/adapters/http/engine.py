"""What the driver asks of an HTTP client: send once, give the bytes as they come, close at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from returns.result import Success

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.ports.providers import ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """What is to be sent. *pool* names the connections it may share: calls to one host with one key. *model* goes into
    errors, and *on_head* is called when the head of the answer has come."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    pool: str
    model: str
    on_head: Callable[[], None] = ignore


BROKE_DOWN: Final = 500
"""From this status on a connection is not used again: some servers close it behind what they did not expect, and do not
say so, and the next call on it would be lost (uvicorn, seen on 2026-11-30)."""

OVER: Final[Outcome[bytes | None, LLMError]] = Success(None)
"""What a body reads as at its end."""


class Coming(Protocol):
    """An answer whose head has come. Header names are in lower case; the bytes are as they were sent, still packed."""

    @property
    def status(self) -> int:
        """The status code."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        ...

    @property
    def ended(self) -> bool:
        """Does nothing more come of it?"""
        ...

    async def read(self) -> Outcome[bytes | None, LLMError]:
        """The next bytes, None once the body is over. ``RequestTimedOut`` when none come within ``timeouts.idle_s``,
        ``MalformedResponse`` when the body is cut off."""
        ...

    async def aclose(self) -> None:
        """Let go of it: keep the connection if the body was read to its end, and close it at once if not."""
        ...


class Engine(Protocol):
    """Connections, and what is sent over them. It never repeats a call and follows no redirect."""

    async def open(self, call: HttpCall, /) -> Outcome[Coming, LLMError]:
        """Send it once and wait for the head of the answer."""
        ...

    async def aclose(self) -> None:
        """Close the connections that it opened."""
        ...
