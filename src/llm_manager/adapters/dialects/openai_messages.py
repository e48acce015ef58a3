"""What a message on the OpenAI wire says, whole or in pieces: texts, thoughts, refusals and tool calls.

Which call a piece belongs to is told by its index, by its id, or by its name, whichever the server has: some number all
calls alike, begin with 1 or with -1, send no index, repeat id and name with each piece or send a new id with each, or
cut the name as they cut the arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast, final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.anthropic_thoughts import GatewayBlocks
from llm_manager.adapters.dialects.assembly import Assembly
from llm_manager.adapters.dialects.fields import (
    WrongType,
    arguments_text_of,
    is_an_object,
    number_of,
    object_of,
    objects_of,
    text_of,
)
from llm_manager.adapters.dialects.growing_calls import GrowingCall
from llm_manager.adapters.dialects.json_values import Json, as_list, as_object, as_text
from llm_manager.adapters.dialects.signatures import signed, with_reasoning
from llm_manager.domain.errors import LLMError, MalformedResponse
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.request import ToolCall
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.stream import Delta, ToolCallDelta
from llm_manager.domain.target import Target

MOST_COMPARED_BYTES: Final = 16 * 1024 * 1024
"""So much is parsed at the most to see whether arguments are whole."""


@final
class MessageReader:
    """Reads one message of *target* into *answer*: in many pieces, or, where it *is_whole*, in one with whole calls.
    *numbers_calls* is false where their indices mean nothing; *has_torn_calls* says that arguments came in more than
    one piece."""

    __slots__ = (
        "_answer",
        "_blocks",
        "_compared_bytes",
        "_is_whole_message",
        "_numbers",
        "_numbers_calls",
        "_target",
        "_wants_reasoning",
        "has_torn_calls",
    )

    def __init__(self, answer: Assembly, target: Target, *, numbers_calls: bool, is_whole: bool = False) -> None:
        self._answer = answer
        self._is_whole_message = is_whole
        self._target = target
        self._blocks: GatewayBlocks | None = None
        self._wants_reasoning = False
        self._numbers_calls = numbers_calls
        self._numbers: dict[int | str, int] = {}
        self._compared_bytes = 0
        self.has_torn_calls = False

    def read(self, message: Json) -> Outcome[Sequence[Delta], LLMError]:
        """What *message* adds."""
        answer = self._answer
        deltas: list[Delta] = []
        if "content_blocks" in message and self._target.provider.wire == "anthropic":
            self._keep(blocks_of(message))
        if reasoning := reasoning_of(message):
            deltas.append(answer.think(reasoning))
            self._wants_reasoning = self._wants_reasoning or bool(message.get("reasoning_content"))
        thoughts, text, refusal = _contents(message.get("content"))
        if thoughts:
            deltas.append(answer.think(thoughts))
        if text:
            deltas.append(answer.say(text))
        refused = refusal or text_of(message.get("refusal"), "refusal")
        if refused:
            answer.refused = True
            deltas.append(answer.say(refused))
        calls = objects_of(message.get("tool_calls"), "tool_calls")
        if message.get("function_call") is not None:  # the form that tool calls had before 2024
            calls = [*calls, {"function": message["function_call"]}]
        for call in calls:
            called = self._call(call)
            if isinstance(called, Failure):
                return called
            deltas.append(called.unwrap())
        return Success(deltas)

    def signed(self, whole: Outcome[LLMResponse, LLMError]) -> Outcome[LLMResponse, LLMError]:
        """The *whole* answer, its first call with the thoughts that led to it and that may be wanted back."""
        if not isinstance(whole, Success) or not (self._wants_reasoning or self._blocks):
            return whole
        answer = whole.unwrap()
        calls: Sequence[ToolCall] = answer.tool_calls
        if self._wants_reasoning:
            calls = with_reasoning(calls, answer.reasoning, self._target)
        signature = None if self._blocks is None else self._blocks.signature()
        if signature is not None and calls and calls[0].signature is None:
            calls = (replace(calls[0], signature=signature), *calls[1:])
        return Success(replace(answer, tool_calls=tuple(calls)))

    def _keep(self, pieces: Sequence[Json]) -> None:
        """Keep Claude's blocks, for the call that they may lead to."""
        self._blocks = self._blocks or GatewayBlocks()
        self._blocks.add(pieces)
        for piece in pieces:
            self._answer.hold_record()
            self._answer.hold(*(text for text in as_object(piece.get("delta")).values() if isinstance(text, str)))

    def _call(self, call: Json) -> Outcome[ToolCallDelta, MalformedResponse]:
        answer = self._answer
        function = object_of(call.get("function"), "tool_calls.function")
        arguments = arguments_text_of(function.get("arguments"), "tool_calls.function.arguments")
        id_, name = text_of(call.get("id"), "tool_calls.id"), text_of(function.get("name"), "tool_calls.function.name")
        number = self._number(call)
        found = None if self._is_whole_message else self._index(number, id_)
        if found is None or self._is_another(answer.calls[found], number, id_, name, arguments):
            if not id_ and not name and not self._is_whole_message:
                said = f"arguments of a tool call that did not begin, after {len(answer.calls)}"
                return Failure(answer.protocol(said))
            begun = answer.begin_call(id_, name, arguments, signature_of(call, self._target))
            if isinstance(begun, Success):
                answer.calls[-1].is_closed = isinstance(function.get("arguments"), dict)
                self._know(number, id_, len(answer.calls) - 1)
            return begun
        more = self._rest_of_name(answer.calls[found], name)
        if isinstance(more, Failure):
            return more
        known = answer.name_call(found, id_, more.unwrap())
        if isinstance(known, Failure):
            return known
        self._know(number, id_, found)
        self.has_torn_calls = True
        arguments = answer.calls[found].piece_of(function.get("arguments"), "tool_calls.function.arguments")
        delta = answer.grow_call(found, arguments, signature_of(call, self._target))
        return Success(replace(delta, name=more.unwrap()) if more.unwrap() else delta)

    def _number(self, call: Json) -> int | None:
        number = number_of(call.get("index"), "tool_calls.index")
        return number if self._numbers_calls else None

    def _know(self, number: int | None, id_: str | None, index: int) -> None:
        for key in (number, id_):
            if key is not None and key != "":
                self._numbers[key] = index

    def _index(self, number: int | None, id_: str | None) -> int | None:
        """The call that a piece seems to belong to: that of its number, or of its id, or the last one."""
        begun = len(self._answer.calls)
        if number is not None:
            known = self._numbers.get(number)
            return known if known is not None or id_ or begun != 1 else 0
        known = self._numbers.get(id_) if id_ else None
        return known if known is not None else begun - 1 if begun else None

    def _is_another(self, call: GrowingCall, number: int | None, id_: str | None, name: str | None, more: str) -> bool:
        """Does a piece that seems to belong to *call* begin another one?"""
        if not name or (id_ and id_ == call.id):
            return False
        is_new_id = bool(id_ and call.id)
        if name == call.name:
            if call.is_blank:
                return is_new_id and number is None
            return (is_new_id or bool(more.strip())) and self._is_whole(call)
        if call.is_blank:
            return is_new_id or number is None
        return self._is_whole(call)

    def _is_whole(self, call: GrowingCall) -> bool:
        self._compared_bytes += len(call.arguments.text)
        return self._compared_bytes <= MOST_COMPARED_BYTES and call.is_whole

    def _rest_of_name(self, call: GrowingCall, name: str | None) -> Outcome[str | None, MalformedResponse]:
        """What *name* adds to that of *call*."""
        if not name or name == call.name:
            return Success(None)
        if call.is_blank:
            return Success(name.removeprefix(call.name) if name.startswith(call.name) else name)
        return Failure(self._answer.protocol(f"two tool calls in one: {call.name[:64]} and {name[:64]}"))


