"""A streamed answer of Anthropic: a message whose blocks begin, grow and end, then ``message_stop``.

Checked on 2026-11-21 against Anthropic's API reference ("Streaming Messages") and the types of its SDK 2.11. The
numbers of tokens are cumulative. A message that has said why it stopped is whole even if ``message_stop`` is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.anthropic_answers import (
    end_with,
    kind_of,
    read_error_inside,
    usage_of,
)
from llm_manager.adapters.dialects.anthropic_thoughts import place_of_text, signature_of
from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.error_envelopes import error_in
from llm_manager.adapters.dialects.fields import WrongType, arguments_text_of, malformed, number_of, object_of, text_of
from llm_manager.adapters.dialects.frame_values import FrameValues
from llm_manager.adapters.dialects.json_values import Json, as_object, as_text
from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.joined import Joined
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta, TextDelta
from llm_manager.domain.target import Target

_NOTHING: Outcome[Sequence[Delta], LLMError] = Success(())


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
@dataclass(slots=True)
class _Block:
    """A block that has begun: a *thought*, a *call* of ours whose whole input stood at its beginning, or another."""

    thought: _Thought | None = None
    call: int | None = None
    at_start: str = field(default="")


_OTHER: Final = _Block()


@final
class MessageReader:
    """One streamed message. Blocks may be open at once, and are told apart by their index."""

    __slots__ = ("_answer", "_blocks", "_frames", "_headers", "_last", "_placed", "_target", "_thoughts")

    def __init__(self, headers: Headers, target: Target) -> None:
        self._headers = headers
        self._target = target
        self._frames = FrameValues(target)
        self._answer = Assembly(target, headers.get("request-id"))
        self._thoughts: list[_Thought] = []
        self._placed = 0
        self._blocks: dict[int, _Block] = {}
        self._last = _OTHER

    def read(self, frame: bytes, /) -> Outcome[Sequence[Delta], LLMError]:
        """What one event adds; of a kind that is not known yet, nothing."""
        read = self._frames.read(frame)
        if isinstance(read, Failure):
            return read
        try:
            return self._read(read.unwrap())
        except WrongType as bad:
            return Failure(malformed(bad, self._target))

    def _read(self, event: Json) -> Outcome[Sequence[Delta], LLMError]:
        match event.get("type"):
            case "content_block_delta":
                return self._grown(object_of(event.get("delta"), "delta"), self._block(event))
            case "content_block_start":
                return self._begun(object_of(event.get("content_block"), "content_block"), event)
            case "content_block_stop":
                return Success(self._closed(self._block(event)))
            case "message_start":
                self._started(object_of(event.get("message"), "message"))
            case "message_delta":
                return self._ending(object_of(event.get("delta"), "delta"), as_object(event.get("usage")))
            case "message_stop":
                self._answer.is_over = True
                return Success(self._all_closed())
            case _:
                error = error_in(event)
                if error is not None:
                    return Failure(read_error_inside(error, self._headers, self._target))
                if event and not isinstance(event.get("type"), str):
                    raise WrongType("the type of an event", event.get("type"))
        return _NOTHING

    @property
    def finished(self) -> bool:
        """Has the message stopped?"""
        return self._answer.is_over

    @property
    def is_complete(self) -> bool:
        """Has it said why it stops, or stopped?"""
        return self._answer.is_complete

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
        self._answer.usage = usage_of(as_object(message.get("usage")), self._answer.usage)

    def _block(self, event: Json) -> _Block:
        """The block that *event* is about: the last one where it does not say."""
        index = number_of(event.get("index"), "index")
        return self._last if index is None else self._blocks.get(index, _OTHER)

    def _begun(self, block: Json, event: Json) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        deltas: Sequence[Delta] = ()
        begun = _Block()
        match kind_of(block, "content_block"):
            case "text":
                text = text_of(block.get("text"), "content_block.text")
                deltas = (answer.say(text),) if text else ()
            case "thinking" | "redacted_thinking":
                begun.thought = self._begin_thought(block)
                thought = text_of(block.get("thinking"), "content_block.thinking")
                deltas = (answer.think(thought),) if thought else ()
            case "tool_use":
                self._keep_place()
                blocks, self._thoughts = [each.block() for each in self._thoughts], []
                signature = signature_of(blocks, is_first=not answer.calls)
                id_, name = (text_of(block.get(part), f"content_block.{part}") for part in ("id", "name"))
                begun.call = len(answer.calls)
                begun.at_start = arguments_text_of(block.get("input") or None, "content_block.input")
                answer.hold(begun.at_start)
                called = answer.begin_call(id_, name, "", signature)
                if isinstance(called, Failure):
                    return called
                deltas = (called.unwrap(),)
            case _:
                pass
        self._know(begun, number_of(event.get("index"), "index"))
        return Success(deltas)

    def _know(self, begun: _Block, index: int | None) -> None:
        self._last = begun
        if index is not None:
            if index not in self._blocks:
                self._answer.hold_record()
            self._blocks[index] = begun

    def _grown(self, delta: Json, block: _Block) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        match _delta_kind(delta):
            case "text_delta":
                text = text_of(delta.get("text"), "delta.text")
                return Success((answer.say(text),)) if text else _NOTHING
            case "thinking_delta":
                thought = text_of(delta.get("thinking"), "delta.thinking") or ""
                self._think(block, "thinking", thought)
                return Success((answer.think(thought),)) if thought else _NOTHING
            case "signature_delta":
                self._think(block, "signature", text_of(delta.get("signature"), "delta.signature") or "")
                return _NOTHING
            case "input_json_delta":
                if block.call is None:
                    return self._lost(block)
                piece = answer.calls[block.call].piece_of(delta.get("partial_json"), "delta.partial_json")
                block.at_start = "" if piece else block.at_start
                return Success((answer.grow_call(block.call, piece),)) if piece else _NOTHING
            case _:
                return _NOTHING

    def _keep_place(self) -> None:
        """Keep the place of the text since the last block, between thoughts and calls."""
        length = len(self._answer.text) - self._placed
        if length:
            self._placed += length
            self._answer.hold_record()
            self._thoughts.append(_Thought("text", {}, length))

    def _lost(self, block: _Block) -> Outcome[Sequence[Delta], LLMError]:
        """A piece of the input of a block that is none of our calls: that of a tool of the vendor's, or of nothing."""
        if block is _OTHER:
            return Failure(self._answer.protocol("the input of a block that did not begin"))
        return _NOTHING

    def _closed(self, block: _Block) -> Sequence[Delta]:
        """What is still to be said of a block that ends: the input that stood at its beginning and did not grow."""
        if block.call is None or not block.at_start:
            return ()
        arguments, block.at_start = block.at_start, ""
        return (self._answer.grow_call(block.call, arguments),)

    def _all_closed(self) -> Sequence[Delta]:
        open_blocks = [block for block in (*self._blocks.values(), self._last) if block.at_start]
        if not open_blocks:
            return ()
        finish = self._answer.finish
        deltas = [delta for block in open_blocks for delta in self._closed(block)]
        self._answer.finish = finish
        return deltas

    def _begin_thought(self, block: Json) -> _Thought:
        """Keep the texts of a block that begins, for it goes back to the vendor with the call that it leads to."""
        self._keep_place()
        texts = {name: value for name, value in block.items() if isinstance(value, str) and name != "type"}
        self._answer.hold_record()
        self._answer.hold(*texts, *texts.values())
        thought = _Thought(kind_of(block, "content_block"), {name: Joined(text) for name, text in texts.items()})
        self._thoughts.append(thought)
        return thought

    def _think(self, block: _Block, name: str, piece: str) -> None:
        """Keep the block that is being thought, for the call it may lead to."""
        if block.thought is not None:
            block.thought.texts.setdefault(name, Joined()).add(piece)
            self._answer.hold(piece)

    def _ending(self, delta: Json, usage: Json) -> Outcome[Sequence[Delta], LLMError]:
        answer = self._answer
        answer.usage = usage_of(usage, answer.usage)
        deltas = list(self._all_closed())
        said = answer.text
        end_with(answer, delta, self._headers, self._target)
        why = "" if said else answer.text
        return Success([*deltas, TextDelta(why)] if why else deltas)


_DELTAS: Mapping[str, str] = {
    "text": "text_delta",
    "thinking": "thinking_delta",
    "signature": "signature_delta",
    "partial_json": "input_json_delta",
}
"""What a piece is that does not say so, by what it holds."""


def _delta_kind(delta: Json) -> str:
    kind = delta.get("type")
    if isinstance(kind, str):
        return kind
    if kind is not None:
        raise WrongType("delta.type", kind)
    return next((kind for name, kind in _DELTAS.items() if name in delta), "")
