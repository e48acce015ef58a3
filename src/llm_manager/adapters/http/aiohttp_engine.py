"""The fast engine, on ``aiohttp``: a third of the work of the default one a call, and asyncio alone.

It comes with ``pip install 'llm-manager[fast]'``. How many connections a pool may have is counted here, so that running
out of them is told apart from a host that does not answer. aiohttp sends a GET anew when the connection it had kept
turns out to be closed; a POST, which is what asks a model, it never repeats.
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

from llm_manager.adapters.http.engine import Coming, HttpCall
from llm_manager.domain.errors import InvalidRequest, LLMError, MalformedResponse, NetworkError, RequestTimedOut
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.settings import HttpSettings, TimeoutSettings

LARGE_BYTES = 1024 * 1024
"""aiohttp wants a body of more than this as a file, and warns of one that is not."""


@final
class _Pool:
    """The connections that calls of one name may share, and how many of them are in use."""

    __slots__ = ("free", "session")

    def __init__(self, settings: HttpSettings, timeouts: TimeoutSettings) -> None:
        self.free = asyncio.Semaphore(settings.max_connections)
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=settings.trust_environment,
            timeout=aiohttp.ClientTimeout(
                total=None,
                sock_connect=min(timeouts.connect_s, timeouts.first_byte_s),
                ceil_threshold=float("inf"),  # above it aiohttp rounds limits up to whole seconds
            ),
        )


@final
class AiohttpEngine:
    """Its own connections, a small pool a key."""

    __slots__ = ("_pools", "_settings", "_timeouts")

    def __init__(self, settings: HttpSettings, timeouts: TimeoutSettings) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._pools: dict[str, _Pool] = {}

    async def aclose(self) -> None:
        """Close the connections."""
        while self._pools:
            await self._pools.popitem()[1].session.close()

    async def open(self, call: HttpCall, /) -> Outcome[Coming, LLMError]:
        """Send it once and wait for the head of the answer."""
        pool = self._pools.get(call.pool)
        if pool is None:
            pool = self._pools[call.pool] = _Pool(self._settings, self._timeouts)
        if not await self._entered(pool):
            said = "all our connections are in use: raise the limit"
            return Failure(NetworkError(call.model, cause="local", message=said))
        try:
            response = await pool.session.request(
                call.method,
                URL(call.url, encoded=True),
                headers=call.headers,
                data=io.BytesIO(call.body) if len(call.body) > LARGE_BYTES else call.body,
                allow_redirects=False,
                proxy=self._settings.proxy,
            )
        except (aiohttp.ClientError, OSError, ValueError) as bad:
            pool.free.release()
            return Failure(_before_headers(bad, call, self._timeouts))
        except BaseException:  # cancelled: its place is free again
            pool.free.release()
            raise
        return Success(_Coming(response, pool, call.model, self._timeouts.idle_s))

    async def _entered(self, pool: _Pool) -> bool:
        """Take a place in *pool*, within the time that a connection may take."""
        if not pool.free.locked():
            return await pool.free.acquire()
        with anyio.move_on_after(min(self._timeouts.connect_s, self._timeouts.first_byte_s)):
            return await pool.free.acquire()
        return False


@final
class _Coming:
    """An answer of aiohttp whose head has come."""

    __slots__ = ("_content", "_ended", "_idle_s", "_is_closed", "_model", "_pool", "_response", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse, pool: _Pool, model: str, idle_s: float) -> None:
        self._response = response
        self._content = response.content
        self._pool = pool
        self._is_closed = False
        self._model = model
        self._idle_s = idle_s
        self._ended = False
        self.status = response.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def read(self) -> Outcome[bytes | None, LLMError]:
        try:
            chunk = await self._next()
        except (aiohttp.ClientError, OSError, RuntimeError) as bad:
            if isinstance(bad, RuntimeError) and not self._pool.session.closed:
                raise  # of a closed session it is the word for a closed connection
            return Failure(MalformedResponse(self._model, "truncated", str(bad) or type(bad).__name__))
        if chunk is None:
            return Failure(RequestTimedOut(self._model, self._idle_s, "idle"))
        if chunk:
            return Success(chunk)
        self._ended = True
        return Success(None)

    async def _next(self) -> bytes | None:
        """What has come, empty at the end of the body; None when nothing does. What is there needs no clock."""
        ready = self._content.read_nowait()
        if ready or self._content.at_eof():
            return ready
        with anyio.move_on_after(self._idle_s):
            return await self._content.readany()
        return None

    async def aclose(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._ended:
            self._response.release()
        else:
            self._response.close()
        self._pool.free.release()


def _before_headers(bad: Exception, call: HttpCall, timeouts: TimeoutSettings) -> LLMError:
    """No answer had begun. What may have been received is ambiguous."""
    said = str(bad) or type(bad).__name__
    match bad:
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError() | ValueError():
            return InvalidRequest((Problem("http", f"cannot be sent: {type(bad).__name__}"),))
        case aiohttp.ConnectionTimeoutError():
            return NetworkError(call.model, cause="connect", message=f"no connection within {timeouts.connect_s:g} s")
        case aiohttp.ClientConnectorDNSError():
            return NetworkError(call.model, cause="dns", message=said)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return NetworkError(call.model, cause="tls", message=said)
        case aiohttp.ClientConnectorError(os_error=ConnectionResetError()) if call.url.startswith("https:"):
            return NetworkError(call.model, cause="tls", message=said)  # connected, and hung up on in the handshake
        case aiohttp.ClientConnectorError() | aiohttp.ClientHttpProxyError():
            return NetworkError(call.model, cause="connect", message=said)
        case aiohttp.ServerTimeoutError():
            return RequestTimedOut(call.model, timeouts.first_byte_s, "first_byte")
        case _:
            return NetworkError(call.model, ambiguous=True, cause="reset", message=said)
