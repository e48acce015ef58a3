"""Answers as a part of their conversation: calls that no other call is named like, thoughts that know what they follow.

A reader of a dialect sees one answer; what else is in the conversation, only the request says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.dialect import AnswerReader, Dialect
from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import LLMRequest
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta, ToolCallDelta
from llm_manager.domain.target import Target
from llm_manager.policies.call_ids import ids_of, unique_id, with_unique_ids


def answering(
    outcome: Outcome[LLMResponse, LLMError], dialect: Dialect, request: LLMRequest, target: Target
) -> Outcome[LLMResponse, LLMError]:
    """The whole answer to *request*, which was sent to *target*, as it can stand behind it."""
    if isinstance(outcome, Failure) or not outcome.unwrap().tool_calls:
        return outcome
    response = outcome.unwrap()
    named = replace(response, tool_calls=with_unique_ids(response.tool_calls, request.messages))
    return Success(dialect.sign(named, request, target))


def reader_answering(reader: AnswerReader, dialect: Dialect, request: LLMRequest, target: Target) -> AnswerReader:
    """*reader* of an answer to *request*, of which the same holds; as it is where there are no tools to call."""
    return _Answering(reader, dialect, request, target) if request.tools else reader


@final
class _Answering:
    """A reader whose calls get their ids as they begin."""

    __slots__ = ("_dialect", "_ids", "_reader", "_request", "_taken", "_target")

    def __init__(self, reader: AnswerReader, dialect: Dialect, request: LLMRequest, target: Target) -> None:
        self._reader = reader
        self._dialect = dialect
        self._request = request
        self._target = target
        self._taken = ids_of(request.messages)
        self._ids: dict[int, str] = {}

    def read(self, frame: bytes, /) -> Outcome[Sequence[Delta], LLMError]:
        """What *frame* adds."""
        read = self._reader.read(frame)
        if isinstance(read, Failure) or not any(isinstance(delta, ToolCallDelta) for delta in read.unwrap()):
            return read
        return Success([self._named(delta) for delta in read.unwrap()])

    def _named(self, delta: Delta) -> Delta:
        if not isinstance(delta, ToolCallDelta):
            return delta
        known = self._ids.get(delta.index)
        if known is None:
            known = self._ids[delta.index] = unique_id(delta.id or "", self._taken)
            self._taken.add(known)
            return replace(delta, id=known)
        return replace(delta, id=known) if delta.id else delta

    @property
    def finished(self) -> bool:
        """As the reader says."""
        return self._reader.finished

    @property
    def is_complete(self) -> bool:
        """As the reader says."""
        return self._reader.is_complete

    def broken(self, why: str, /) -> StreamBroken:
        """As the reader says."""
        return self._reader.broken(why)

    def end(self) -> Outcome[LLMResponse, LLMError]:
        """The whole answer, whose calls have the ids that their pieces had."""
        ended = self._reader.end()
        if isinstance(ended, Failure):
            return ended
        response = ended.unwrap()
        if len(response.tool_calls) != len(self._ids):
            return answering(ended, self._dialect, self._request, self._target)
        ids = (self._ids[index] for index in sorted(self._ids))
        calls = (replace(call, id=id_) for call, id_ in zip(response.tool_calls, ids, strict=True))
        named = replace(response, tool_calls=tuple(calls))
        return Success(self._dialect.sign(named, self._request, self._target))

    @property
    def usage(self) -> Usage:
        """As the reader says."""
        return self._reader.usage

    @property
    def kept_bytes(self) -> int:
        """As the reader says."""
        return self._reader.kept_bytes
