"""Connections of aiohttp under the rule of engines: no call goes out twice, no answer goes to another call.

aiohttp sends a GET anew when its connection breaks, gives out a kept connection although the server has hung up on it
or has said something more on it, and closes a connection only once all is written that was to be sent. A browser may do
so; calls that cost money, to servers that may no longer read, may not.
"""

from __future__ import annotations

import asyncio
import select
import ssl
import sys
from functools import partial
from typing import TYPE_CHECKING, final
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler

from llm_manager.adapters.http.engine import BROKE_DOWN

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


BESIDE_BYTES = 256 * 1024
"""How much may come in a row that adds nothing to a body: a head, or what ends a body in chunks. aiohttp bounds a line
of these and the number of lines, and keeps all of them."""


class TooMuchBeside(aiohttp.ClientPayloadError):
    """A head, or the lines after a body, without an end."""


@final
class _Bounded(ResponseHandler):
    """Reads one connection, and hangs up on one that sends without end what is no part of a body."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._beside_bytes = 0

    def data_received(self, data: bytes) -> None:
        """More has come."""
        before = self._body_bytes()
        super().data_received(data)
        if self._body_bytes() != before:
            self._beside_bytes = 0
            return
        self._beside_bytes += len(data)
        if self._beside_bytes > BESIDE_BYTES:
            self._hang_up(TooMuchBeside(f"more than {BESIDE_BYTES} bytes came that are no part of a body"))

    def _body_bytes(self) -> int:
        return -1 if self._payload is None else self._payload.total_bytes

    def _hang_up(self, why: TooMuchBeside) -> None:
        payload, wire = self._payload, self.transport
        if payload is not None:
            payload.set_exception(why)
        self.set_exception(why)
        if wire is not None:
            wire.abort()


def _bounded(loop: asyncio.AbstractEventLoop) -> ResponseHandler:
    return _Bounded(loop)


class ConnectionBroken(aiohttp.ClientError):
    """A connection ended before an answer began. aiohttp repeats some requests after its own words for it."""


@final
class Connections(aiohttp.TCPConnector):
    """The connections of a session; ``once`` is to be its middleware."""

    def __init__(self, certificates: ssl.SSLContext | bool) -> None:  # noqa: FBT001  # aiohttp's own way to say "yours"
        # aiohttp leaves a part of the type of its sockets open.
        super().__init__(limit=0, ssl=certificates)  # pyright: ignore[reportUnknownMemberType]
        # A name of aiohttp's own: there is no public way to choose what reads a connection.
        self._factory = partial(_bounded, asyncio.get_running_loop())
        self._used: WeakSet[ResponseHandler] = WeakSet()
        self._under_way: dict[aiohttp.ClientRequest, asyncio.BaseTransport] = {}

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the signature is aiohttp's
    ) -> Connection:
        """A new connection, or a kept one on which nothing has happened since."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol, wire = connection.protocol, connection.transport
            if protocol is None or wire is None:  # for the types: it has just been given out
                return connection
            if protocol not in self._used or not (protocol.should_close or _is_readable(wire)):
                break
            connection.close()
        self._used.add(protocol)
        self._under_way[req] = wire
        return connection

    async def once(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        """Send *request*, and never again; if no answer begins, hang up whatever is left to be written. After a server
        broke down its connection is not used again."""
        try:
            response = await send(request)
            if response.status >= BROKE_DOWN:
                _do_not_keep(response, self._under_way.get(request))
            return response
        except BaseException as bad:
            wire = self._under_way.get(request)
            if isinstance(wire, asyncio.WriteTransport):
                wire.abort()
            if _would_be_repeated(bad):
                raise ConnectionBroken(str(bad) or type(bad).__name__) from bad
            raise
        finally:
            self._under_way.pop(request, None)


def _do_not_keep(response: aiohttp.ClientResponse, wire: asyncio.BaseTransport | None) -> None:
    """Close the connection behind *response*: aiohttp has let go of it already if the whole body is there."""
    connection = response.connection
    if connection is not None and connection.protocol is not None:
        connection.protocol.force_close()
    elif wire is not None:
        wire.close()


def _would_be_repeated(bad: BaseException) -> bool:
    return isinstance(bad, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError) and not isinstance(
        bad, aiohttp.ClientConnectorError
    )


def _is_readable(wire: asyncio.BaseTransport) -> bool:
    """Has the server hung up, or said something, that the loop has not come round to?"""
    place = wire.get_extra_info("socket").fileno()
    if sys.platform == "win32":  # no poll() there, and select() knows no limit
        return bool(select.select([place], [], [], 0)[0])
    poll = select.poll()
    poll.register(place, select.POLLIN)
    return bool(poll.poll(0))
