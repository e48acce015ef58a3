"""A streamed answer of Gemini: each event is a whole response with the next piece of the answer.

Checked on 2026-11-21 against the Gemini API reference ("Method: models.streamGenerateContent"). There is no terminator:
the piece that says why the answer ended is the last one, and it tells the usage as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.gemini_answers import (
    COUNTS,
    blocked_by,
    call_of,
    failed_by,
    finish_of,
    parts_of,
    read_error_inside,
    request_id_of,
    text_of,
    usage_of,
)
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.domain.errors import ContentFiltered, LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target


@final
class ContentReader:
    """One streamed response."""

    __slots__ = ("_answer", "_counts", "_failed", "_headers", "_target", "finished")

    def __init__(self, headers: Headers, target: Target) -> None:
        self._headers = headers
        self._target = target
        self._answer = Assembly(target, request_id_of(headers))
        self._counts: dict[str, int] = {}
        self._failed: LLMError | None = None
        self.finished = False

    def read(self, frame: bytes, /) -> Outcome[Sequence[Delta], LLMError]:
        """What one piece adds."""
        read = read_object(frame, self._target)
        if isinstance(read, Failure):
            return read
        piece = read.unwrap()
        usage = as_object(piece.get("usageMetadata"))
        if usage:
            self._used(usage)
        if piece.get("error") is not None:
            return Failure(read_error_inside(piece, self._headers, self._target))
        blocked = blocked_by(piece)
        if blocked is not None:
            return paid_for(Failure(ContentFiltered(self._target.model, blocked)), self._answer.usage)
        self._answer.response_id = self._answer.response_id or as_text(piece.get("responseId"))
        self._answer.served_model = self._answer.served_model or as_text(piece.get("modelVersion"))
        for candidate in as_list(piece.get("candidates")):
            return self._deltas(as_object(candidate), is_last=bool(usage))  # one answer was asked for
        return Success(())

    def broken(self, why: str, /) -> StreamBroken:
        """It broke off here."""
        return self._answer.broken(why)

    def end(self) -> Outcome[LLMResponse, LLMError]:
        """The whole answer, or what its reason to end says is wrong with it."""
        return self._answer.whole() if self._failed is None else paid_for(Failure(self._failed), self._answer.usage)

    @property
    def kept_bytes(self) -> int:
        """The memory that is kept of it."""
        return self._answer.kept_bytes

    @property
    def usage(self) -> Usage:
        """What has been told of it: every piece counts what there is so far."""
        return self._answer.usage

    def _used(self, usage: Json) -> None:
        """Counts are cumulative; those that a piece leaves out are those of the one before it."""
        self._counts |= {name: count for name in COUNTS if (count := as_count(usage.get(name))) is not None}
        self._answer.usage = usage_of(self._counts)

    def _deltas(self, candidate: Json, *, is_last: bool) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        deltas: list[Delta] = []
        for part in parts_of(candidate):
            text = text_of(part)
            if "functionCall" in part:
                call = call_of(part, answer.calls_begun, answer.response_id)
                called = answer.call(answer.calls_begun, call.id, call.name, call.arguments, call.signature)
                if isinstance(called, Failure):
                    return called
                deltas.append(called.unwrap())
            elif text:
                deltas.append(answer.think(text) if part.get("thought") else answer.say(text))
        finish = finish_of(candidate)
        if finish is not None:
            answer.finish = "tool_calls" if finish == "stop" and answer.calls_begun else finish
            self._failed = failed_by(candidate, self._target)
            self.finished = is_last
        return Success(deltas)