def reasoning_of(message: Json) -> str:
    """What a message or a piece of one tells of the thoughts before the answer: DeepSeek's name for it, or Groq's, or
    the blocks in which Portkey's gateway passes on those of Claude and Gemini."""
    told = text_of(message.get("reasoning_content"), "reasoning_content") or _reasoning(message.get("reasoning"))
    return told or "".join(map(_thought_in, blocks_of(message)))


def blocks_of(message: Json) -> Sequence[Json]:
    """The blocks of Claude and Gemini in a message or a piece of one, as Portkey's gateway passes them on."""
    return [as_object(block) for block in as_list(message.get("content_blocks"))]


def _thought_in(block: Json) -> str:
    """The thought of a block, or of a piece of one."""
    return as_text(block.get("thinking")) or as_text(as_object(block.get("delta")).get("thinking")) or ""


def _reasoning(value: object) -> str | None:
    return None if isinstance(value, dict | list) else text_of(value, "reasoning")


def _contents(content: object) -> tuple[str, str, str]:
    """The thoughts, the text and the refusal in *content*, which some servers send in parts."""
    if content is None or isinstance(content, str):
        return "", content or "", ""
    thoughts, texts, refusals = "", "", ""
    is_listed = isinstance(content, list)
    if not is_listed and not is_an_object(content):
        return "", text_of(content, "content") or "", ""
    listed = cast("Sequence[object]", content if is_listed else (content,))
    for at, part in enumerate(listed):
        if isinstance(part, str):
            texts += part
            continue
        fields = object_of(part, f"content[{at}]")
        match fields.get("type"):
            case "thinking" | "reasoning":  # Mistral's magistral
                thoughts += _joined(fields.get("thinking") or fields.get("text"), f"content[{at}].thinking")
            case "refusal":
                refusals += text_of(fields.get("refusal"), f"content[{at}].refusal") or ""
            case None if "text" not in fields:
                raise WrongType(f"content[{at}]", fields)
            case _:
                texts += _joined(fields.get("text"), f"content[{at}].text")
    return thoughts, texts, refusals


def _joined(value: object, path: str) -> str:
    """Text, or parts of it."""
    if not isinstance(value, list):
        return text_of(value, path) or ""
    return "".join(text_of(part.get("text"), path) or "" for part in objects_of(cast("object", value), path))


def signature_of(call: Json, target: Target) -> str | None:
    """The proof of thoughts that Google's endpoint for this wire gives, or Portkey's gateway passes on from Gemini."""
    google = as_object(as_object(call.get("extra_content")).get("google"))
    behind = text_of(as_object(call.get("function")).get("thought_signature"), "thought_signature")
    return signed("gemini", as_text(google.get("thought_signature")), target) or signed("gemini", behind)
