"""A streamed answer of Ollama: pieces of a message, one JSON text to a line, the last of which says ``done``.

Checked on 2026-11-21 against Ollama's API reference ("Streaming", "Errors").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.json_values import Json, as_list, as_object, as_text
from llm_manager.adapters.dialects.ollama_answers import call_of, finish_of, read_error_inside, usage_of
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import paid_for
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target


@final
class ChatReader:
    """One streamed message."""

    __slots__ = ("_answer", "_target", "finished")

    def __init__(self, headers: Headers, target: Target) -> None:
        self._target = target
        self._answer = Assembly(target, headers.get("x-request-id"))
        self.finished = False

    def read(self, frame: bytes, /) -> Outcome[Sequence[Delta], LLMError]:
        """What one piece adds."""
        read = read_object(frame, self._target)
        if isinstance(read, Failure):
            return read
        piece = read.unwrap()
        if piece.get("error") is not None:
            return paid_for(Failure(read_error_inside(piece, self._target)), usage_of(piece))
        self._answer.served_model = self._answer.served_model or as_text(piece.get("model"))
        deltas = self._deltas(as_object(piece.get("message")))
        if piece.get("done") is True:
            self.finished = True
            self._answer.usage = usage_of(piece)
            self._answer.finish = finish_of(piece, calls=self._answer.calls_begun > 0)
        return deltas

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

    def _deltas(self, message: Json) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        deltas: list[Delta] = []
        if thought := as_text(message.get("thinking")):
            deltas.append(answer.think(thought))
        if text := as_text(message.get("content")):
            deltas.append(answer.say(text))
        for each in as_list(message.get("tool_calls")):
            call = call_of(as_object(each), answer.calls_begun)
            called = answer.call(answer.calls_begun, call.id, call.name, call.arguments)
            if isinstance(called, Failure):
                return called
            deltas.append(called.unwrap())
        return Success(deltas)
