"""One HTTP call and what comes of it: nothing unencrypted, nothing followed, nothing unbounded, no call repeated.

Works on any :class:`~llm_manager.adapters.http.engine.Engine`. Redirects are refused, because a redirect would carry
credentials along; bodies are unpacked here, because the cap must hold for what comes out of them.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias, final
from urllib.parse import urlsplit

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.http.engine import Coming, Engine, HttpCall
from llm_manager.adapters.http.loop_share import LoopShare
from llm_manager.domain.base_urls import is_encrypted_or_local
from llm_manager.domain.errors import (
    ConfigurationError,
    InvalidRequest,
    LLMError,
    MalformedResponse,
    RequestTimedOut,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.settings import HttpSettings, TimeoutSettings

PIECE_BYTES = 16 * 1024
"""The most that is unpacked at once, so that a few bytes of a bomb never become many."""

MAX_RATIO, ANY_RATIO_BYTES = 200, 1024 * 1024
"""A body that unpacks to more than the second is refused where it is more than the first times as large as it was sent.
Streams of small events reach 20 to 30, and deflate 1,032 at the most."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

LEFTOVERS_S = 0.05
"""How long to wait for the end of a body that has said all it had to say, so that its connection can be used again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back, unpacked. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@final
class HttpStream:
    """An answer that is read while it comes. Whoever opened it closes it."""

    __slots__ = ("_coming", "_model", "_packed", "_packed_bytes", "_unpack", "_unpacked_bytes")

    def __init__(self, coming: Coming, unpack: _Unpack | None, model: str) -> None:
        self._coming = coming
        self._unpack = unpack
        self._model = model
        self._packed = b""
        self._packed_bytes = 0
        self._unpacked_bytes = 0

    @property
    def status(self) -> int:
        """The status code."""
        return self._coming.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; their names are in lower case."""
        return self._coming.headers

    @property
    def ended(self) -> bool:
        """Does nothing more come of it?"""
        return self._coming.ended

    @property
    def reading(self) -> Callable[[], Awaitable[Outcome[bytes | None, LLMError]]]:
        """What reads it piece by piece: :meth:`read`, or what is behind it where there is nothing to unpack."""
        return self._coming.read if self._unpack is None else self.read

    async def read(self) -> Outcome[bytes | None, LLMError]:
        """The next bytes, unpacked and never many at once; None once the body is over."""
        unpack, packed = self._unpack, self._packed
        while unpack is None or not packed:
            got = await self._coming.read()
            if not isinstance(got, Success):
                return got
            chunk = got.unwrap()
            if chunk is None or unpack is None:
                return got
            packed = chunk
            self._packed_bytes += len(chunk)
        try:
            piece, self._packed = unpack(packed)
        except zlib.error:
            return Failure(MalformedResponse(self._model, "undecodable", "the compressed body is damaged"))
        self._unpacked_bytes += len(piece)
        if self._unpacked_bytes > max(ANY_RATIO_BYTES, MAX_RATIO * self._packed_bytes):
            message = f"the compressed body unpacks to more than {MAX_RATIO} times its size"
            return Failure(MalformedResponse(self._model, "oversize", message))
        return Success(piece)

    async def whole(self, cap: int) -> Outcome[bytes, LLMError]:
        """All that comes, if it stays within *cap* bytes; never more than that and one piece in memory.

        A byte order mark is no part of JSON, and may be passed over before it (RFC 8259, 8.1).
        """
        body, size, share = io.BytesIO(), 0, LoopShare()
        while True:
            got = await self.read()
            if not isinstance(got, Success):
                return got
            piece = got.unwrap()
            if piece is None:
                return Success(body.getvalue().removeprefix(BYTE_ORDER_MARK))  # without a copy where there is none
            size += body.write(piece)
            if share.is_used_up(len(piece)):
                await share.give_way()
            if size > cap:
                return Failure(MalformedResponse(self._model, "oversize", f"the body is larger than {cap} bytes"))

    async def aclose(self, *, said_all: bool = False) -> None:
        """Let go of it, at once; if it has *said_all*, the end of its body is waited for a moment."""
        try:
            if said_all and not self.ended:
                with anyio.move_on_after(LEFTOVERS_S):
                    await self._leftovers()
        finally:
            await self._coming.aclose()

    async def _leftovers(self) -> None:
        share = LoopShare()
        while isinstance(got := await self._coming.read(), Success) and (piece := got.unwrap()) is not None:
            if share.is_used_up(len(piece)):
                await share.give_way()


