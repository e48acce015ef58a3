"""The default engine: ``httpx2``, the maintained continuation of httpx, or any client of either that a user injects.

asyncio and trio. What the libraries raise becomes a value here.
"""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, Protocol, final

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.http.engine import OVER, Coming, HttpCall
from llm_manager.adapters.http.loop_share import LoopShare
from llm_manager.adapters.http.surroundings import certificates, proxy_for
from llm_manager.domain.errors import (
    ConfigurationError,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    NetworkError,
    RequestTimedOut,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.settings import HttpSettings, TimeoutSettings

if TYPE_CHECKING:
    from types import ModuleType


class Response(Protocol):
    """What is used of a response of httpx or httpx2."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    def aiter_raw(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


class Client(Protocol):
    """What is used of an ``AsyncClient`` of httpx or httpx2."""

    def build_request(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes, extensions: dict[str, Any]
    ) -> Any: ...
    async def send(self, request: Any, *, stream: bool, follow_redirects: bool) -> Any: ...
    async def aclose(self) -> None: ...


FOREIGN: Final = (
    OSError,  # with it TimeoutError and ssl.SSLError
    anyio.BrokenResourceError,
    anyio.BusyResourceError,
    anyio.ClosedResourceError,
    anyio.EndOfStream,
)
"""What lies below the client and may come through it, above all through a transport of a user's own."""


@final
class HttpxEngine:
    """Give it a *client* to use your own connections; else it opens its own, a small pool a key."""

    __slots__ = ("_certificates", "_client", "_pools", "_settings", "_timeouts")

    def __init__(self, settings: HttpSettings, timeouts: TimeoutSettings, client: Client | None = None) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._client = client
        self._pools: dict[str, Client] = {}
        self._certificates: ssl.SSLContext | None = None

    async def aclose(self) -> None:
        """Close the connections this engine opened; an injected client is left to its owner."""
        while self._pools:
            await self._pools.popitem()[1].aclose()

    async def open(self, call: HttpCall, /) -> Outcome[Coming, LLMError]:
        """Send it once and wait for the head of the answer."""
        client = self._client or self._pools.get(call.pool)
        if client is None:
            made = self._pool(call)
            if isinstance(made, Failure):
                return made
            client = self._pools[call.pool] = made.unwrap()
        errors = _errors_of(type(client))
        limits = self._limits()
        try:
            request = client.build_request(
                call.method, call.url, headers=call.headers, content=call.body, extensions={"timeout": limits}
            )
        except (errors.InvalidURL, errors.LocalProtocolError, ValueError) as bad:
            return Failure(InvalidRequest((Problem("http", f"cannot be sent: {type(bad).__name__}"),)))
        try:
            response = await client.send(request, stream=True, follow_redirects=False)
        except (errors.TransportError, *FOREIGN) as bad:
            return Failure(_before_headers(errors, bad, call, self._timeouts))
        limits["read"] = self._timeouts.idle_s  # httpcore reads it anew for every read of the body
        return Success(_Coming(response, errors, call.model, self._timeouts.idle_s))

    def _limits(self) -> dict[str, float]:
        """Those of the client's own: none for the wait for the head, which the driver bounds as a whole."""
        connect_s = min(self._timeouts.connect_s, self._timeouts.first_byte_s)
        return {"connect": connect_s, "pool": connect_s}

    def _pool(self, call: HttpCall) -> Outcome[Client, ConfigurationError]:
        import httpx2  # noqa: PLC0415  # heavy, and only who calls needs it

        from llm_manager.adapters.http.httpx_connections import Connections  # noqa: PLC0415  # it imports httpx2

        proxy = proxy_for(call.url, self._settings)
        if isinstance(proxy, Failure):
            return proxy
        connect = partial(
            httpx2.AsyncHTTPTransport,
            trust_env=False,  # what we trust of it is in the proxy and the certificates
            proxy=proxy.unwrap(),
            verify=self._believed(encrypted=call.url.startswith("https:") or proxy.unwrap() is not None),
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1),
        )
        return Success(Connections(connect, self._settings.max_connections))

    def _believed(self, *, encrypted: bool) -> ssl.SSLContext:
        """Whose certificates count: nobody's where nothing is encrypted, since to load them takes milliseconds."""
        if not encrypted:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self._certificates is None:
            self._certificates = certificates(self._settings)
        return self._certificates


