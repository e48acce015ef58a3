"""The vendors' SDKs as lists of what there is: each word, block and field of an answer is read here or passed over on
purpose. What a new version of an SDK adds is in neither list, and fails.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

import anthropic.types as claude
import groq.types.chat as groq_chat
import groq.types.chat.chat_completion as groq_whole
import groq.types.chat.chat_completion_chunk as groq_pieces
import ollama
import openai.types.chat as openai_chat
import openai.types.chat.chat_completion as openai_whole
import openai.types.chat.chat_completion_chunk as openai_pieces
import pytest
from google.genai import types as google
from mistralai.client.models import chatcompletionchoice as mistral_whole
from mistralai.client.models import completionresponsestreamchoice as mistral_pieces
from mistralai.client.models import contentchunk as mistral_parts
from mistralai.client.models import deltamessage as mistral_delta
from pydantic import BaseModel
from returns.result import Failure, Success

from llm_manager.adapters.dialects import anthropic, gemini, openai
from llm_manager.adapters.dialects import ollama as ollama_dialect
from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.adapters.dialects.endings import ending_of, is_known
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.target import Target
from llm_manager.testing.simulator import Say
from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.wires import anthropic as anthropic_wire
from llm_manager.testing.simulator.wires import gemini as gemini_wire
from llm_manager.testing.simulator.wires import openai as openai_wire
from llm_manager.testing.simulator.wires.wire import Wire


def literals(annotation: Any) -> Iterator[str]:
    """All texts of the literals in *annotation*."""
    if typing.get_origin(annotation) is typing.Literal:
        yield from (word for word in typing.get_args(annotation) if isinstance(word, str))
        return
    for inner in typing.get_args(annotation):
        yield from literals(inner)


def models(annotation: Any) -> Iterator[type[BaseModel]]:
    """All models in *annotation*."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from models(inner)


def kinds(union: Any) -> set[str]:
    """The ``type`` of each model in *union*."""
    return {word for model in models(union) for word in literals(model.model_fields["type"].annotation)}


def words(model: type[BaseModel], name: str = "finish_reason") -> set[str]:
    return set(literals(model.model_fields[name].annotation))


REASONS: Mapping[str, tuple[str, set[str]]] = {
    "openai": ("openai", words(openai_whole.Choice) | words(openai_pieces.Choice)),
    "groq": ("openai", words(groq_whole.Choice) | words(groq_pieces.Choice)),
    "mistral": (
        "openai",
        words(mistral_whole.ChatCompletionChoice) | words(mistral_pieces.CompletionResponseStreamChoice),
    ),
    "anthropic": ("anthropic", set(literals(claude.StopReason))),
    "gemini": ("gemini", {reason.value for reason in google.FinishReason}),
}

WIRES: Mapping[str, tuple[Dialect, Wire]] = {
    "openai": (openai.DIALECT, openai_wire.WIRE),
    "anthropic": (anthropic.DIALECT, anthropic_wire.WIRE),
    "gemini": (gemini.DIALECT, gemini_wire.WIRE),
}

SAYS_NOTHING = {"pause_turn", "FINISH_REASON_UNSPECIFIED", "OTHER", "NO_IMAGE", "IMAGE_OTHER"}
"""Reasons of vendors that do not say whether the answer is whole."""


def target(name: str) -> Target:
    facts = ModelFacts(name="m", provider=name)
    return Target(model="m", provider=PROVIDERS[name], facts=facts, service=name, base_url="", key="k")


@pytest.mark.parametrize("vendor", REASONS)
def test_every_reason_to_end_that_an_sdk_knows_is_known(vendor: str) -> None:
    found = REASONS[vendor][1]
    assert len(found) >= 4
    assert [word for word in sorted(found) if not is_known(word)] == []
    assert {word for word in found if ending_of(word) == "unknown"} <= SAYS_NOTHING


@pytest.mark.parametrize(("name", "word"), [(name, word) for name, found in REASONS.values() for word in sorted(found)])
def test_the_simulator_says_every_reason_and_it_is_read_alike_whole_and_in_pieces(name: str, word: str) -> None:
    dialect, wire = WIRES[name]
    asked, said = Asked(model="m", last_text="hi", streamed=False), Say("Blue.", finish=word)
    whole = dialect.read_answer(200, {}, wire.body(asked, said, 1), target(name))
    reader = dialect.reader({}, target(name))
    for event in wire.events(asked, said, 1):
        data = event.split(b"data: ", 1)[1].strip()
        if isinstance(reader.read(data), Failure):
            break
    pieces = reader.end()
    if isinstance(whole, Success):
        assert pieces.unwrap().content == whole.unwrap().content == "Blue."
        assert pieces.unwrap().finish_reason == whole.unwrap().finish_reason
    else:
        assert type(pieces.failure()) is type(whole.failure())


