"""A streamed answer on the OpenAI wire: chunks of a chat completion, then ``[DONE]``.

Checked on 2026-11-21 against OpenAI's API reference ("Streaming", "The chat completion chunk object"). The chunk with
the usage comes after the last choice; Groq puts it under ``x_groq`` as well. An answer that has said why it ended is
whole even if ``[DONE]`` is missing, which some gateways leave out. One that says ``[DONE]`` and not why, as a gateway
does that has lost its model, is whole only if something else says so: its usage was told behind it, it or each
of its calls came in one piece, or its text is whole JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.error_envelopes import error_at_choice, error_in
from llm_manager.adapters.dialects.fields import WrongType, malformed, object_of, objects_of
from llm_manager.adapters.dialects.frame_values import FrameValues
from llm_manager.adapters.dialects.json_values import Json, as_text, object_in
from llm_manager.adapters.dialects.openai_answers import end_with, read_error_inside, usage_beside
from llm_manager.adapters.dialects.openai_messages import MessageReader
from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.paid import NOTHING_TOLD
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target

DONE = b"[DONE]"

_NOTHING: Outcome[Sequence[Delta], LLMError] = Success(())


@final
class CompletionReader:
    """One streamed chat completion."""

    __slots__ = ("_answer", "_frames", "_headers", "_is_counted", "_message", "_target")

    def __init__(self, headers: Headers, target: Target) -> None:
        self._headers = headers
        self._target = target
        self._frames = FrameValues(target)
        self._answer = Assembly(target, headers.get("x-request-id"))
        self._message = MessageReader(self._answer, target, numbers_calls=target.provider.numbers_calls_behind_gateway)
        self._is_counted = False

    def read(self, frame: bytes, /) -> Outcome[Sequence[Delta], LLMError]:
        """What one chunk adds."""
        if frame[:1] != b"{" and frame.strip() == DONE:
            self._answer.is_over = True
            return _NOTHING
        chunk = self._frames.plain(frame)
        if chunk is not None:
            return self.read_chunk(chunk)
        read = self._frames.read(frame)
        return read if isinstance(read, Failure) else self.read_chunk(read.unwrap())

    def read_chunk(self, chunk: Json, /) -> Outcome[Sequence[Delta], LLMError]:
        """As :meth:`read`, of a chunk that is no longer JSON text."""
        answer = self._answer
        choices = chunk.get("choices")
        try:
            if not choices or "x_groq" in chunk or chunk.get("usage") or "error" in chunk:
                error = self._beside(chunk, is_last=not choices)
                if error is not None:
                    return Failure(error)
            if answer.response_id is None:
                answer.response_id = as_text(chunk.get("id")) or None  # Azure's first chunk names nothing
            if answer.served_model is None:
                answer.served_model = as_text(chunk.get("model")) or None
            if not choices:
                return _NOTHING
            if choices.__class__ is list and choices[0].__class__ is dict:
                return self._choice(choices[0])  # one answer was asked for
            return self._odd(choices)
        except WrongType as bad:
            return Failure(malformed(bad, self._target))

    def _beside(self, chunk: Json, *, is_last: bool) -> LLMError | None:
        """What stands beside the choices: the usage, and the error that the chunk is if it is one."""
        usage = usage_beside(chunk)
        if usage != NOTHING_TOLD:
            self._is_counted = is_last
            counted, before = usage.completion_tokens or 0, self._answer.usage.completion_tokens or 0
            if counted >= before:  # counts are cumulative: one that is smaller is none
                self._answer.usage = usage
        error = error_in(chunk)
        return None if error is None else read_error_inside(error, self._headers, self._target)

    def _odd(self, choices: object) -> Outcome[Sequence[Delta], LLMError]:
        """The first of some choices that are not as they should be."""
        for choice in objects_of(choices, "choices"):
            return self._choice(choice)
        return _NOTHING

    @property
    def finished(self) -> bool:
        """Has it said why it ended, and that it did?"""
        return self._answer.is_over and self._answer.finish is not None

    @property
    def is_complete(self) -> bool:
        """Has it said why it ended, or that it did?"""
        answer = self._answer  # asked for each piece: without another call
        return answer.is_over or (answer.finish is not None and not answer.goes_on)

    def broken(self, why: str, /) -> StreamBroken:
        """It broke off here."""
        return self._answer.broken(why)

    def end(self) -> Outcome[LLMResponse, LLMError]:
        """The whole answer, with the thoughts that the vendor may want back."""
        answer = self._answer
        if answer.finish is None and (self._is_counted or (answer.is_over and self._is_whole_json())):
            answer.finish = "unknown"
        return self._message.signed(answer.whole())

    @property
    def kept_bytes(self) -> int:
        """The memory that is kept of it."""
        return self._answer.kept_bytes

    @property
    def usage(self) -> Usage:
        """What has been told of it: in the chunk before the last."""
        return self._answer.usage

    def _is_whole_json(self) -> bool:
        answer = self._answer
        if answer.calls:
            return not self._message.has_torn_calls and all(call.is_whole for call in answer.calls)
        return object_in(answer.text) is not None

    def _choice(self, choice: Json) -> Outcome[Sequence[Delta], LLMError]:
        delta: Any = choice.get("delta")
        if delta.__class__ is not dict:
            delta = self._whole_delta(choice)
        text = delta.get("content")
        if len(delta) == 1 and text.__class__ is str:  # a word of the answer and nothing else, as most pieces are
            deltas: Outcome[Sequence[Delta], LLMError] = Success((self._answer.say(text),)) if text else _NOTHING
        else:
            deltas = self._message.read(delta)
        if "error" not in choice and choice.get("finish_reason") is None:
            return deltas
        self._ended(choice)
        error = error_at_choice(choice)
        return deltas if error is None else Failure(read_error_inside(error, self._headers, self._target))

    def _whole_delta(self, choice: Json) -> Json:
        """The message of a server that sends a whole answer in a piece of a stream."""
        if choice.get("delta") is None and choice.get("message") is not None and not self._answer.has_said_something:
            self._is_counted = True
            return object_of(choice.get("message"), "choices[0].message")
        return object_of(choice.get("delta"), "choices[0].delta")

    def _ended(self, choice: Json) -> None:
        end_with(self._answer, choice, self._headers, self._target)
        if choice.get("usage") and self._answer.usage == NOTHING_TOLD:  # Moonshot's place for it
            self._answer.usage = usage_beside(choice)
