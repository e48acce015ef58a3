"""One HTTP call and its bytes: every failure of the network as a value, nothing followed, nothing unbounded.

Works on ``httpx2``, the maintained continuation of httpx, or on any client of either that a user injects; asyncio and
trio. It never repeats a call. Redirects are refused, because a redirect would carry credentials along.
"""

from __future__ import annotations

import socket
import ssl
import sys
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast, final

import anyio
from returns.result import Failure, Success

from llm_manager.domain.errors import (
    ConfigurationError,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    NetworkError,
    RequestTimedOut,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.parse_config import is_encrypted_or_local
from llm_manager.domain.problem import Problem
from llm_manager.domain.settings import HttpSettings, TimeoutSettings

if TYPE_CHECKING:
    from types import ModuleType


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """What is to be sent. *pool* names the connections it may share: calls to one host with one key. *model* goes into
    errors."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    pool: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back, decompressed. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


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


@final
class Http:
    """The driver. Give it a *client* to use your own connections; else it opens its own, a small pool a key."""

    __slots__ = ("_client", "_pools", "_settings", "_timeouts")

    def __init__(self, settings: HttpSettings, timeouts: TimeoutSettings, client: Client | None = None) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._client = client
        self._pools: dict[str, Client] = {}

    async def aclose(self) -> None:
        """Close the connections this driver opened; an injected client is left to its owner."""
        while self._pools:
            await self._pools.popitem()[1].aclose()

    async def call(self, call: HttpCall) -> Outcome[HttpAnswer, LLMError]:
        """Send it once and read the whole answer, within the caps."""
        refused = _refused(call, self._settings)
        if refused is not None:
            return Failure(refused)
        client = self._client or self._pool(call.pool)
        errors = _errors_of(client)
        limits = self._limits()
        try:
            request = client.build_request(
                call.method, call.url, headers=call.headers, content=call.body, extensions={"timeout": limits}
            )
        except (errors.InvalidURL, errors.LocalProtocolError, ValueError) as bad:
            return Failure(InvalidRequest((Problem("http", f"cannot be sent: {type(bad).__name__}"),)))
        response: Response | None = None
        try:
            with anyio.move_on_after(self._timeouts.first_byte_s):  # the library's own limit begins anew at each read
                response = await client.send(request, stream=True, follow_redirects=False)
        except errors.TransportError as bad:
            return Failure(_before_headers(errors, bad, call, self._timeouts))
        if response is None:
            return Failure(RequestTimedOut(call.model, self._timeouts.first_byte_s, "first_byte"))
        limits["read"] = self._timeouts.idle_s  # httpcore reads it anew for every read of the body
        try:
            return await self._read(errors, response, call)
        except errors.TransportError as bad:
            return Failure(_in_body(errors, bad, call, self._timeouts))
        finally:
            await response.aclose()

    def _limits(self) -> dict[str, float]:
        timeouts = self._timeouts
        connect_s = min(timeouts.connect_s, timeouts.first_byte_s)
        return {
            "connect": connect_s,
            "read": timeouts.first_byte_s,
            "write": timeouts.first_byte_s,
            "pool": connect_s,
        }

    def _pool(self, name: str) -> Client:
        client = self._pools.get(name)
        if client is None:
            import httpx2  # noqa: PLC0415  # heavy, and only who calls needs it

            limit = self._settings.max_connections
            client = self._pools[name] = cast(
                "Client",
                httpx2.AsyncClient(
                    trust_env=self._settings.trust_environment,
                    proxy=self._settings.proxy,
                    limits=httpx2.Limits(max_connections=limit, max_keepalive_connections=limit),
                ),
            )
        return client

    async def _read(self, errors: ModuleType, response: Response, call: HttpCall) -> Outcome[HttpAnswer, LLMError]:
        if 300 <= response.status_code < 400:
            return Failure(MalformedResponse(call.model, "redirect", "a redirect was refused: set the final URL"))
        unpack = _unpacker(response.headers.get("content-encoding", ""))
        if unpack is None:
            return Failure(MalformedResponse(call.model, "undecodable", "a compression nobody asked for"))
        chunks = response.aiter_raw()
        body = await _capped(chunks, unpack, self._settings.max_body_bytes, call)
        if isinstance(body, Failure):
            await _abandon(errors, response, chunks)
            return body
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Success(HttpAnswer(status=response.status_code, headers=headers, body=body.unwrap()))


async def _capped(
    chunks: AsyncIterator[bytes], unpack: _Unpack, cap: int, call: HttpCall
) -> Outcome[bytes, MalformedResponse]:
    """The whole body, unpacked, if it stays within *cap* bytes; never more than that and one chunk in memory."""
    body = bytearray()
    async for chunk in chunks:
        try:
            body += unpack(chunk, cap - len(body) + 1)
        except zlib.error:
            return Failure(MalformedResponse(call.model, "undecodable", "the compressed body is damaged"))
        if len(body) > cap:
            return Failure(MalformedResponse(call.model, "oversize", f"the body is larger than {cap} bytes"))
    return Success(bytes(body))


async def _abandon(errors: ModuleType, response: Response, chunks: AsyncIterator[bytes]) -> None:
    """Close a response whose body was not read to its end.

    Reading on from the closed connection fails, and that is what ends the generators that httpx nests in one another;
    left alone they would be finalized by the garbage collector, outside any task.
    """
    await response.aclose()
    with suppress(errors.TransportError, errors.StreamError, StopAsyncIteration):
        await anext(chunks)


def _refused(call: HttpCall, settings: HttpSettings) -> LLMError | None:
    """Why *call* may not be sent at all."""
    if not settings.allow_http and not is_encrypted_or_local(call.url):
        said = "is not encrypted: use https, or set http.allow_http for a network you trust"
        return ConfigurationError((Problem("http.base_urls", said),))
    for name, value in call.headers.items():
        if not value.isprintable():
            return InvalidRequest((Problem(f"header {name}", "holds a line break or another control character"),))
    return None


class _Unpack(Protocol):
    def __call__(self, chunk: bytes, room: int, /) -> bytes: ...


def _unpacker(encoding: str) -> _Unpack | None:
    """What undoes the compression of a body, never giving more bytes than there is room for."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return lambda chunk, _room: chunk
    if name not in ("gzip", "x-gzip", "deflate"):
        return None
    stream = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: tell gzip from zlib by the first bytes
    return stream.decompress


def _errors_of(client: Client) -> ModuleType:
    """The module whose exceptions *client* raises: the library it comes from, which is loaded since it exists."""
    for kind in type(client).__mro__:
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
    if isinstance(bad, errors.ConnectError | errors.ProxyError):
        return _no_connection(bad, call, said)
    if isinstance(bad, errors.TimeoutException):
        return RequestTimedOut(call.model, timeouts.first_byte_s, "first_byte")
    if isinstance(bad, errors.LocalProtocolError | errors.UnsupportedProtocol):
        return InvalidRequest((Problem("http", f"cannot be sent: {said}"),))
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


def _in_body(errors: ModuleType, bad: Exception, call: HttpCall, timeouts: TimeoutSettings) -> LLMError:
    if isinstance(bad, errors.TimeoutException):
        return RequestTimedOut(call.model, timeouts.idle_s, "idle")
    return MalformedResponse(call.model, "truncated", str(bad) or type(bad).__name__)