@final
class Http:
    """The driver."""

    __slots__ = ("_engine", "_settings", "_timeouts")

    def __init__(self, settings: HttpSettings, timeouts: TimeoutSettings, engine: Engine) -> None:
        self._settings = settings
        self._timeouts = timeouts
        self._engine = engine

    async def aclose(self) -> None:
        """Close the connections."""
        await self._engine.aclose()

    async def call(self, call: HttpCall, *, works_first: bool = False) -> Outcome[HttpAnswer, LLMError]:
        """Send it once and read the whole answer, within the caps.

        The head is bounded by ``timeouts.first_byte_s``, unless the other side *works first*: the head of a model's
        whole answer comes with its end.
        """
        opened = await (self._opened if works_first else self.stream)(call)
        if not isinstance(opened, Success):
            return opened
        stream = opened.unwrap()
        try:
            body = await stream.whole(self._settings.max_body_bytes)
        finally:
            await stream.aclose()
        if not isinstance(body, Success):
            return body
        return Success(HttpAnswer(status=stream.status, headers=stream.headers, body=body.unwrap()))

    async def stream(self, call: HttpCall) -> Outcome[HttpStream, LLMError]:
        """Send it once and wait for the head of the answer, within ``timeouts.first_byte_s``."""
        with anyio.move_on_after(self._timeouts.first_byte_s):  # an engine's own limit may begin anew at each read
            return await self._opened(call)
        return Failure(RequestTimedOut(call.model, self._timeouts.first_byte_s, "first_byte"))

    async def _opened(self, call: HttpCall) -> Outcome[HttpStream, LLMError]:
        refused = _refused(call, self._settings)
        if refused is not None:
            return Failure(refused)
        opened = await self._engine.open(call)
        if not isinstance(opened, Success):
            return opened
        coming = opened.unwrap()
        call.on_head()
        packing = coming.headers.get("content-encoding", "").strip().lower()
        if 300 <= coming.status < 400 or packing not in _KNOWN:
            await coming.aclose()
            return Failure(_unreadable(call.model, coming.status))
        return Success(HttpStream(coming, None if packing in _PLAIN else _unpacker(), call.model))


def _unreadable(model: str, status: int) -> MalformedResponse:
    if 300 <= status < 400:
        return MalformedResponse(model, "redirect", "a redirect was refused: set the final URL")
    return MalformedResponse(model, "undecodable", "a compression nobody asked for")


def _refused(call: HttpCall, settings: HttpSettings) -> LLMError | None:
    """Why *call* may not be sent at all. What its headers hold is not repeated: one of them is a key."""
    said = _no_url(call.url)
    if said is not None:
        return ConfigurationError((Problem("http.base_urls", said),))
    if not settings.allow_http and not is_encrypted_or_local(call.url):
        said = "is not encrypted: use https, or set http.allow_http for a network you trust"
        return ConfigurationError((Problem("http.base_urls", said),))
    for name, value in call.headers.items():
        if not _NAME.fullmatch(name):
            return InvalidRequest((Problem(f"header {name!r}", "is no name of a header"),))
        if not value.isprintable():
            return InvalidRequest((Problem(f"header {name}", "holds a line break or another control character"),))
        if not value.isascii() or value.strip() != value:
            return InvalidRequest((Problem(f"header {name}", "holds a letter beyond ASCII, or begins or ends blank"),))
    return None


_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110, 5.6.2."""


@lru_cache(maxsize=256)
def _no_url(url: str) -> str | None:
    """Why *url* is none. What is odd in it, one engine leaves out, another sends, a third raises."""
    try:
        parts = urlsplit(url)
        is_one = parts.hostname is not None and parts.port != 0 and "@" not in parts.netloc
    except ValueError:  # half an IPv6 address, a port beyond 65535
        is_one = False
    if is_one and url.isprintable() and " " not in url:
        return None
    return "is no URL, or one with credentials: write one like https://api.example.com/v1"


_Unpack: TypeAlias = Callable[[bytes], tuple[bytes, bytes]]
"""Some bytes to what comes out of them, and those of them that are still packed."""


_PLAIN = ("", "identity")
_KNOWN = (*_PLAIN, "gzip", "x-gzip", "deflate")


_GZIP = b"\x1f"
"""How a member of a gzip file begins."""


def _unpacker() -> _Unpack:
    """One for a body of gzip, which may have several members (RFC 1952, 2.2), or of zlib, which ends once.

    What follows and is neither is padding, and passed over as gzip does.
    """
    packer = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: tell gzip from zlib by the first bytes

    def unpack(chunk: bytes) -> tuple[bytes, bytes]:
        nonlocal packer
        if packer.eof:
            if not chunk.startswith(_GZIP):
                return b"", b""
            packer = zlib.decompressobj(zlib.MAX_WBITS | 16)  # 16: gzip
        return packer.decompress(chunk, PIECE_BYTES), packer.unconsumed_tail or packer.unused_data

    return unpack
