"""Answers as servers were seen to write them, byte by byte: what means the same is read, what does not is an error."""

from __future__ import annotations

import json

import pytest
from returns.result import Failure

from llm_manager.adapters.dialects import openai
from llm_manager.domain.errors import (
    ContextTooLarge,
    LLMError,
    MalformedResponse,
    StreamBroken,
)
from tests.adapters.readers import (
    DONE,
    ENDED,
    F1,
    FG,
    STOPPED,
    F,
    Fields,
    Is,
    call,
    calls,
    chunk,
    message,
    streamed,
    target,
    whole,
)


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        pytest.param([calls(call(0, "a", "f", '{"a":1}'), call(0, "b", "g", '{"a":2}'))], FG, id="all at 0"),
        pytest.param(
            [calls(call(0, "a", "f", '{"a":1}')), calls(call(0, "b", "f", '{"a":2}'))],
            Is(calls=(F, ("f", {"a": 2})), finish="tool_calls"),
            id="all at 0 and of one name",
        ),
        pytest.param(
            [calls(call(0, "", "f", "")), calls(call(0, None, None, '{"a":1}')), calls(call(0, "", "g", '{"a":2}'))],
            FG,
            id="all at 0 without ids",
        ),
        pytest.param(
            [calls(call(1, "a", "f", "")), calls(call(1, None, None, '{"a":1}')), calls(call(2, "b", "g", '{"a":2}'))],
            FG,
            id="the first at 1",
        ),
        pytest.param([calls(call(-1, "a", "f", {"a": 1}))], F1, id="at -1, with an object"),
        pytest.param([calls(call(None, "a", "f", '{"a"')), calls(call(None, "a", "f", ":1}"))], F1, id="the id again"),
        pytest.param([calls(call(0, "a", "f", '{"a"')), calls(call(0, "a", "f", ":1}"))], F1, id="all of it again"),
        pytest.param(
            [calls(call(0, "a", "f", "")), calls(call(0, "b", "", '{"a"')), calls(call(0, "c", "", ":1}"))],
            F1,
            id="a new id with each piece",
        ),
        pytest.param(
            [calls(call(0, "a", "f", "")), calls(call(0, "b", "f", '{"a"')), calls(call(0, "c", "f", ":1}"))],
            F1,
            id="a new id and the name with each piece",
        ),
        pytest.param(
            [
                calls(call(0, "a", "get_wea", "")),
                calls(call(0, None, "ther", "")),
                calls(call(0, None, None, '{"a":1}')),
            ],
            Is(calls=(("get_weather", {"a": 1}),), finish="tool_calls"),
            id="a name in pieces",
        ),
        pytest.param(
            [calls(call(0, "a", None, "")), calls(call(0, None, "f", '{"a":1}'))], F1, id="an id before its name"
        ),
        pytest.param(
            [
                calls(call(0, "a", "f", '{"a"'), call(1, "b", "g", '{"a"')),
                calls(call(0, "a", None, ":1}"), call(1, "b", None, ":2}")),
            ],
            FG,
            id="two at once",
        ),
        pytest.param([calls(call(0, "a", "f", ""))], Is(calls=(("f", {}),), finish="tool_calls"), id="no arguments"),
        pytest.param([calls(call(0, "a", "f", "null"))], Is(calls=(("f", {}),), finish="tool_calls"), id="null"),
        pytest.param(
            [
                chunk({"function_call": {"name": "f", "arguments": '{"a":'}}),
                chunk({"function_call": {"arguments": "1}"}}),
            ],
            F1,
            id="the form of 2023",
        ),
    ],
)
def test_a_piece_goes_to_the_call_that_it_belongs_to(pieces: list[Fields], found: Is) -> None:
    assert streamed("openai", [*pieces, ENDED, DONE]) == found


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        ([calls(call(0, "a", "f", '{"a"')), calls(call(0, "b", "g", "1}"))], "two tool calls in one: f and g"),
        ([calls(call(0, "a", "f", [1]))], "tool_calls.function.arguments is an array"),
        ([calls(call(0, "a", "f", '{"a":1')), calls(call(0, None, None, {"b": 2}))], "arguments is an object"),
        ([calls(call(0, "a", "f", {"a": 1})), calls(call(0, None, None, '{"b":2}'))], "arguments is text"),
        ([calls(call(0, "a", None, "{}")), ENDED], "name: is missing or empty"),
        ([chunk({"content": True})], "content is true"),
        ([chunk({"content": [{"z": 1}]})], "content[0] is an object"),
        ([{"choices": "none"}], "choices is text"),
        ([b"[1]"], "a piece is an array"),
    ],
)
def test_what_no_reading_makes_whole_is_named(pieces: list[Fields | bytes], said: str) -> None:
    error = streamed("openai", pieces)
    assert isinstance(error, MalformedResponse)
    assert error.reason == "protocol"
    assert said in error.message