@final
class _Coming:
    """An answer of httpx whose head has come."""

    __slots__ = ("_chunks", "_cut_off", "_errors", "_idle_s", "_model", "_response", "ended", "headers", "status")

    def __init__(self, response: Response, errors: ModuleType, model: str, idle_s: float) -> None:
        self._response = response
        self._errors = errors
        self._model = model
        self._idle_s = idle_s
        self._chunks = response.aiter_raw()
        self.ended = False
        self._cut_off = False
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def read(self) -> Outcome[bytes | None, LLMError]:
        try:
            return Success(await anext(self._chunks))
        except StopAsyncIteration:
            if self._cut_off:
                return Failure(MalformedResponse(self._model, "truncated", "the connection was closed"))
            self.ended = True
            return OVER
        except (self._errors.TransportError, self._errors.StreamError, *FOREIGN) as bad:
            self.ended = True
            return Failure(self._in_body(bad))

    async def aclose(self) -> None:
        await self._response.aclose()
        if not self.ended:
            self._cut_off = True
            await self._unwind()

    async def _unwind(self) -> None:
        """End the generators that httpx nests in one another: reading on from the closed connection fails in each,
        once they have given what they had read ahead.

        Left alone they would be finalized by the garbage collector, outside any task.
        """
        share = LoopShare()
        with suppress(self._errors.TransportError, self._errors.StreamError, *FOREIGN):
            async for chunk in self._chunks:
                if share.is_used_up(len(chunk)):
                    await share.give_way()

    def _in_body(self, bad: Exception) -> LLMError:
        if isinstance(bad, self._errors.TimeoutException | TimeoutError):
            return RequestTimedOut(self._model, self._idle_s, "idle")
        return MalformedResponse(self._model, "truncated", str(bad) or type(bad).__name__)


@cache
def _errors_of(client: type[Client]) -> ModuleType:
    """The module whose exceptions a *client* raises: the library it comes from, which is loaded since it exists."""
    for kind in client.__mro__:
        library = kind.__module__.partition(".")[0]
        if library in ("httpx", "httpx2"):
            return sys.modules[library]
    import httpx2  # noqa: PLC0415  # a client of the user's own making is held to the errors of our default

    return httpx2


def _before_headers(errors: ModuleType, bad: Exception, call: HttpCall, timeouts: TimeoutSettings) -> LLMError:
    """No answer had begun. What was fully sent may have been received and paid for: then it is ambiguous."""
    said = str(bad) or type(bad).__name__
    if isinstance(bad, errors.ConnectTimeout):
        return NetworkError(call.model, cause="connect", message=f"no connection within {timeouts.connect_s:g} s")
    if isinstance(bad, errors.PoolTimeout):
        return NetworkError(call.model, cause="local", message="all our connections are in use: raise the limit")
    if isinstance(bad, errors.ConnectError | errors.ProxyError | ssl.SSLError | socket.gaierror):
        return _no_connection(bad, call, said)
    if isinstance(bad, errors.TimeoutException | TimeoutError):
        return RequestTimedOut(call.model, timeouts.first_byte_s, "first_byte")
    if isinstance(bad, errors.LocalProtocolError | errors.UnsupportedProtocol):
        # What it says may hold the value of a header, and so a key.
        return InvalidRequest((Problem("http", f"cannot be sent: {type(bad).__name__}"),))
    sent = not isinstance(bad, errors.WriteError)
    return NetworkError(call.model, ambiguous=sent, cause="reset", message=said)


def _no_connection(bad: Exception, call: HttpCall, said: str) -> NetworkError:
    cause: BaseException | None = bad
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return NetworkError(call.model, cause="tls", message=said)
        if isinstance(cause, socket.gaierror):
            return NetworkError(call.model, cause="dns", message=said)
        cause = cause.__cause__ or cause.__context__
    return NetworkError(call.model, cause="connect", message=said)