READ_BLOCKS = {"text", "thinking", "redacted_thinking", "tool_use"}
BLOCKS_PASSED_OVER = {
    *("server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result"),
    *("bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result"),
    "container_upload",
}
"""What Anthropic's own tools did, which nobody here asked for."""


def test_every_block_of_anthropic_is_read_or_passed_over() -> None:
    assert kinds(claude.ContentBlock) == READ_BLOCKS | BLOCKS_PASSED_OVER
    deltas = {"text_delta", "input_json_delta", "thinking_delta", "signature_delta", "citations_delta"}
    assert kinds(claude.RawContentBlockDelta) == deltas
    events = {"message_start", "message_delta", "message_stop"}
    assert kinds(claude.RawMessageStreamEvent) == events | {f"content_block_{at}" for at in ("start", "delta", "stop")}


@pytest.mark.parametrize("kind", sorted(BLOCKS_PASSED_OVER))
def test_a_block_that_is_passed_over_takes_nothing_from_the_answer(kind: str) -> None:
    block: dict[str, Any] = {"type": kind, "id": "s1", "name": "web_search", "input": {"query": "x"}, "content": []}
    body: dict[str, Any] = {"content": [block, {"type": "text", "text": "Blue."}], "stop_reason": "end_turn"}
    read = anthropic.DIALECT.read_answer(200, {}, json.dumps(body).encode(), target("anthropic")).unwrap()
    assert (read.content, read.tool_calls) == ("Blue.", ())


OPENAI_READ = {"content", "refusal", "tool_calls", "function_call", "reasoning", "reasoning_content"}
OPENAI_PASSED_OVER = {"role", "audio", "annotations", "executed_tools", "tool_call_id", "index", "metadata"}


@pytest.mark.parametrize(
    "model",
    [
        *(openai_chat.ChatCompletionMessage, openai_pieces.ChoiceDelta),
        *(groq_chat.ChatCompletionMessage, groq_pieces.ChoiceDelta, mistral_delta.DeltaMessage),
    ],
)
def test_every_field_of_a_message_on_the_openai_wire_is_read_or_passed_over(model: type[BaseModel]) -> None:
    assert set(model.model_fields) - OPENAI_READ - OPENAI_PASSED_OVER == set()


def test_every_field_of_groqs_own_part_of_a_chunk_is_read_or_passed_over() -> None:
    fields = set(groq_pieces.XGroq.model_fields)
    assert fields == {"error", "usage"} | {"id", "debug", "seed", "usage_breakdown"}


def test_every_part_of_a_message_of_mistral_is_read_or_passed_over() -> None:
    passed_over = {"image_url", "document_url", "reference", "file", "input_audio", "resource", "resource_link"}
    assert kinds(mistral_parts.ContentChunk) - {"UNKNOWN"} == {"text", "thinking"} | passed_over


def test_every_field_of_a_part_of_gemini_is_read_or_passed_over() -> None:
    read = {"text", "thought", "thought_signature", "function_call"}
    of_the_request = {"file_data", "function_response", "video_metadata", "media_resolution", "media_processing"}
    of_its_own_tools = {"code_execution_result", "executable_code", "tool_call", "tool_response"}
    of_media = {"inline_data", "audio_transcription"}
    notes = {f"{kind}_metadata" for kind in ("part", "speech", "document", "spreadsheet", "audio")}
    assert set(google.Part.model_fields) == read | of_the_request | of_its_own_tools | of_media | notes


def test_every_field_of_a_message_of_ollama_is_read_or_passed_over() -> None:
    assert set(ollama.Message.model_fields) == {"content", "thinking", "tool_calls"} | {"role", "images", "tool_name"}
    ended = ollama.ChatResponse.model_fields["done_reason"].annotation
    assert set(typing.get_args(ended)) == {str, NoneType}  # any word: none is listed
    assert ollama_dialect.DIALECT.framing == "ndjson"