def test_many_calls_of_one_name_at_one_index_cost_no_more_than_their_length() -> None:
    reader = openai.DIALECT.reader({}, target("openai"))
    piece = json.dumps(calls(call(0, None, "f", '{"a":"' + "x" * 4000 + '"}'))).encode()
    outcomes = [reader.read(piece) for _ in range(5000)]
    assert any(isinstance(outcome, Failure) for outcome in outcomes)


def begun(index: int, block: Fields) -> Fields:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grown(index: int, piece: str) -> Fields:
    delta = {"type": "input_json_delta", "partial_json": piece}
    return {"type": "content_block_delta", "index": index, "delta": delta}


def tool(id_: str, name: str, input_: object = None) -> Fields:
    return {"type": "tool_use", "id": id_, "name": name, "input": {} if input_ is None else input_}


STOP: list[Fields] = [
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
    {"type": "message_stop"},
]
SEARCH: Fields = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
QUERY = '{"query":"x"}'


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        pytest.param([begun(0, tool("a", "f", {"a": 1}))], F1, id="all of it at its beginning"),
        pytest.param([begun(0, tool("a", "f", '{"a":1}'))], F1, id="as text"),
        pytest.param([begun(0, tool("a", "f", {"a": 9})), grown(0, '{"a":1}')], F1, id="what grows counts"),
        pytest.param(
            [
                begun(0, tool("a", "f")),
                begun(1, tool("b", "g")),
                grown(0, '{"a"'),
                grown(1, '{"a":2}'),
                grown(0, ":1}"),
            ],
            FG,
            id="two blocks at once",
        ),
        pytest.param(
            [begun(0, tool("a", "f")), grown(0, '{"a":1}'), begun(1, SEARCH), grown(1, QUERY)], F1, id="search"
        ),
        pytest.param(
            [begun(0, SEARCH), grown(0, QUERY), begun(1, tool("a", "f")), grown(1, '{"a":1}')], F1, id="before"
        ),
        pytest.param(
            [grown(3, QUERY)], MalformedResponse("m", "protocol", "the input of a block that did not begin"), id="lost"
        ),
    ],
)
def test_the_blocks_of_anthropic_are_told_apart_by_their_index(pieces: list[Fields], found: Is | LLMError) -> None:
    assert streamed("anthropic", [*pieces, *STOP]) == found


def test_a_message_of_anthropic_that_stops_and_does_not_say_why_is_broken() -> None:
    text: Fields = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Half"}}
    stopped: Fields = {"type": "message_stop"}
    assert streamed("anthropic", [begun(0, {"type": "text", "text": ""}), text, stopped]) == StreamBroken(
        "m", "Half", "the stream ended before the answer did"
    )


def candidate(*parts: Fields, finish: str | None = None) -> Fields:
    return {"candidates": [{"content": {"parts": list(parts)}, **({} if finish is None else {"finishReason": finish})}]}


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        pytest.param(
            [candidate({"text": "One "}, finish="STOP"), candidate({"text": "two"}, finish="STOP")], Is("One two")
        ),
        pytest.param([candidate(finish="STOP"), candidate({"text": "All"}, finish="STOP")], Is("All")),
        pytest.param([candidate({"functionCall": {"name": "f", "args": '{"a":1}'}}, finish="STOP")], F1),
        pytest.param(
            [candidate({"text": "Half"}, finish="STOP"), candidate({"text": " of"})],
            StreamBroken("m", "Half of", "the stream ended before the answer did"),
        ),
        pytest.param([candidate({"text": "Half"}, finish="OTHER")], Is("Half", (), "unknown")),
    ],
    ids=["stop in every piece", "an empty stop first", "arguments as text", "a stop that was none", "other"],
)
def test_a_stream_of_gemini_is_read_to_its_end(pieces: list[Fields], found: Is | LLMError) -> None:
    assert streamed("gemini", pieces) == found


def test_arguments_of_ollama_may_be_text_and_a_flag_too() -> None:
    said = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": '{"a":1}'}}]}
    body = {"message": said, "done": "true", "done_reason": "stop"}
    assert whole("ollama", body) == streamed("ollama", [body]) == F1


def test_an_emoji_that_is_cut_into_two_escapes_is_put_together() -> None:
    pieces = [
        rb'{"choices":[{"index":0,"delta":{"content":"ok \ud83d"}}]}',
        rb'{"choices":[{"index":0,"delta":{"content":"\ude00!"}}]}',
        rb'{"choices":[{"index":0,"delta":{"content":" \ud83d"}}]}',
        b'{"choices":[{"index":0,"delta":{"content":" no"}}]}',
    ]
    assert streamed("openai", [*pieces, STOPPED]) == Is("ok 😀! \ufffd no")
    assert whole("openai", message("half \ud83d")) == Is("half \ufffd")


def test_the_context_of_llama_cpp_in_a_200_keeps_its_fields() -> None:
    error = {"code": 400, "type": "context_length_exceeded", "message": "too long", "n_ctx": 8192}
    assert isinstance(whole("openai", {"error": error}), ContextTooLarge)
