"""A value of a type that can be looked at while it grows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar, final

from returns.result import Failure, Success

from llm_manager.domain.arguments import check_request
from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.stream import (
    FinalValue,
    PartialValue,
    SchemaEvent,
    StreamFailed,
    StreamFinished,
    StreamResumed,
    TextDelta,
)
from llm_manager.effect.context import Context, Op
from llm_manager.effect.ongoing import Ending, Ongoing
from llm_manager.effect.op import effect, run
from llm_manager.operations.schema import value_of, wanted_of
from llm_manager.operations.stream import LLMStream, generate_stream
from llm_manager.policies.strict_schema import WRAPPED

if TYPE_CHECKING:
    from llm_manager.extraction import JsonValue, Schema

T = TypeVar("T")


@final
class SchemaStream(Ongoing, Generic[T]):
    """A value as it comes: what has grown so far, and at last the value itself. Open it with ``async with``.

    ``ended`` is its last event, None while there are more and for one that was left.
    """

    __slots__ = ("_is_wrapped", "_last", "_partial", "_schema", "_stream", "ended")

    def __init__(self, stream: LLMStream, schema: Schema[T], *, is_wrapped: bool) -> None:
        super().__init__()
        self._stream = stream
        self._schema = schema
        self._is_wrapped = is_wrapped
        self._begin()
        self.ended: FinalValue[T] | StreamFailed | None = None

    @property
    def model(self) -> str:
        """Who is answering."""
        return self._stream.model

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leave it: the connection is closed at once if the answer is not whole."""
        await self._stream.aclose()
        await self.over(Ending(None))

    def __aiter__(self) -> AsyncIterator[SchemaEvent[T]]:
        return self

    async def __anext__(self) -> SchemaEvent[T]:
        while True:
            match await anext(self._stream):
                case TextDelta(text):
                    self._partial.feed(text)
                    grown = self._grown()
                    if grown is not None:
                        return grown
                case StreamFinished(response):
                    return await self._end(value_of(response, self._schema), response)
                case StreamResumed(restarted=True):
                    self._begin()
                case StreamFailed(error) as failed:
                    self.ended = failed
                    await self.over(Ending(Failure(error)))
                    return failed
                case _:  # reasoning and calls of tools are no part of the value
                    pass

    def _begin(self) -> None:
        """Nothing of a value has come."""
        from llm_manager.extraction import PartialJson  # noqa: PLC0415  # only who wants values pays for its tables

        self._partial = PartialJson()
        self._last: JsonValue = None

    async def _end(self, found: Outcome[T, LLMError], response: LLMResponse) -> FinalValue[T] | StreamFailed:
        ended: FinalValue[T] | StreamFailed
        if isinstance(found, Success):
            ended = FinalValue(found.unwrap(), response)
        else:
            ended = StreamFailed(found.failure(), response.content)
        self.ended = ended
        await self.over(Ending(found, response.usage))
        return ended

    async def whole(self) -> Outcome[T, LLMError]:
        """Read it to its end and close it: the value, or how it failed."""
        async with self:
            async for _ in self:
                pass
        match self.ended:
            case FinalValue(value):
                return Success(value)
            case StreamFailed(error):
                return Failure(error)
            case None:
                return Failure(StreamBroken(self.model, self._stream.text, "the stream was left before its end"))

    def _grown(self) -> PartialValue | None:
        """What the value has grown to, if that is more than was told last."""
        value = self._partial.snapshot()
        if self._is_wrapped and isinstance(value, dict) and value.keys() <= {WRAPPED}:
            value = value.get(WRAPPED)
        if value is None or value == self._last:
            return None
        self._last = value
        return PartialValue(value)


def stream_with_schema(request: LLMRequest, schema: Schema[T]) -> Op[SchemaStream[T]]:
    """A value of *schema* as it grows: ``PartialValue`` whenever there is more of it, then one ``FinalValue``.

    The answer is asked for as by ``query_with_schema``, but not a second time: what does not fit is a ``StreamFailed``
    with ``SchemaMismatch``, ``ExtractionFailed`` or ``ResponseTruncated``. Before the first piece failures come back as
    those of ``generate_stream``.
    """
    check_request(request)
    wanted = wanted_of(schema)
    asked = replace(request, response_format=wanted.format)

    async def streaming(context: Context) -> Outcome[SchemaStream[T], LLMError]:
        opened = await run(generate_stream(asked), context)
        if isinstance(opened, Failure):
            return opened
        return Success(SchemaStream(opened.unwrap(), schema, is_wrapped=wanted.is_wrapped))

    return effect(streaming)
