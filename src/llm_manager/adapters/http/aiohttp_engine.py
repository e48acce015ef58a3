"""The fast engine, on ``aiohttp``: a third of the work of the default one a call, and asyncio alone.

It comes with ``pip install 'llm-manager[fast]'``. How many connections a pool may have is counted here, so that running
out of them is told apart from a host that does not answer. What aiohttp does otherwise than the rule of engines wants,
``aiohttp_connections`` puts right.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Mapping
from typing import final

import aiohttp
import anyio
from returns.result import Failure, Success
from yarl import URL

from llm_manager.adapters.http.aiohttp_connections import Connections, TooMuchBeside
from llm_manager.adapters.http.engine import OVER, Coming, HttpCall
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

LARGE_BYTES = 1024 * 1024
"""aiohttp wants a body of more than this as a file, and warns of one that is not."""

HEAD_BYTES, HEADERS = 96 * 1024, 1_000
"""The longest line and the most lines in the head of an answer: what the default engine takes, and not the 8 KiB and
128 of aiohttp, which a policy in a header may go beyond."""


@final
class _Pool:
    """The connections that calls of one name may share, how many of them are free, and what is being read on them."""

    __slots__ = ("free", "reading", "session")

    def __init__(self, limit: int, session: aiohttp.ClientSession) -> None:
        self.free = asyncio.Semaphore(limit)
        self.session = session
        self.reading: set[_Coming] = set()

    async def aclose(self) -> None:
        """Close all; who still reads is told."""
        for coming in tuple(self.reading):
            coming.cut_off()
        await self.session.close()


@final
class AiohttpEngine:
    """Its own connections, a small pool a key."""

    __slots__ = ("_certificates", "_pools", "_settings", "_timeouts")

    def __init__(self, settings: HttpSettings, timeouts: TimeoutSettings) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._pools: dict[str, _Pool] = {}
        self._certificates: ssl.SSLContext | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        while self._pools:
            await self._pools.popitem()[1].aclose()

    async def open(self, call: HttpCall, /) -> Outcome[Coming, LLMError]:
        """Send it once and wait for the head of the answer."""
        pool = self._pools.get(call.pool)
        if pool is None:
            made = self._pool(call)
            if isinstance(made, Failure):
                return made
            pool = self._pools[call.pool] = made.unwrap()
        if not await self._entered(pool):
            said = "all our connections are in use: raise the limit"
            return Failure(NetworkError(call.model, cause="local", message=said))
        try:
            response = await pool.session.request(
                call.method,
                URL(call.url, encoded=call.url.isascii()),
                headers=call.headers,
                data=io.BytesIO(call.body) if len(call.body) > LARGE_BYTES else call.body or None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, ValueError) as bad:
            pool.free.release()
            return Failure(error_before_head(bad, call, self._timeouts))
        except BaseException:  # cancelled: its place is free again
            pool.free.release()
            raise
        return Success(_Coming(response, pool, call.model, self._timeouts.idle_s))

    async def _entered(self, pool: _Pool) -> bool:
        """Take a place in *pool*, within the time that a connection may take."""
        if not pool.free.locked():
            return await pool.free.acquire()
        with anyio.move_on_after(self._connect_s()):
            return await pool.free.acquire()
        return False

    def _connect_s(self) -> float:
        return min(self._timeouts.connect_s, self._timeouts.first_byte_s)

    def _pool(self, call: HttpCall) -> Outcome[_Pool, ConfigurationError]:
        proxy = proxy_for(call.url, self._settings)
        if isinstance(proxy, Failure):
            return proxy
        connections = Connections(self._tls() if call.url.startswith("https:") else True)
        session = aiohttp.ClientSession(
            connector=connections,
            middlewares=(connections.once,),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            proxy=proxy.unwrap(),
            max_line_size=HEAD_BYTES,
            max_field_size=HEAD_BYTES,
            max_headers=HEADERS,
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=self._connect_s(),
                ceil_threshold=float("inf"),  # above it aiohttp rounds limits up to whole seconds
            ),
        )
        return Success(_Pool(self._settings.max_connections, session))

    def _tls(self) -> ssl.SSLContext:
        if self._certificates is None:
            self._certificates = certificates(self._settings)
            self._certificates.set_alpn_protocols(("http/1.1",))
        return self._certificates


class _Silent(Exception):
    """Nothing has come for too long."""


@final
class _Silence:
    """Bounds each wait for more of a body. One timer looks after all waits of a body: a limit of its own for each would
    cost as much as the piece that is waited for."""

    __slots__ = ("_content", "_loop", "_since_s", "_timer", "limit_s")

    def __init__(self, content: aiohttp.StreamReader, limit_s: float) -> None:
        self._content = content
        self._loop = asyncio.get_running_loop()
        self._since_s: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.limit_s = limit_s

    def begin(self) -> None:
        """Somebody waits from now on."""
        self._since_s = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._since_s + self.limit_s, self._look)

    def end(self) -> None:
        """Nobody waits any more. The timer finds out when it looks."""
        self._since_s = None

    def close(self) -> None:
        """There are no more waits."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._since_s is None:
            return
        ends_s = self._since_s + self.limit_s
        if self._loop.time() < ends_s:
            self._timer = self._loop.call_at(ends_s, self._look)
        else:
            self._content.set_exception(_Silent())


