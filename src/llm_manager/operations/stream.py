"""Answers that are read while they come: the stream itself, its text alone, and the fold to a whole response.

    opened = await run(generate_stream(request), context)
    async with opened.unwrap() as stream:
        async for event in stream: ...

A stream tells the truth about its end: its last event is ``StreamFinished``, with what ``generate`` would have given,
or ``StreamFailed``, with the reason and the text that had come.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self, TypeVar, final
from warnings import warn

from anyio import CancelScope
from returns.result import Failure, Success

from llm_manager.combinators.cached import look_up
from llm_manager.combinators.timeout import deadline
from llm_manager.domain.arguments import check_request
from llm_manager.domain.errors import LLMError, MalformedResponse, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.stream import StreamEnd, StreamEvent, StreamFailed, StreamFinished, TextDelta
from llm_manager.effect.context import Context, Op
from llm_manager.effect.ongoing import Ending, Ongoing, Tell, tell_all
from llm_manager.effect.op import effect, run
from llm_manager.effect.open_streams import Held, Leave, OpenStreams
from llm_manager.operations.account import Account
from llm_manager.operations.attempt import begin
from llm_manager.operations.chain import LAST_WORDS_S, cache_key_of, chain_of, first_answer, is_worth_keeping, limit_s
from llm_manager.operations.sources import Relay, Source, Stored

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)


@final
class LLMStream(Ongoing):
    """One answer as it comes. Open it with ``async with``: leaving the block early closes the connection at once.

    It has one reader. ``ended`` is its last event, None while there are more and for one that was left. Combinators
    around it settle when it has ended.
    """

    __slots__ = ("_account", "_cache_key", "_events", "_held", "_is_closed", "_source", "_streams", "ended")

    def __init__(self, account: Account, source: Source, cache_key: str | None) -> None:
        super().__init__()
        self._account = account
        self._source = source
        self._cache_key = cache_key
        self._events: list[StreamEvent] = []  # the next one last
        self._is_closed = False
        self._streams: OpenStreams | None = None
        self._held: Held | None = None
        self.ended: StreamEnd | None = None

    def watched_by(self, streams: OpenStreams, ends_s: float | None) -> None:
        """Have it ended from outside at *ends_s*, or when nobody has it any more."""
        held = streams.hold(self._source, ends_s)
        self._streams, self._held = streams, held

        async def release(_: Ending) -> None:
            streams.release(held)

        self.on_end(release)

    @property
    def model(self) -> str:
        """Who is answering."""
        return self._source.model

    @property
    def text(self) -> str:
        """The text that has come so far."""
        return self._source.text

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave it. One that has not ended is broken off, and what it has used by then is settled."""
        if self._is_closed:
            return
        self._is_closed = True
        self._events.clear()
        try:
            await self._source.aclose()
        finally:
            if self.ended is None:
                self._account.leave(self.model, self.text)
                await self.over(Ending(None))

    async def whole(self) -> Outcome[LLMResponse, LLMError]:
        """Read it to its end and close it: the whole response, or how it failed."""
        async with self:
            while self.ended is None and not self._is_closed:
                await self._pulled()
        match self.ended:
            case StreamFinished(response):
                return Success(response)
            case StreamFailed(error):
                return Failure(error)
            case None:
                return Failure(StreamBroken(self.model, self.text, "the stream was left before its end"))

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self

    async def __anext__(self) -> StreamEvent:
        if not self._events:
            if self.ended is not None or self._is_closed:
                raise StopAsyncIteration
            piece = await self._pulled()
            if len(piece) == 1:  # as a rule: nothing has to wait
                return piece[0]
            self._events.extend(reversed(piece))
        return self._events.pop()

    def __del__(self) -> None:
        if not self._is_closed and self.ended is None:
            if self._streams is not None and self._held is not None:
                self._streams.forget(self._held, _leaving(self._account, self._source, self._tells))
            warn(f"a stream of {self.model} was never closed: use `async with`", ResourceWarning, stacklevel=2)

    async def _pulled(self) -> Sequence[StreamEvent]:
        """The next events; none at the end, when the last one is in its place already."""
        got = await self._source.pull()
        if not isinstance(got, Success):
            self.ended = self._failed(got.failure())
            self._events.append(self.ended)
            await self.over(Ending(Failure(self.ended.error)))
        elif isinstance(piece := got.unwrap(), LLMResponse):
            self.ended = await self._finished(piece)
            self._events.append(self.ended)
            await self.over(Ending(Success(self.ended.response), self.ended.response.usage))
        else:
            return piece
        return ()

    def _failed(self, error: LLMError) -> StreamFailed:
        partial = self.text
        if isinstance(error, StreamBroken) or (isinstance(error, MalformedResponse) and error.partial):
            error = replace(error, partial=partial)
        return StreamFailed(self._account.fail(error), partial)

    async def _finished(self, response: LLMResponse) -> StreamFinished:
        context = self._account.context()
        if self._cache_key is not None and not response.metadata.cached and is_worth_keeping(response):
            await context.cache.put(self._cache_key, response, context.clock.monotonic(), context.config.cache.ttl_s)
        return StreamFinished(self._account.close(Success(response)).unwrap())


