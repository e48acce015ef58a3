"""Connections of httpx2 without its client: the transport alone, which sends a request as it stands.

Cookies, authentication, hooks, the history of redirects and the merging of headers are what a client adds; our calls
want none of it, and a cookie that one answer left must not go out with the next. A quarter of the work of a call is
saved. A client that a user injects is asked as before: what it adds is what it is wanted for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast, final

import httpx2

_AGENT: Final = f"python-httpx2/{httpx2.__version__}".encode()
"""What the client of httpx2 says it is; some vendors turn away who says nothing."""


@final
class Connections:
    """The connections of one pool, with as much of a client's face as the engine asks for."""

    __slots__ = ("_transport",)

    def __init__(self, transport: httpx2.AsyncHTTPTransport) -> None:
        self._transport = transport

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
        """Send it once and wait for the head of the answer. A transport streams and follows nothing in any case."""
        return Answer(await self._transport.handle_async_request(request))

    async def aclose(self) -> None:
        """Close them."""
        await self._transport.aclose()


@final
class Answer:
    """An answer of the transport whose head has come."""

    __slots__ = ("_stream", "headers", "status_code")

    def __init__(self, response: httpx2.Response) -> None:
        self.status_code = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._stream = cast("httpx2.AsyncByteStream", response.stream)  # the transport is asynchronous, and so is it

    def aiter_raw(self) -> AsyncIterator[bytes]:
        """The bytes of its body as they come."""
        return aiter(self._stream)

    async def aclose(self) -> None:
        """Let go of it."""
        await self._stream.aclose()


@lru_cache(maxsize=256)
def _address(url: str) -> tuple[httpx2.URL, bytes]:
    """*url*, and the host that is named to it. Neither holds a secret: keys travel in headers."""
    parsed = httpx2.URL(url)
    return parsed, parsed.netloc