@final
class _Coming:
    """An answer of aiohttp whose head has come."""

    __slots__ = ("_content", "_is_closed", "_model", "_pool", "_response", "_silence", "ended", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, pool: _Pool, model: str, idle_s: float) -> None:
        self._response = response
        self._content = response.content
        self._pool = pool
        self._is_closed = False
        self._model = model
        self._silence = _Silence(response.content, idle_s)
        self.ended = False
        self.status = response.status
        self.headers: Mapping[str, str] = _headers(response)
        pool.reading.add(self)

    async def read(self) -> Outcome[bytes | None, LLMError]:
        if self.ended:
            return OVER
        try:
            chunk = self._content.read_nowait() or await self._next()
        except _Silent:
            return Failure(RequestTimedOut(self._model, self._silence.limit_s, "idle"))
        except (aiohttp.ClientError, OSError) as bad:
            # What came before it broke; aiohttp has no public way to it.
            rest = self._content._read_nowait(-1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            if rest:
                return Success(rest)
            if isinstance(bad, TooMuchBeside):
                return Failure(MalformedResponse(self._model, "oversize", str(bad)))
            return Failure(MalformedResponse(self._model, "truncated", str(bad) or type(bad).__name__))
        if chunk:
            return Success(chunk)
        self.ended = True
        return OVER

    async def _next(self) -> bytes:
        """What comes next, empty at the end of the body."""
        if self._content.at_eof():
            return b""
        self._silence.begin()
        try:
            return await self._content.readany()
        finally:
            self._silence.end()

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._silence.close()
        if self.ended:
            self._response.release()
        else:
            connection = self._response.connection
            if connection is not None and connection.transport is not None:
                connection.transport.abort()  # close() would first write what is left of the request
            self._response.close()
        self._pool.reading.discard(self)
        self._pool.free.release()

    def cut_off(self) -> None:
        """The engine closes: a read that waits, or comes, fails."""
        self._content.set_exception(aiohttp.ClientConnectionError("our connections were closed"))


def _headers(response: aiohttp.ClientResponse) -> dict[str, str]:
    """By name in lower case; what is said twice is joined, as HTTP has it (RFC 9110, 5.3)."""
    found: dict[str, str] = {}
    for name, said in response.headers.items():
        key, value = name.lower(), said if said.isascii() else _text(said)
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _text(value: str) -> str:
    """*value* without the surrogates that aiohttp puts for bytes that are not UTF-8, which nobody could write down."""
    raw = value.encode("utf-8", "surrogateescape")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def error_before_head(bad: Exception, call: HttpCall, timeouts: TimeoutSettings) -> LLMError:
    """No answer had begun. What may have been received is ambiguous.

    The most special class comes first: an error of a certificate is a ``ValueError`` too.
    """
    said = str(bad) or type(bad).__name__
    match bad:
        case aiohttp.ConnectionTimeoutError():
            return NetworkError(call.model, cause="connect", message=f"no connection within {timeouts.connect_s:g} s")
        case aiohttp.ClientSSLError() | aiohttp.ServerFingerprintMismatch() | ssl.SSLError():
            return NetworkError(call.model, cause="tls", message=said)
        case aiohttp.ClientConnectorDNSError():
            return NetworkError(call.model, cause="dns", message=said)
        case aiohttp.ClientConnectorError(os_error=ConnectionResetError(errno=None)):
            return NetworkError(call.model, cause="tls", message="the server hung up in the middle of the handshake")
        case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError():
            return NetworkError(call.model, cause="connect", message=said)
        case UnicodeError():  # a host that is no name
            return NetworkError(call.model, cause="dns", message=said)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError():
            return InvalidRequest((Problem("http", f"cannot be sent: {type(bad).__name__}"),))
        case _:
            return NetworkError(call.model, ambiguous=True, cause="reset", message=said)
