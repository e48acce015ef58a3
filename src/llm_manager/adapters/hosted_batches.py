"""Vendors' own batches behind HTTP: the port for them on any of their wires, straight to the vendor and no other way.

Each method is one request of the driver, with its caps: a body that is handed in is as large as its lines, which the
caller bounds; results are read line by line, and no line may be longer than ``http.max_event_bytes``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, TypeAlias, TypeVar, assert_never, final

from returns.result import Failure, Success

from llm_manager.adapters.batches.wire import Ask, BatchWire, ResultLine
from llm_manager.adapters.bodies import has_body, read_whole
from llm_manager.adapters.dialects.dialect import is_answered
from llm_manager.adapters.dialects.json_values import Json
from llm_manager.adapters.dialects.statuses import MESSAGE_LENGTH, read_object
from llm_manager.adapters.frames import Texts
from llm_manager.adapters.hosted import mask_of, own_headers
from llm_manager.adapters.http.driver import Http, HttpAnswer, HttpStream
from llm_manager.adapters.http.engine import HttpCall
from llm_manager.adapters.http.loop_share import LoopShare
from llm_manager.domain.errors import LLMError, MalformedResponse, RequestTimedOut, ServerError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.settings import HttpSettings
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import BatchPage, Desk, Inquiry, Result, Submission, Uploaded, VendorBatch
from llm_manager.ports import BatchResults

A = TypeVar("A")

_Bad: TypeAlias = Literal["oversize", "protocol"]


@final
class HostedBatches:
    """The vendors whose batches speak *wire*."""

    __slots__ = ("_http", "_settings", "_wire")

    def __init__(self, http: Http, settings: HttpSettings, wire: BatchWire) -> None:
        self._http = http
        self._settings = settings
        self._wire = wire

    def line(self, custom_id: str, request: LLMRequest, target: Target, /) -> bytes:
        """The request as its dialect writes it, under its id."""
        return self._wire.line(custom_id, self._wire.dialect.encode(request, target, False).body)  # noqa: FBT003  # the shape of a dialect

    async def submit(self, desk: Desk, submission: Submission, /) -> Outcome[Uploaded | VendorBatch, LLMError]:
        """Hand it in."""
        answered = await self._asked(desk, self._wire.submission(submission))
        if isinstance(answered, Failure):
            return answered
        return _meant(self._wire.accepted(submission, answered.unwrap()), desk)

    async def find(self, desk: Desk, inquiry: Inquiry, /) -> Outcome[BatchPage, LLMError]:
        """What the vendor says of them."""
        answered = await self._asked(desk, self._wire.listed.ask(inquiry))
        if isinstance(answered, Failure):
            return answered
        return _meant(self._wire.listed.page(inquiry, answered.unwrap()), desk)

    async def results(self, desk: Desk, place: str, /) -> Outcome[BatchResults, LLMError]:
        """The lines at *place*, as they come."""
        opened = await self._http.stream(self._call(desk, self._wire.place(place)))
        if isinstance(opened, Failure):
            return opened
        stream = opened.unwrap()
        if is_answered(stream.status) and has_body(stream.status):
            return Success(_Results(stream, self._wire, desk, self._settings.max_event_bytes))
        try:
            body = await stream.whole(self._settings.max_body_bytes)
        finally:
            await stream.aclose()
        if isinstance(body, Failure):
            return body
        answer = HttpAnswer(status=stream.status, headers=stream.headers, body=body.unwrap())
        return Failure(self._refusal(desk, answer))

    async def _asked(self, desk: Desk, ask: Ask) -> Outcome[Json, LLMError]:
        answered = await self._http.call(self._call(desk, ask))
        if isinstance(answered, Failure):
            return answered
        answer = answered.unwrap()
        if not is_answered(answer.status) or not has_body(answer.status):
            return Failure(self._refusal(desk, answer))
        return read_object(answer.body, desk.target)

    def _refusal(self, desk: Desk, answer: HttpAnswer) -> LLMError:
        refusal = read_whole(self._wire.dialect, answer, desk.target).failure()
        return mask_of(desk.keys, desk.target).error(refusal)

    def _call(self, desk: Desk, ask: Ask) -> HttpCall:
        target, dialect = desk.target, self._wire.dialect
        headers = {
            "accept-encoding": "gzip, deflate",
            "content-type": ask.content_type,
            **dialect.headers,
            **own_headers(dialect, target, desk.keys),
        }
        return HttpCall(
            method=ask.method,
            url=f"{target.base_url}/{ask.path}",
            headers=headers,
            body=ask.body,
            pool=target.base_url,
            model=target.model,
        )


@final
class _Results:
    """Lines on their way."""

    __slots__ = ("_desk", "_ended", "_frames", "_mask", "_share", "_stream", "_wire")

    def __init__(self, stream: HttpStream, wire: BatchWire, desk: Desk, most_bytes: int) -> None:
        self._stream = stream
        self._wire = wire
        self._desk = desk
        self._frames = Texts(most_bytes)
        self._mask = mask_of(desk.keys, desk.target)
        self._share = LoopShare()
        self._ended = False

    async def pull(self) -> Outcome[Sequence[Result] | None, LLMError]:
        """The results that the next bytes complete."""
        if self._ended:
            return Success(None)
        got = await self._stream.read()
        if isinstance(got, Failure):
            return got
        chunk = got.unwrap()
        if self._share.is_used_up(0 if chunk is None else len(chunk)):
            await self._share.give_way()
        self._ended = chunk is None
        lines = self._frames.feed(b"\n" if chunk is None else chunk)  # the last line may have no end of its own
        if lines is None:
            return Failure(self._bad("oversize", "a line of the results is larger than its cap"))
        return self._read(lines)

    async def aclose(self) -> None:
        """Close the connection, unless all has been read and it can be used again."""
        await self._stream.aclose(said_all=self._ended)

    def _read(self, lines: Sequence[bytes]) -> Outcome[Sequence[Result] | None, LLMError]:
        results: list[Result] = []
        for line in lines:
            read = read_object(line, self._desk.target)
            if isinstance(read, Failure):
                return read
            result = self._wire.result(read.unwrap())
            if result is None:
                return Failure(self._bad("protocol", "a line of the results is none"))
            results.append((result.custom_id, self._mask.outcome(self._outcome(result))))
        return Success(results)

    def _outcome(self, line: ResultLine) -> Outcome[LLMResponse, LLMError]:
        if line.undone is not None:
            return Failure(undone_error(line, self._desk.target))
        answer = HttpAnswer(status=line.status, headers={}, body=json.dumps(line.body).encode())
        return read_whole(self._wire.dialect, answer, self._desk.target)

    def _bad(self, reason: _Bad, said: str) -> MalformedResponse:
        return MalformedResponse(self._desk.target.model, reason, said)


def undone_error(line: ResultLine, target: Target) -> LLMError:
    """What it means that the vendor never asked the model, or had no answer of it."""
    said = line.message[:MESSAGE_LENGTH]
    match line.undone:
        case "expired" | None:
            window_s = 0.0 if target.provider.batches is None else target.provider.batches.window_s
            return RequestTimedOut(target.model, window_s, "total", said or "the batch expired before its turn came")
        case "cancelled":
            return ServerError(target.model, 503, said or "the batch was cancelled before its turn came")
        case "timed_out":
            return ServerError(target.model, 504, said or "the model did not answer in time")
        case _:
            assert_never(line.undone)


def _meant(answer: A | None, desk: Desk) -> Outcome[A, MalformedResponse]:
    if answer is None:
        return Failure(MalformedResponse(desk.target.model, "protocol", "what came is no batch"))
    return Success(answer)
