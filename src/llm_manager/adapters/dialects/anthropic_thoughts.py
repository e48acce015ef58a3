"""Claude's thoughts on their way back: which blocks a call carries, in which order, and whether they may still be sent.

The vendor wants the blocks of an answer that called a tool back as they were, and in their places between text and
calls. Since Claude 5.5, and for accounts opened since 2026-08-31 with every model, they are bound to all that stood
before them, system prompt and tools included: changed, they are refused (Anthropic, "Extended thinking", read
2026-12-01). So what a call carries names what was before it, and where that is no longer what is sent, after a
truncation or with another system prompt, its thoughts are left out whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, final

from llm_manager.adapters.dialects.json_values import (
    Json,
    arguments_of,
    as_count,
    as_list,
    as_object,
    as_text,
    parse_json,
    written,
)
from llm_manager.adapters.dialects.signatures import signed, signed_by
from llm_manager.domain.joined import Joined
from llm_manager.domain.request import ToolCall

TEXT: Final = "text"


def place_of_text(length: int) -> Json:
    """Stands among the blocks of a call for text of the answer that came there, *length* characters of it."""
    return {"type": TEXT, "length": length}


def signature_of(blocks: Sequence[Json], *, is_first: bool) -> str | None:
    """Thinking *blocks*, and the places of text among them, as a call carries them.

    Where all text comes behind the thoughts, and in front of the *first* call, as it does if nobody says otherwise, its
    place is not kept.
    """
    kinds = [block.get("type") for block in blocks]
    if is_first and TEXT in kinds and all(kind == TEXT for kind in kinds[kinds.index(TEXT) :]):
        blocks = blocks[: kinds.index(TEXT)]
    return signed("anthropic", json.dumps(list(blocks), ensure_ascii=False)) if blocks else None


@final
class GatewayBlocks:
    """Claude's blocks as Portkey's gateway passes them on beside a chat completion, whole or in pieces (1.15.2, where
    it is not strict); it takes them back by the same name."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Joined]] = {}

    def add(self, pieces: Sequence[Json]) -> None:
        """Blocks, or pieces of them: those of one index belong together."""
        for place, piece in enumerate(pieces):
            index = as_count(piece.get("index"))
            fields = as_object(piece.get("delta")) or piece
            kept = self._blocks.setdefault(place if index is None else index, {})
            for name in ("thinking", "signature", "data", "text"):
                if text := as_text(fields.get(name)):
                    kept.setdefault(name, Joined()).add(text)

    def signature(self) -> str | None:
        """As the first call that they led to carries them."""
        blocks = [block for _, fields in sorted(self._blocks.items()) if (block := _gateway_block(fields))]
        return signature_of(blocks, is_first=True)


def _gateway_block(fields: Mapping[str, Joined]) -> Json | None:
    texts = {name: joined.text for name, joined in fields.items()}
    if "data" in texts:
        return {"type": "redacted_thinking", "data": texts["data"]}
    if "signature" in texts:  # without it a thought is not taken back
        return {"type": "thinking", "thinking": texts.get("thinking", ""), "signature": texts["signature"]}
    return place_of_text(len(texts["text"])) if "text" in texts else None


def bound(signature: str | None, before: str) -> str | None:
    """*signature* with the name of what was *before* it; one of another signer's as it is."""
    blocks = _read(signature).blocks
    if not blocks:
        return signature
    return signed("anthropic", json.dumps({"before": before, "blocks": list(blocks)}, ensure_ascii=False))


@dataclass(frozen=True, slots=True)
class _Carried:
    """What a call carries: its *blocks*, and the name of what was *before* them, empty where that is not known."""

    blocks: Sequence[Json] = ()
    before: str = ""


def _read(signature: str | None) -> _Carried:
    own = signed_by("anthropic", signature)
    if own is None:
        return _Carried()
    try:
        value: Any = parse_json(own.encode())
    except ValueError:
        return _Carried()
    fields = as_object(value)
    blocks = [as_object(block) for block in as_list(fields.get("blocks") if fields else value)]
    return _Carried(blocks, as_text(fields.get("before")) or "")


def is_bound(calls: Sequence[ToolCall]) -> bool:
    """Does one of *calls* carry thoughts of Claude?"""
    return any(signed_by("anthropic", call.signature) is not None for call in calls)


def laid_out(text: str | None, calls: Sequence[ToolCall], content: Sequence[Json], before: str) -> list[Json]:
    """The blocks of an answer as they came: its *text*, None where it is not text alone, and its *calls*, each behind
    the thoughts that led to it, unless those belong behind something else than *before*.

    *content* is what it says as blocks, for where their places are not known: behind the first thoughts.
    """
    carried = [_read(call.signature) for call in calls]
    if any(each.before not in ("", before) for each in carried):
        carried = [_Carried() for _ in carried]
    marked = sum(_length(block) for each in carried for block in each.blocks)
    if text is None or not 0 < marked <= len(text):
        return list(_plain(calls, carried, content))
    return list(_placed(calls, carried, text, marked))


def _length(block: Json) -> int:
    return (as_count(block.get("length")) or 0) if block.get("type") == TEXT else 0


def _plain(calls: Sequence[ToolCall], carried: Sequence[_Carried], content: Sequence[Json]) -> Iterator[Json]:
    for index, (call, each) in enumerate(zip(calls, carried, strict=True)):
        yield from (block for block in each.blocks if block.get("type") != TEXT)
        yield from content if index == 0 else ()
        yield _use(call)


def _placed(calls: Sequence[ToolCall], carried: Sequence[_Carried], text: str, marked: int) -> Iterator[Json]:
    """With the text in its places; what has none, in front of the first call that says nothing of it."""
    at, rest = 0, len(text) - marked
    for call, each in zip(calls, carried, strict=True):
        for block in each.blocks:
            if block.get("type") != TEXT:
                yield block
            elif length := _length(block):
                yield {"type": TEXT, "text": text[at : at + length]}
                at += length
        if rest and not any(map(_length, each.blocks)):
            yield {"type": TEXT, "text": text[at : at + rest]}
            at, rest = at + rest, 0
        yield _use(call)
    if rest:
        yield {"type": TEXT, "text": text[at:]}


def _use(call: ToolCall) -> Json:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments_of(call.arguments)}


@final
class Before:
    """Names what stands before a turn: the system prompt, the tools, and every turn so far."""

    __slots__ = ("_digest",)

    def __init__(self, system: str, tools: Sequence[Json]) -> None:
        self._digest = sha256(written({"system": system, "tools": list(tools)}))

    def add(self, role: str, blocks: Sequence[Json]) -> None:
        """One more turn."""
        self._digest.update(written({"role": role, "content": list(blocks)}))

    @property
    def name(self) -> str:
        """Of all that was added."""
        return self._digest.copy().hexdigest()[:16]
