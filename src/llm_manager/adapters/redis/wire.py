"""One connection to a Redis: bytes out, one reply back. The protocol is hiredis's business, the socket anyio's.

The rule: a connection on which anything went wrong is closed and never used again, so a reply can not be taken for the
answer to another command.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Sequence
from functools import cache
from typing import TypeAlias, cast, final

import anyio
import hiredis
from anyio.abc import ByteStream, SocketAttribute

from llm_manager.domain.redis_address import RedisAddress

Word: TypeAlias = bytes | str | int
"""A part of a command; text goes as UTF-8, a number as its digits."""

Reply: TypeAlias = "bytes | int | list[Reply] | Refusal | None"

MAX_REPLY_BYTES = 16 * 1024 * 1024
"""Whoever answers more than this is no Redis of ours."""

_PART = 64 * 1024


@final
class Refusal(Exception):
    """Redis answered with an error. *code* is its first word; the rest may repeat what was sent, and is not kept."""

    def __init__(self, said: str) -> None:
        self.code = said.partition(" ")[0][:32]
        super().__init__(self.code)


@final
class NotRedis(Exception):
    """What came back is not the protocol of Redis, or too much of it."""

    def __init__(self, _said: str = "") -> None:
        super().__init__("it does not speak as a Redis does")


@final
class Connection:
    """An open stream and what was read of a reply."""

    __slots__ = ("_reader", "_stream")

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._reader = hiredis.Reader(protocolError=NotRedis, replyError=Refusal)

    async def ask(self, command: Sequence[Word]) -> Reply:
        """Send *command* and read its reply. An error that Redis answers comes back as a :class:`Refusal`.

        Raises ``OSError``, anyio's resource errors, or :class:`NotRedis`; then the connection is of no use any more.
        """
        await self._stream.send(packed(command))
        left = MAX_REPLY_BYTES
        while True:
            part = await self._stream.receive(_PART)
            left -= len(part)
            if left < 0:
                raise NotRedis
            self._reader.feed(part)
            reply: object = self._reader.gets()
            if reply is not False:  # hiredis's word for "not all of it is here"
                return cast("Reply", reply)

    def is_quiet(self) -> bool:
        """Whether the other side neither hung up nor said anything unasked, so that it can be used once more."""
        poll = select.poll()
        poll.register(self._stream.extra(SocketAttribute.raw_socket), select.POLLIN)
        return not poll.poll(0) and not self._reader.has_data()

    async def aclose(self) -> None:
        """Close it without ceremony."""
        await anyio.aclose_forcefully(self._stream)


def packed(command: Sequence[Word]) -> bytes:
    """*command* as Redis reads it.

    >>> packed(["GET", "k"])
    b'*2\\r\\n$3\\r\\nGET\\r\\n$1\\r\\nk\\r\\n'
    """
    words = [word if isinstance(word, bytes) else str(word).encode(errors="surrogatepass") for word in command]
    return b"".join((b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)))


async def connected(address: RedisAddress) -> Connection:
    """A connection that has said who we are and chosen its database. Raises what :meth:`Connection.ask` raises."""
    connection = Connection(await _stream(address))
    try:
        for command in _greeting(address):
            answer = await connection.ask(command)
            if isinstance(answer, Refusal):
                raise answer
    except BaseException:
        await connection.aclose()
        raise
    return connection


async def _stream(address: RedisAddress) -> ByteStream:
    if address.path is not None:
        return await anyio.connect_unix(address.path)
    if not address.tls:
        return await anyio.connect_tcp(address.host, address.port)
    return await anyio.connect_tcp(
        address.host,
        address.port,
        tls=True,
        ssl_context=_certificates(),
        tls_standard_compatible=False,
    )


@cache
def _certificates() -> ssl.SSLContext:
    """Those of the system, read once: reading takes longer than an exchange may."""
    return ssl.create_default_context()


def _greeting(address: RedisAddress) -> Sequence[Sequence[Word]]:
    """What a connection says first. Here, where it is sent, the password is revealed."""
    greeting: list[Sequence[Word]] = []
    if address.password is not None:
        who = () if address.username is None else (address.username,)
        greeting.append(("AUTH", *who, address.password.reveal()))
    if address.database:
        greeting.append(("SELECT", address.database))
    return greeting
