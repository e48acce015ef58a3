"""Connections of httpx2 without its client: the transport alone, which sends a request as it stands.

Cookies, authentication, hooks, the history of redirects and the merging of headers are what a client adds; our calls
want none of it, and a cookie that one answer left must not go out with the next. A quarter of the work of a call is
saved. A client that a user injects is asked as before: what it adds is what it is wanted for.

Each connection has a transport of its own. The pool of httpcore2 walks all its connections and all its requests twice a
call, so that a call costs the more the more are under way: at 500 at once seven times as much as at one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Final, cast, final

import anyio
import httpx2

from llm_manager.adapters.http.engine import BROKE_DOWN

_AGENT: Final = f"python-httpx2/{httpx2.__version__}".encode()
"""What the client of httpx2 says it is; some vendors turn away who says nothing."""


IDLE_S: Final = 5.0
"""How long a connection that nothing is sent on is kept: as httpx2 keeps them."""


@final
class Connections:
    """The connections of one pool, *limit* at most, with as much of a client's face as the engine asks for. *connect*
    makes a transport of one connection, and one that has been idle for *idle_s* is closed."""

    __slots__ = ("_connect", "_idle", "_idle_s", "_limit", "_places", "_used")

    def __init__(self, connect: Callable[[], httpx2.AsyncHTTPTransport], limit: int, idle_s: float = IDLE_S) -> None:
        self._connect = connect
        self._limit = limit
        self._idle_s = idle_s
        self._places: anyio.Semaphore | None = None  # of the event loop on which the first call is made
        self._idle: deque[tuple[httpx2.AsyncHTTPTransport, float]] = deque()  # the one used last is the last
        self._used: set[httpx2.AsyncHTTPTransport] = set()

    def build_request(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes, extensions: dict[str, Any]
    ) -> httpx2.Request:
        """*headers*, and those that HTTP itself wants."""
        address, host = _address(url)
        sent = [(b"host", host), (b"user-agent", _AGENT)]
        sent += [(name.encode(), value.encode("ascii")) for name, value in headers.items()]
        if content:
            sent.append((b"content-length", b"%d" % len(content)))
        return httpx2.Request(method, address, headers=sent, stream=httpx2.ByteStream(content), extensions=extensions)

    async def send(self, request: httpx2.Request, *, stream: bool, follow_redirects: bool) -> Answer:
        """Send it once and wait for the head of the answer. A transport streams and follows nothing in any case.

        Raises ``httpx2.PoolTimeout`` when no connection is free within the limit ``pool`` of *request*.
        """
        if self._places is None:
            self._places = anyio.Semaphore(self._limit, fast_acquire=True)
        await _enter(self._places, request.extensions["timeout"]["pool"])
        transport = self._idle.pop()[0] if self._idle else self._connect()
        self._used.add(transport)
        try:
            response = await transport.handle_async_request(request)
        except BaseException:  # in whatever state it is, it is not used again
            await self._leave(transport, is_whole=False)
            raise
        return Answer(response, partial(self._leave, transport))

    async def aclose(self) -> None:
        """Close them, also those that are in use."""
        every = [*(transport for transport, _ in self._idle), *self._used]
        self._idle.clear()
        self._used.clear()
        for transport in every:
            await transport.aclose()

    async def _leave(self, transport: httpx2.AsyncHTTPTransport, *, is_whole: bool = True) -> None:
        """A call on *transport* is over: its place is free, and it is kept if it *is_whole*."""
        if self._places is not None:
            self._places.release()
        is_ours = transport in self._used  # not so once all are closed
        self._used.discard(transport)
        if is_whole and is_ours:
            self._idle.append((transport, anyio.current_time()))
            await self._close_idle()
        else:
            with anyio.CancelScope(shield=True):
                await transport.aclose()

    async def _close_idle(self) -> None:
        """Close the connections that have been idle for too long. Those used last are used first, so they are at the
        bottom."""
        idle, earliest_s = self._idle, anyio.current_time() - self._idle_s
        while idle and idle[0][1] < earliest_s:
            transport, _ = idle.popleft()
            await transport.aclose()


async def _enter(places: anyio.Semaphore, limit_s: float) -> None:
    try:
        places.acquire_nowait()
    except anyio.WouldBlock:
        with anyio.move_on_after(limit_s):
            await places.acquire()
            return
        raise httpx2.PoolTimeout("every connection is in use") from None


@final
class Answer:
    """An answer of the transport whose head has come. After one of a server that broke down its connection is not used
    again."""

    __slots__ = ("_leave", "_stream", "headers", "status_code")

    def __init__(self, response: httpx2.Response, leave: Callable[..., Awaitable[None]]) -> None:
        self._leave: Callable[..., Awaitable[None]] | None = leave
        self.status_code = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._stream = cast("httpx2.AsyncByteStream", response.stream)  # the transport is asynchronous, and so is it

    def aiter_raw(self) -> AsyncIterator[bytes]:
        """The bytes of its body as they come."""
        return aiter(self._stream)

    async def aclose(self) -> None:
        """Let go of it, and of its connection."""
        leave, self._leave = self._leave, None
        is_whole = False
        try:
            await self._stream.aclose()
            is_whole = self.status_code < BROKE_DOWN
        finally:
            if leave is not None:
                await leave(is_whole=is_whole)


@lru_cache(maxsize=256)
def _address(url: str) -> tuple[httpx2.URL, bytes]:
    """*url*, and the host that is named to it. Neither holds a secret: keys travel in headers."""
    parsed = httpx2.URL(url)
    return parsed, parsed.netloc