def _leaving(account: Account, source: Source, tells: Sequence[Tell]) -> Leave:
    """What :meth:`LLMStream.aclose` does, of a stream that is no more."""

    async def leave() -> None:
        try:
            await source.aclose()
        finally:
            account.leave(source.model, source.text)
            with CancelScope(shield=True):
                await tell_all(tells, Ending(None))

    return leave


def generate_stream(request: LLMRequest) -> Op[LLMStream]:
    """Answer *request* as :func:`generate` does, piece by piece; succeeds with the first piece in hand.

    Until then models are retried and replaced as for ``generate``, and their failures come back as it gives them.
    After that a failure is the last event of the stream, unless ``routing.mid_stream`` lets the next model take over:
    a ``StreamResumed`` event says so, and only new text follows it.

    The total deadline bounds the whole stream, its reader's pauses included; ``timeouts.first_byte_s`` the wait for
    the first piece and ``timeouts.idle_s`` every silence after it. An answer from the cache comes in one piece.
    """
    check_request(request)
    return streamed(request, lambda source: source)


def streamed(request: LLMRequest, through_source: Callable[[Source], Source]) -> Op[LLMStream]:
    """As :func:`generate_stream`, pulling from what *through_source* makes of the source."""

    async def streaming(context: Context) -> Outcome[LLMStream, LLMError]:
        account = Account("generate_stream", request, context)
        try:
            opened = await _opened(request, account, through_source)
        except BaseException as raised:
            account.abandon(raised)
            raise
        return Failure(account.fail(opened.failure())) if isinstance(opened, Failure) else opened

    return effect(streaming)


async def _opened(
    request: LLMRequest, account: Account, through_source: Callable[[Source], Source]
) -> Outcome[LLMStream, LLMError]:
    context = account.context()
    found = chain_of(request, context)
    if isinstance(found, Failure):
        return found
    chain, config = found.unwrap(), context.config
    key = cache_key_of(request, chain) if config.cache.enabled else None
    hit = None if key is None else await look_up(context, key)
    if hit is not None and isinstance(hit.value, LLMResponse):
        return Success(LLMStream(account, through_source(Stored(hit.value)), None))

    async def beginning(bounded: Context) -> Outcome[LLMStream, LLMError]:
        begun = await run(first_answer(config, request, chain, begin), bounded)
        if isinstance(begun, Failure):
            return begun
        flow = begun.unwrap()
        source = Relay(bounded, request, chain, flow) if config.routing.mid_stream != "fail" else flow
        stream = LLMStream(account, through_source(source), key)
        if bounded.streams is not None:
            stream.watched_by(bounded.streams, bounded.deadline_s)
        return Success(stream)

    return await run(deadline(limit_s(context, request), grace_s=LAST_WORDS_S)(effect(beginning)), context)


@final
class _Texts:
    """The text of a stream, without its other events."""

    __slots__ = ("_stream",)

    def __init__(self, stream: LLMStream) -> None:
        self._stream = stream

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while True:
            event = await anext(self._stream)
            if isinstance(event, TextDelta):
                return event.text


def texts(stream: LLMStream) -> AsyncIterator[str]:
    """Only the text of *stream*, piece by piece. Whether that was all of it, ``stream.ended`` says afterwards.

    Under ``routing.mid_stream = "restart"`` the text may start again; only the events say where.
    """
    return _Texts(stream)


class Collectable(Protocol[A_co]):
    """A stream that adds up to one value."""

    async def whole(self) -> Outcome[A_co, LLMError]:
        """Read it to its end and close it."""
        ...


async def collect(stream: Collectable[A]) -> Outcome[A, LLMError]:
    """Read *stream* to its end and close it: the whole response, or of a ``SchemaStream`` the value; or its failure."""
    return await stream.whole()
