"""What a model says, as each wire writes it: whole, and in pieces of any length."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.adapters.dialects.dialect import Dialect

Fields: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Message:
    """What a model says: a thought, a text, and calls of tools."""

    thought: str
    text: str
    calls: tuple[tuple[str, Fields], ...]
    was_cut: bool = False


def cut(text: str, sizes: Sequence[int]) -> Iterator[str]:
    """*text* in pieces of *sizes*, and the rest."""
    at = 0
    for size in sizes:
        if text[at : at + size]:
            yield text[at : at + size]
        at += size
    if text[at:]:
        yield text[at:]


def openai_word(message: Message) -> str:
    return "length" if message.was_cut else "tool_calls" if message.calls else "stop"


def openai_whole(message: Message) -> Fields:
    calls = [
        {"id": f"c{index}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for index, (name, arguments) in enumerate(message.calls)
    ]
    said: Fields = {"role": "assistant", "content": message.text or None, "reasoning_content": message.thought}
    choice = {
        "index": 0,
        "message": said | ({"tool_calls": calls} if calls else {}),
        "finish_reason": openai_word(message),
    }
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    return {"id": "r1", "object": "chat.completion", "model": "m-1", "choices": [choice], "usage": usage}


def openai_pieces(message: Message, sizes: Sequence[int]) -> list[Fields]:
    def chunk(delta: Fields, finish: str | None = None) -> Fields:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "r1", "object": "chat.completion.chunk", "model": "m-1", "choices": [choice]}

    pieces = [chunk({"role": "assistant", "content": ""})]
    pieces += [chunk({"reasoning_content": part}) for part in cut(message.thought, sizes)]
    pieces += [chunk({"content": part}) for part in cut(message.text, sizes)]
    for index, (name, arguments) in enumerate(message.calls):
        begun = {"index": index, "id": f"c{index}", "type": "function", "function": {"name": name, "arguments": ""}}
        pieces.append(chunk({"tool_calls": [begun]}))
        for part in cut(json.dumps(arguments), sizes):
            pieces.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]}))
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    return [*pieces, chunk({}, openai_word(message)), {"id": "r1", "model": "m-1", "choices": [], "usage": usage}]


def anthropic_word(message: Message) -> str:
    return "max_tokens" if message.was_cut else "tool_use" if message.calls else "end_turn"


def anthropic_whole(message: Message) -> Fields:
    blocks: list[Fields] = []
    if message.thought:
        blocks.append({"type": "thinking", "thinking": message.thought, "signature": "c2ln"})
    if message.text:
        blocks.append({"type": "text", "text": message.text})
    for index, (name, arguments) in enumerate(message.calls):
        blocks.append({"type": "tool_use", "id": f"c{index}", "name": name, "input": arguments})
    usage = {"input_tokens": 5, "output_tokens": 7}
    ended = {"stop_reason": anthropic_word(message), "stop_sequence": None}
    return {
        "id": "r1",
        "type": "message",
        "role": "assistant",
        "model": "m-1",
        "content": blocks,
        "usage": usage,
    } | ended


def anthropic_pieces(message: Message, sizes: Sequence[int]) -> list[Fields]:
    whole = anthropic_whole(message)
    usage = {"input_tokens": 5, "output_tokens": 1}
    pieces: list[Fields] = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None, "usage": usage}}
    ]
    for index, block in enumerate(whole["content"]):
        empty: dict[str, Fields] = {
            "text": {"text": ""},
            "thinking": {"thinking": "", "signature": ""},
            "tool_use": {"input": {}},
        }
        pieces.append({"type": "content_block_start", "index": index, "content_block": block | empty[block["type"]]})
        deltas: list[Fields] = []
        match block["type"]:
            case "text":
                deltas = [{"type": "text_delta", "text": part} for part in cut(block["text"], sizes)]
            case "thinking":
                deltas = [{"type": "thinking_delta", "thinking": part} for part in cut(block["thinking"], sizes)]
                deltas.append({"type": "signature_delta", "signature": "c2ln"})
            case _:
                parts = cut(json.dumps(block["input"]), sizes)
                deltas = [{"type": "input_json_delta", "partial_json": part} for part in parts]
        pieces += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        pieces.append({"type": "content_block_stop", "index": index})
    ended = {"stop_reason": anthropic_word(message), "stop_sequence": None}
    return [*pieces, {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 7}}, {"type": "message_stop"}]


def gemini_piece(parts: Sequence[Fields], word: str | None) -> Fields:
    ended = {} if word is None else {"finishReason": word}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12}
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0, **ended}
    return {"candidates": [candidate], "usageMetadata": usage, "responseId": "r1", "modelVersion": "m-1"}


def gemini_calls(message: Message) -> list[Fields]:
    return [{"functionCall": {"name": name, "args": arguments}} for name, arguments in message.calls]


def gemini_whole(message: Message) -> Fields:
    thought: list[Fields] = [{"text": message.thought, "thought": True}] if message.thought else []
    text: list[Fields] = [{"text": message.text}] if message.text else []
    return gemini_piece([*thought, *text, *gemini_calls(message)], "MAX_TOKENS" if message.was_cut else "STOP")


def gemini_pieces(message: Message, sizes: Sequence[int]) -> list[Fields]:
    parts: list[Fields] = [{"text": part, "thought": True} for part in cut(message.thought, sizes)]
    parts += [{"text": part} for part in cut(message.text, sizes)]
    parts += gemini_calls(message)
    ended = gemini_piece([], "MAX_TOKENS" if message.was_cut else "STOP")
    return [*[gemini_piece([part], None) for part in parts], ended]


def ollama_whole(message: Message) -> Fields:
    calls = [{"function": {"name": name, "arguments": arguments}} for name, arguments in message.calls]
    said: Fields = {"role": "assistant", "content": message.text}
    said |= ({"thinking": message.thought} if message.thought else {}) | ({"tool_calls": calls} if calls else {})
    ended = {"done": True, "done_reason": "length" if message.was_cut else "stop"}
    return {"model": "m-1", "message": said, **ended, "prompt_eval_count": 5, "eval_count": 7}


def ollama_pieces(message: Message, sizes: Sequence[int]) -> list[Fields]:
    def piece(**said: object) -> Fields:
        return {"model": "m-1", "message": {"role": "assistant", "content": "", **said}, "done": False}

    whole = ollama_whole(message)
    calls = whole["message"].get("tool_calls", [])
    return [
        *[piece(thinking=part) for part in cut(message.thought, sizes)],
        *[piece(content=part) for part in cut(message.text, sizes)],
        *[piece(tool_calls=[call]) for call in calls],
        whole | {"message": {"role": "assistant", "content": ""}},
    ]


@dataclass(frozen=True)
class Wire:
    """One wire: its dialect, and a message as it writes it, whole and in pieces."""

    dialect: Dialect
    whole: Callable[[Message], Fields]
    pieces: Callable[[Message, Sequence[int]], list[Fields]]
    reason: Path
    """Where a whole answer says why it ended."""


WIRES: Mapping[str, Wire] = {
    "openai": Wire(openai.DIALECT, openai_whole, openai_pieces, ("choices", 0, "finish_reason")),
    "anthropic": Wire(anthropic.DIALECT, anthropic_whole, anthropic_pieces, ("stop_reason",)),
    "gemini": Wire(gemini.DIALECT, gemini_whole, gemini_pieces, ("candidates", 0, "finishReason")),
    "ollama": Wire(ollama.DIALECT, ollama_whole, ollama_pieces, ("done_reason",)),
}

GOLDEN: Mapping[str, Message] = {
    "text": Message("", "It scatters: 空 😀.", ()),
    "thought": Message("Hm, I think.", "Blue.", ()),
    "calls": Message("", "", (("look", {"at": "sky", "deep": {"n": [1, 2]}}), ("look", {}))),
    "all": Message("Hm.", "Let me look.", (("look", {"at": "sea"}),)),
    "cut off": Message("Hm.", "It scat", (), was_cut=True),
    "cut off in thought": Message("Hm, I th", "", (), was_cut=True),
}
