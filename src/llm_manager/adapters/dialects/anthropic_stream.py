"""A streamed answer of Anthropic: a message whose blocks begin, grow and end, then ``message_stop``.

Checked on 2026-11-21 against Anthropic's API reference ("Streaming Messages") and the types of its SDK 2.11. The
numbers of tokens are cumulative. A message that has said why it stopped is whole even if ``message_stop`` is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.anthropic_answers import (
    FINISH,
    read_error_inside,
    refusal_of,
    usage_of,
)
from llm_manager.adapters.dialects.anthropic_thoughts import place_of_text, signature_of
from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.json_values import Json, as_object, as_text
from llm_manager.adapters.dialects.statuses import read_object
from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.joined import Joined
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta
from llm_manager.domain.target import Target


@final
@dataclass(frozen=True, slots=True)
class _Thought:
    """A thinking block of this *kind* that is still growing, or the place of text, of which the *length* is kept."""

    kind: str
    texts: dict[str, Joined]
    length: int = 0

    def block(self) -> Json:
        """As it goes back."""
        return (
            place_of_text(self.length)
            if self.kind == "text"
            else {"type": self.kind, **{name: text.text for name, text in self.texts.items()}}
        )


@final
class MessageReader:
    """One streamed message."""

    __slots__ = ("_answer", "_headers", "_placed", "_target", "_thoughts", "finished")

    def __init__(self, headers: Headers, target: Target) -> None:
        self._headers = headers
        self._target = target
        self._answer = Assembly(target, headers.get("request-id"))
        self._thoughts: list[_Thought] = []
        self._placed = 0
        self.finished = False

    def read(self, frame: bytes, /) -> Outcome[Sequence[Delta], LLMError]:
        """What one event adds; of a kind that is not known yet, nothing."""
        read = read_object(frame, self._target)
        if isinstance(read, Failure):
            return read
        event = read.unwrap()
        match event.get("type"):
            case "content_block_delta":
                return self._grown(as_object(event.get("delta")))
            case "content_block_start":
                return self._begun(as_object(event.get("content_block")))
            case "message_start":
                self._started(as_object(event.get("message")))
            case "message_delta":
                return self._ending(as_object(event.get("delta")), as_object(event.get("usage")))
            case "message_stop":
                return self._stopped()
            case "error":
                return Failure(read_error_inside(event, self._headers, self._target))
            case _:
                pass
        return Success(())

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
        """What has been told of it: the prompt's tokens from the first event on."""
        return self._answer.usage

    def _started(self, message: Json) -> None:
        self._answer.response_id = as_text(message.get("id"))
        self._answer.served_model = as_text(message.get("model")) or None
        self._answer.usage = usage_of(as_object(message.get("usage")))

    def _begun(self, block: Json) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        match block.get("type"):
            case "text":
                text = as_text(block.get("text"))
                return Success((answer.say(text),) if text else ())
            case "thinking" | "redacted_thinking":
                self._begin_thought(block)
                thought = as_text(block.get("thinking"))
                return Success((answer.think(thought),) if thought else ())
            case "tool_use":
                self._keep_place()
                blocks, self._thoughts = [each.block() for each in self._thoughts], []
                signature = signature_of(blocks, is_first=answer.calls_begun == 0)
                id_, name = as_text(block.get("id")), as_text(block.get("name"))
                called = answer.call(answer.calls_begun, id_, name, "", signature)
                return called if isinstance(called, Failure) else Success((called.unwrap(),))
            case _:
                return Success(())

    def _grown(self, delta: Json) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        match delta.get("type"):
            case "text_delta":
                text = as_text(delta.get("text"))
                return Success((answer.say(text),) if text else ())
            case "thinking_delta":
                thought = as_text(delta.get("thinking")) or ""
                self._think("thinking", thought)
                return Success((answer.think(thought),) if thought else ())
            case "signature_delta":
                self._think("signature", as_text(delta.get("signature")) or "")
                return Success(())
            case "input_json_delta":
                piece = as_text(delta.get("partial_json"))
                if not piece:
                    return Success(())
                called = answer.call(answer.calls_begun - 1, None, None, piece)
                return called if isinstance(called, Failure) else Success((called.unwrap(),))
            case _:
                return Success(())

    def _keep_place(self) -> None:
        """Keep the place of the text since the last block, between thoughts and calls."""
        length = len(self._answer.text) - self._placed
        if length:
            self._placed += length
            self._answer.hold_record()
            self._thoughts.append(_Thought("text", {}, length))

    def _begin_thought(self, block: Json) -> None:
        """Keep the texts of a block that begins, for it goes back to the vendor with the call that it leads to."""
        self._keep_place()
        texts = {name: value for name, value in block.items() if isinstance(value, str) and name != "type"}
        self._answer.hold_record()
        self._answer.hold(*texts, *texts.values())
        self._thoughts.append(_Thought(block["type"], {name: Joined(text) for name, text in texts.items()}))

    def _think(self, name: str, piece: str) -> None:
        """Keep the block that is being thought, for the call it may lead to."""
        if self._thoughts:
            self._thoughts[-1].texts.setdefault(name, Joined()).add(piece)
            self._answer.hold(piece)

    def _ending(self, delta: Json, usage: Json) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        answer.usage = usage_of(usage, answer.usage)
        reason = as_text(delta.get("stop_reason"))
        if reason is not None:
            answer.finish = FINISH.get(reason, "unknown")
            answer.refused = reason == "refusal"
        why = refusal_of(delta) if answer.refused and not answer.text else ""
        return Success((answer.say(why),) if why else ())

    def _stopped(self) -> Outcome[Sequence[Delta], LLMError]:
        self.finished = True
        self._answer.finish = self._answer.finish or "unknown"
        return Success(())
