"""Answers on their way: the port's face of a stream over HTTP, and of an answer that is there already."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, final

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.dialects.dialect import AnswerReader, Framing
from llm_manager.adapters.frames import Document, Frames, frames_of
from llm_manager.adapters.http.driver import HttpStream
from llm_manager.adapters.http.loop_share import SHARE_BYTES, LoopShare
from llm_manager.domain.errors import LLMError, MalformedResponse, RequestTimedOut
from llm_manager.domain.masking import Mask
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.settings import HttpSettings
from llm_manager.domain.stream import Delta, deltas_of

STREAM_BODIES = 16
"""How many times ``http.max_body_bytes`` a stream may be, all its events and comments taken together: what wraps a word
of an answer is some fifty times as long as the word."""

LAST_WORDS_S: Final = 1.5
"""How long an answer that has said why it ended is waited for: for its usage, and for the end of its body. Some
gateways leave the connection open, and send comments on it."""

ReadBody: TypeAlias = Callable[[bytes], Awaitable[Outcome[LLMResponse, LLMError]]]
"""The response in a body that is no stream, or the error it is."""


@final
class Whole:
    """An answer that is there already."""

    __slots__ = ("_deltas", "_response")

    def __init__(self, response: LLMResponse) -> None:
        self._response = response
        self._deltas = deltas_of(response)

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        """All its pieces, then the response."""
        deltas, self._deltas = self._deltas, ()
        return Success(deltas or self._response)

    longest_pull_s = 0.0

    @property
    def usage(self) -> Usage:
        """That of the response."""
        return self._response.usage

    async def aclose(self) -> None:
        """Nothing is held."""


@final
class Streamed:
    """An answer that the reader of a dialect puts together from a stream. What a failure says goes through *mask*."""

    __slots__ = (
        "_cap",
        "_ended",
        "_event_cap",
        "_frames",
        "_framing",
        "_head",
        "_last_words_until",
        "_mask",
        "_model",
        "_next",
        "_read_body",
        "_reader",
        "_rest",
        "_share",
        "_stream",
        "_stream_bytes",
        "longest_pull_s",
    )

    def __init__(
        self,
        stream: HttpStream,
        reader: AnswerReader,
        framing: Framing,
        settings: HttpSettings,
        read_body: ReadBody,
        *,
        idle_s: float,
        model: str,
        mask: Mask,
    ) -> None:
        self._stream = stream
        self._next = stream.reading
        self._reader = reader
        self._framing: Framing = framing
        self._read_body = read_body
        self._frames: Frames | None = None
        self._head = b""
        self._event_cap = settings.max_event_bytes
        self._cap = settings.max_body_bytes
        self._last_words_until: float | None = None
        self._model = model
        self.longest_pull_s = idle_s
        self._mask = mask
        self._rest: bytes | memoryview = b""
        self._share = LoopShare()
        self._stream_bytes = 0
        self._ended: Outcome[LLMResponse, LLMError] | None = None

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        """The pieces that the next bytes bring, which may be none."""
        if self._ended is not None:
            return self._ended
        if self._rest:
            return self._pieces(await self._read_share(self._rest))
        got = await (self._next() if self._last_words_until is None else self._last_words())
        if not isinstance(got, Success):
            self._ended = Failure(self._broken(got.failure()))
        elif (chunk := got.unwrap()) is not None:
            self._stream_bytes += len(chunk)
            is_long = self._share.is_used_up(len(chunk))
            return self._pieces(await self._read_share(chunk) if is_long else self._read(chunk))
        else:
            return self._pieces(await self._read_rest())
        self._ended = self._mask.outcome(self._ended)
        return self._ended

    async def _last_words(self) -> Outcome[bytes | None, LLMError]:
        """The next bytes of an answer that has said why it ended; silence is its end."""
        left_s = (self._last_words_until or 0.0) - anyio.current_time()
        if left_s > 0:
            with anyio.move_on_after(left_s):
                got = await self._next()
                is_silent = isinstance(got, Failure) and isinstance(got.failure(), RequestTimedOut)
                return Success(None) if is_silent else got
        return Success(None)

    async def _read_rest(self) -> Sequence[Delta]:
        """What the end of the body completes. What is no JSON there was cut off, and is not said."""
        frames = self._frames
        if isinstance(frames, Document):
            self._ended = await self._read_body(frames.rest()[0])
            if isinstance(self._ended, Failure):
                return ()
            return deltas_of(self._ended.unwrap())
        deltas: list[Delta] = []
        for frame in () if frames is None else frames.rest():
            read = self._reader.read(frame)
            if isinstance(read, Success):
                deltas += read.unwrap()
            elif not _is_cut(read.failure()):
                self._ended = read
                return deltas
        self._ended = self._reader.end()
        return deltas

    def _pieces(self, deltas: Sequence[Delta]) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        if self._ended is not None:
            self._ended = self._mask.outcome(self._ended)
            return Success(deltas) if deltas else self._ended
        return Success(deltas)

    @property
    def usage(self) -> Usage:
        """What the vendor has told so far."""
        return self._reader.usage

    async def aclose(self) -> None:
        """Close the connection, unless all has been said and it can be used again."""
        await self._stream.aclose(said_all=self._reader.finished)

    async def _read_share(self, chunk: bytes | memoryview) -> Sequence[Delta]:
        """What as much of *chunk* says as the event loop can wait for; the rest is kept for the next pull."""
        await self._share.give_way()
        if self._stream_bytes > STREAM_BODIES * self._cap:
            return self._oversize("the stream")
        self._rest = memoryview(chunk)[SHARE_BYTES:]
        return self._read(bytes(chunk[:SHARE_BYTES]))

    def _cut(self, chunk: bytes) -> Sequence[bytes] | None:
        """The texts in the first bytes of the body, once these say how it is cut."""
        self._head += chunk
        self._frames = frames_of(self._head, self._framing, event_cap=self._event_cap, body_cap=self._cap)
        if self._frames is None:
            self._head = self._head if self._head.strip() else b""
            return ()
        head, self._head = self._head, b""
        return self._frames.feed(head)

    def _read(self, chunk: bytes) -> Sequence[Delta]:
        cutter, reader = self._frames, self._reader
        frames = self._cut(chunk) if cutter is None else cutter.feed(chunk)
        if frames is None:
            return self._oversize("the body" if isinstance(self._frames, Document) else "an event of the stream")
        deltas: list[Delta] = []
        for frame in frames:
            read = reader.read(frame)
            if not isinstance(read, Success):
                self._ended = read
                break
            deltas += read.unwrap()
            if reader.kept_bytes > self._cap:
                return self._oversize("the answer")
            if reader.is_complete and self._is_over(said_more=bool(deltas)):
                break
        if self._last_words_until is not None and not reader.is_complete:
            self._last_words_until = None  # they were not the last
        return deltas

    def _is_over(self, *, said_more: bool) -> bool:
        """End an answer that has said why it ended, or wait for its last words."""
        if self._reader.finished:
            self._ended = self._reader.end()
            return True
        if said_more or self._last_words_until is None:
            self._last_words_until = anyio.current_time() + LAST_WORDS_S
        return False

    def _oversize(self, what: str) -> Sequence[Delta]:
        self._ended = Failure(MalformedResponse(self._model, "oversize", f"{what} is larger than its cap"))
        return ()

    def _broken(self, error: LLMError) -> LLMError:
        """A body that was cut off is, of a stream, an answer that was."""
        is_document = isinstance(self._frames, Document)
        if isinstance(error, MalformedResponse) and error.reason == "truncated" and not is_document:
            return self._reader.broken(error.message)
        return error


def _is_cut(error: LLMError) -> bool:
    """Is *error* that of half a JSON text?"""
    return isinstance(error, MalformedResponse) and error.reason in ("unparsable", "undecodable")
