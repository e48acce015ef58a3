"""A streamed answer of Gemini: each event is a whole response with the next piece of the answer.

Checked on 2026-11-21 against the Gemini API reference ("Method: models.streamGenerateContent"). There is no terminator:
the body ends behind the piece that says why the answer ended. Some models say so with every piece, and others tell the
usage behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.error_envelopes import error_in
from llm_manager.adapters.dialects.fields import WrongType, malformed, objects_of
from llm_manager.adapters.dialects.frame_values import FrameValues
from llm_manager.adapters.dialects.gemini_answers import (
    COUNTS,
    blocked_by,
    read_candidate,
    read_error_inside,
    request_id_of,
    usage_of,
)
from llm_manager.adapters.dialects.json_values import Json, as_count, as_object, as_text
from llm_manager.domain.errors import ContentFiltered, LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target


@final
class ContentReader:
    """One streamed response."""

    __slots__ = ("_answer", "_counts", "_frames", "_headers", "_target")

    def __init__(self, headers: Headers, target: Target) -> None:
        self._headers = headers
        self._target = target
        self._frames = FrameValues(target)
        self._answer = Assembly(target, request_id_of(headers))
        self._counts: dict[str, int] = {}

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
        usage = as_object(piece.get("usageMetadata"))
        if usage:
            self._used(usage)
        error = error_in(piece)
        if error is not None:
            return Failure(read_error_inside(error, self._headers, self._target))
        blocked = blocked_by(piece)
        if blocked is not None:
            return paid_for(Failure(ContentFiltered(self._target.model, blocked)), answer.usage)
        answer.response_id = answer.response_id or as_text(piece.get("responseId"))
        answer.served_model = answer.served_model or as_text(piece.get("modelVersion"))
        for candidate in objects_of(piece.get("candidates"), "candidates"):
            return read_candidate(candidate, answer, self._target)  # one answer was asked for
        return Success(())

    finished = False  # the end of the body alone says so

    @property
    def is_complete(self) -> bool:
        """Has it said why it ended, and something before that? Some models begin with an empty piece that says so."""
        return self._answer.is_complete and (self._answer.has_said_something or self._answer.finish != "stop")

    def broken(self, why: str, /) -> StreamBroken:
        """It broke off here."""
        return self._answer.broken(why)

    def end(self) -> Outcome[LLMResponse, LLMError]:
        """The whole answer, or what its reason to end says is wrong with it."""
        return self._answer.whole()

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
