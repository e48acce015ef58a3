"""A streamed answer on the OpenAI wire: chunks of a chat completion, then ``[DONE]``.

Checked on 2026-11-21 against OpenAI's API reference ("Streaming", "The chat completion chunk object"). The chunk with
the usage comes after the last choice; Groq puts it under ``x_groq`` as well. An answer that has said why it ended is
whole even if ``[DONE]`` is missing, which some gateways leave out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.anthropic_thoughts import GatewayBlocks
from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.json_values import Json, as_count, as_list, as_object, as_text, parse_json
from llm_manager.adapters.dialects.openai_answers import (
    blocks_of,
    content_of,
    finish_of,
    read_error_inside,
    reasoning_of,
    signature_of,
    usage_of,
    with_thoughts,
)
from llm_manager.adapters.dialects.signatures import with_reasoning
from llm_manager.adapters.dialects.statuses import unparsable
from llm_manager.domain.errors import LLMError, MalformedResponse, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta, ToolCallDelta
from llm_manager.domain.target import Target

DONE = b"[DONE]"

_NOTHING: Outcome[Sequence[Delta], LLMError] = Success(())


@final
class CompletionReader:
    """One streamed chat completion."""

    __slots__ = ("_answer", "_blocks", "_headers", "_target", "_wants_reasoning", "finished")

    def __init__(self, headers: Headers, target: Target) -> None:
        self._headers = headers
        self._target = target
        self._answer = Assembly(target, headers.get("x-request-id"))
        self._wants_reasoning = False
        self._blocks: GatewayBlocks | None = None
        self.finished = False

    def read(self, frame: bytes, /) -> Outcome[Sequence[Delta], LLMError]:
        """What one chunk adds."""
        if frame.strip() == DONE:
            self.finished = True
            self._answer.finish = self._answer.finish or "unknown"
            return _NOTHING
        try:
            chunk = as_object(parse_json(frame))
        except ValueError as bad:
            return Failure(unparsable(frame, bad, self._target))
        return self.read_chunk(chunk)

    def read_chunk(self, chunk: Json, /) -> Outcome[Sequence[Delta], LLMError]:
        """As :meth:`read`, of a chunk that is no longer JSON text."""
        answer = self._answer
        if chunk.get("usage") or "x_groq" in chunk:
            self._used(chunk)
        if chunk.get("error") is not None:
            return Failure(read_error_inside(chunk, self._headers, self._target))
        if answer.response_id is None:
            answer.response_id = as_text(chunk.get("id")) or None  # Azure's first chunk names nothing
        if answer.served_model is None:
            answer.served_model = as_text(chunk.get("model")) or None
        choices = as_list(chunk.get("choices"))
        if not choices:
            return _NOTHING
        choice = as_object(choices[0])  # one answer was asked for
        deltas = self._deltas(as_object(choice.get("delta")))
        if choice.get("finish_reason") is not None:
            answer.finish = finish_of(choice, calls=answer.calls_begun > 0)
            answer.refused = answer.refused or answer.finish == "refusal"
        return deltas

    def broken(self, why: str, /) -> StreamBroken:
        """It broke off here."""
        return self._answer.broken(why)

    def end(self) -> Outcome[LLMResponse, LLMError]:
        """The whole answer, with the reasoning that a server may want back."""
        whole = self._answer.whole()
        if isinstance(whole, Failure):
            return whole
        answer = whole.unwrap()
        if self._wants_reasoning:
            calls = with_reasoning(answer.tool_calls, answer.reasoning, self._target)
            answer = replace(answer, tool_calls=calls)
        if self._blocks is not None:
            answer = replace(answer, tool_calls=with_thoughts(answer.tool_calls, self._blocks))
        return Success(answer)

    @property
    def kept_bytes(self) -> int:
        """The memory that is kept of it."""
        return self._answer.kept_bytes

    @property
    def usage(self) -> Usage:
        """What has been told of it: in the chunk before the last."""
        return self._answer.usage

    def _used(self, chunk: Json) -> None:
        usage = as_object(chunk.get("usage")) or as_object(as_object(chunk.get("x_groq")).get("usage"))
        if usage:
            self._answer.usage = usage_of(usage, as_text(chunk.get("service_tier")))

    def _deltas(self, delta: Json) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        text = delta.get("content")
        if len(delta) == 1 and isinstance(text, str):  # a word of the answer and nothing else, as most pieces are
            return Success((answer.say(text),)) if text else _NOTHING
        if "content_blocks" in delta and self._target.provider.wire == "anthropic":
            self._keep(blocks_of(delta))
        deltas: list[Delta] = []
        if reasoning := reasoning_of(delta):
            deltas.append(answer.think(reasoning))
            self._wants_reasoning = self._wants_reasoning or bool(delta.get("reasoning_content"))
        if content := content_of(text):
            deltas.append(answer.say(content))
        if refusal := as_text(delta.get("refusal")):
            answer.refused = True
            deltas.append(answer.say(refusal))
        for each in as_list(delta.get("tool_calls")):
            called = self._call(as_object(each))
            if isinstance(called, Failure):
                return called
            deltas.append(called.unwrap())
        return Success(deltas)

    def _keep(self, pieces: Sequence[Json]) -> None:
        """Keep Claude's blocks, for the call that they may lead to."""
        self._blocks = self._blocks or GatewayBlocks()
        self._blocks.add(pieces)
        for piece in pieces:
            self._answer.hold_record()
            self._answer.hold(*(text for text in as_object(piece.get("delta")).values() if isinstance(text, str)))

    def _call(self, call: Json) -> Outcome[ToolCallDelta, MalformedResponse]:
        """A piece of a tool call; one without an index, as some servers send it, begins a call if it has a name."""
        function = as_object(call.get("function"))
        index, name = as_count(call.get("index")), as_text(function.get("name"))
        if index is None or not self._target.provider.numbers_calls_behind_gateway:
            index = self._answer.calls_begun - (0 if name else 1)
        arguments = as_text(function.get("arguments")) or ""
        return self._answer.call(index, as_text(call.get("id")), name, arguments, signature_of(call, self._target))
