"""A streamed answer of Ollama: pieces of a message, one JSON text to a line, the last of which says ``done``.

Checked on 2026-11-21 against Ollama's API reference ("Streaming", "Errors").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from returns.result import Failure

from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.error_envelopes import error_in
from llm_manager.adapters.dialects.fields import WrongType, flag_of, malformed, object_of
from llm_manager.adapters.dialects.frame_values import FrameValues
from llm_manager.adapters.dialects.json_values import Json, as_text
from llm_manager.adapters.dialects.ollama_answers import end_with, read_error_inside, read_message, usage_of
from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target


@final
class ChatReader:
    """One streamed message."""

    __slots__ = ("_answer", "_frames", "_target")

    def __init__(self, headers: Headers, target: Target) -> None:
        self._target = target
        self._frames = FrameValues(target)
        self._answer = Assembly(target, headers.get("x-request-id"))

    def read(self, frame: bytes, /) -> Outcome[Sequence[Delta], LLMError]:
        """What one piece adds."""
        read = self._frames.read(frame)
        if isinstance(read, Failure):
            return read
        try:
            return self._read(read.unwrap())
        except WrongType as bad:
            return Failure(malformed(bad, self._target))

    def _read(self, piece: Json) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        error = error_in(piece)
        if error is not None:
            return paid_for(Failure(read_error_inside(error, self._target)), usage_of(piece))
        answer.served_model = answer.served_model or as_text(piece.get("model"))
        deltas = read_message(object_of(piece.get("message"), "message"), answer)
        if flag_of(piece.get("done"), "done"):
            answer.is_over = True
            answer.usage = usage_of(piece)
            end_with(answer, piece)
            answer.finish = answer.finish or "unknown"
        return deltas

    @property
    def finished(self) -> bool:
        """Has it said that it is done?"""
        return self._answer.is_over

    is_complete = finished

    def broken(self, why: str, /) -> StreamBroken:
        """It broke off here."""
        return self._answer.broken(why)

    def end(self) -> Outcome[LLMResponse, LLMError]:
        """The whole answer."""
        return self._answer.whole()

    @property
    def kept_bytes(self) -> int:
        """The memory that is kept of it."""
        return self._answer.kept_bytes

    @property
    def usage(self) -> Usage:
        """What has been told of it: at the end."""
        return self._answer.usage
