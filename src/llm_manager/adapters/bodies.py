"""A whole body as the response it is, in whichever form it came: an answer, its events, its lines, or an array of them.

Servers stream although nobody asked them to, and send an answer in one piece to those who wait for a stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from returns.result import Failure

from llm_manager.adapters.dialects.dialect import AnswerReader, Dialect, Framing, Headers, is_answered
from llm_manager.adapters.dialects.json_values import parse_json, written
from llm_manager.adapters.frames import Events, frames_of
from llm_manager.adapters.http.driver import HttpAnswer
from llm_manager.adapters.http.loop_share import SHARE_BYTES, LoopShare
from llm_manager.domain.errors import LLMError, MalformedResponse
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.target import Target

_WITHOUT_BODY: Final = (204, 205)


def has_body(status: int) -> bool:
    """May an answer of this *status* say anything (RFC 9110, 15.3)?"""
    return status not in _WITHOUT_BODY


def read_whole(dialect: Dialect, answer: HttpAnswer, target: Target) -> Outcome[LLMResponse, LLMError]:
    """The response that *answer* is on the wire of *dialect*, or the error."""
    if not has_body(answer.status):
        return Failure(_empty(answer.status, target))
    return dialect.read_answer(answer.status, answer.headers, answer.body, target)


def read_listing(dialect: Dialect, answer: HttpAnswer, target: Target) -> Outcome[tuple[str, ...], LLMError]:
    """The models that *answer* lists on the wire of *dialect*, or the error."""
    if not has_body(answer.status):
        return Failure(_empty(answer.status, target))
    return dialect.read_models(answer.status, answer.headers, answer.body, target)


def _empty(status: int, target: Target) -> MalformedResponse:
    return MalformedResponse(target.model, "empty", f"status {status}, which has no body")


async def read_body(
    dialect: Dialect, status: int, headers: Headers, body: bytes, target: Target
) -> Outcome[LLMResponse, LLMError]:
    """The response in *body*, or the error it is."""
    if not has_body(status):
        return Failure(_empty(status, target))
    if is_answered(status) and not body.startswith(b"{"):
        pieces = _pieces(body, dialect.framing)
        if pieces is not None:
            return await _collected(dialect.reader(headers, target), pieces)
    read = dialect.read_answer(status, headers, body, target)
    if is_answered(status) and isinstance(read, Failure) and _is_no_json(read.failure()):
        pieces = _lines(body)
        if pieces is not None:
            return await _collected(dialect.reader(headers, target), pieces)
    return read


async def _collected(reader: AnswerReader, pieces: Sequence[bytes]) -> Outcome[LLMResponse, LLMError]:
    share = LoopShare()
    for piece in pieces:
        if share.is_used_up(len(piece)):
            await share.give_way()
        read = reader.read(piece)
        if isinstance(read, Failure):
            return paid_for(read, reader.usage)
        if reader.finished:
            break
    return paid_for(reader.end(), reader.usage)


def _is_no_json(error: LLMError) -> bool:
    return isinstance(error, MalformedResponse) and error.reason == "unparsable"


def _pieces(body: bytes, framing: Framing) -> Sequence[bytes] | None:
    """The JSON texts that *body* is cut into, an array or events, None where it is neither."""
    frames = frames_of(body[:SHARE_BYTES], framing, event_cap=len(body), body_cap=len(body))
    if isinstance(frames, Events):
        return [*(frames.feed(body) or ()), *frames.rest()]
    if not body.lstrip().startswith(b"["):
        return None
    try:
        value = parse_json(body)
    except ValueError:
        return None
    return [written(each) for each in cast("list[Any]", value)] or None


def _lines(body: bytes) -> Sequence[bytes] | None:
    """The lines of *body*, if the first of several is JSON."""
    if b"\n" not in body.rstrip():
        return None
    lines = [line for line in body.splitlines() if line.strip()]
    try:
        return lines if isinstance(parse_json(lines[0]), dict) else None
    except ValueError:
        return None
