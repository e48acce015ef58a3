"""How answers end, as servers were seen to say it: for a reason, with an error in some envelope, or with neither."""

from __future__ import annotations

import json

import pytest

from llm_manager.adapters.dialects import openai
from llm_manager.adapters.dialects.dialect import ErrorEvent
from llm_manager.domain.errors import (
    LLMError,
    MalformedResponse,
    QuotaExhausted,
    RateLimitExceeded,
    ServerError,
    StreamBroken,
)
from tests.adapters.readers import (
    DONE,
    F1,
    STOPPED,
    F,
    Fields,
    Is,
    call,
    calls,
    chunk,
    is_of,
    message,
    streamed,
    target,
    whole,
)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(message("Blue.", refusal=""), Is("Blue."), id="an empty refusal"),
        pytest.param(message(None, "length", reasoning_content="hm"), Is("", (), "length", "hm"), id="cut in thought"),
        pytest.param(message("Blu", "max_tokens"), Is("Blu", (), "length"), id="another's word for length"),
        pytest.param(message("Blue.", "END_TURN"), Is("Blue."), id="another's word for stop"),
        pytest.param(message("Blue.", "tired"), Is("Blue.", (), "unknown"), id="a word that nobody knows"),
        pytest.param(message("Blue.", None), Is("Blue.", (), "unknown"), id="no word"),
        pytest.param(
            message(
                [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "Blue."}]
            ),
            Is("Blue.", reasoning="hm"),
            id="thoughts in parts",
        ),
        pytest.param(message({"type": "text", "text": "Blue."}), Is("Blue."), id="one part"),
        pytest.param(message(None, tool_calls=[call(None, "a", "f", {"a": 1})]), F1, id="arguments as an object"),
        pytest.param(
            message("Blu", "error"),
            MalformedResponse("m", "unfinished", "it ended with error", partial="Blu"),
            id="error",
        ),
        pytest.param(
            message("Blu", "insufficient_system_resource"),
            MalformedResponse("m", "unfinished", "it ended with insufficient_system_resource", partial="Blu"),
            id="no resources",
        ),
        pytest.param(
            message("Blu", "overloaded_error"),
            ServerError("m", 529, "the answer ended with overloaded_error"),
            id="the name of an error",
        ),
        pytest.param(
            message("I will look.", "tool_calls"),
            MalformedResponse("m", "unfinished", "it ended to call a tool, and names none", partial="I will look."),
            id="a call that is not there",
        ),
        pytest.param(message("", "stop"), MalformedResponse("m", "empty", "neither text nor a tool call"), id="empty"),
    ],
)
def test_a_message_is_what_it_says_and_ends_as_it_says(body: Fields, found: Is | LLMError) -> None:
    assert whole("openai", body) == found


BUSY = ServerError("m", 503, "busy")


@pytest.mark.parametrize(
    ("name", "envelope", "error"),
    [
        ("openai", {"object": "error", "message": "busy", "type": "x", "code": 503}, BUSY),
        ("openai", {"object": "error", "message": "busy", "code": "503"}, BUSY),
        ("openai", {"error": "busy", "error_type": "overloaded_error"}, ServerError("m", 529, "busy")),
        ("openai", {"error_type": "overloaded_error", "error_message": "busy"}, ServerError("m", 529, "busy")),
        ("openai", {"choices": None, "error": {"message": "busy", "code": 503}}, BUSY),
        ("openai", {"choices": [], "error": {"message": "pay", "code": 402}}, QuotaExhausted("m", "pay")),
        ("openai", {"error": {"message": "slow", "type": None, "code": "429"}}, RateLimitExceeded("m", None, "slow")),
        ("openai", {"detail": "busy"}, ServerError("m", 500, "busy")),
        ("openai", {"detail": [{"msg": "busy", "loc": ["body"]}]}, ServerError("m", 500, "busy")),
        ("openai", {"code": 503, "message": "busy"}, BUSY),
        ("openai", {"error": [{"message": "busy", "code": 503}]}, BUSY),
        ("anthropic", {"error": {"type": "overloaded_error", "message": "busy"}}, ServerError("m", 529, "busy")),
        (
            "anthropic",
            {"type": "error", "error": {"type": "api_error", "message": "busy"}},
            ServerError("m", 500, "busy"),
        ),
        ("gemini", {"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}}, BUSY),
        ("ollama", {"error": "busy"}, ServerError("m", 500, "busy")),
    ],
)
def test_an_error_is_found_in_every_envelope_whole_and_in_a_stream(
    name: str, envelope: Fields, error: LLMError
) -> None:
    assert whole(name, envelope) == error
    assert streamed(name, [envelope]) == error


@pytest.mark.parametrize(
    ("name", "piece", "error"),
    [
        (
            "openai",
            chunk({"content": ""}, "error", error={"code": 502, "message": "gone"}),
            ServerError("m", 502, "gone"),
        ),
        ("groq", {**chunk(), "x_groq": {"id": "r", "error": "over capacity"}}, ServerError("m", 500, "over capacity")),
        ("openai", ErrorEvent(b'{"code":500,"details":"it broke"}'), ServerError("m", 500, "it broke")),
        ("openai", ErrorEvent(b"it broke"), ServerError("m", 500, "it broke")),
    ],
)
def test_an_error_beside_a_piece_is_the_end_of_the_stream(name: str, piece: Fields | bytes, error: LLMError) -> None:
    assert streamed(name, [chunk({"content": "Half"}), piece, DONE]) == error


@pytest.mark.parametrize(
    "error",
    [None, "", False, {}, [], {"message": None, "code": None}],
    ids=["null", "blank", "false", "{}", "[]", "nulls"],
)
def test_a_server_that_fills_in_every_field_tells_no_error(error: object) -> None:
    assert whole("openai", {**message("Blue."), "error": error}) == Is("Blue.")
    assert streamed("openai", [{**chunk({"content": "Blue."}), "error": error}, STOPPED, DONE]) == Is("Blue.")


USAGE: Fields = {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7}}
HALF = chunk({"content": "Half"})
BROKEN = StreamBroken("m", "Half", "the stream ended before the answer did")


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        pytest.param([HALF, DONE], BROKEN, id="nothing says why"),
        pytest.param([chunk({"content": "Half"}, ""), DONE], BROKEN, id="a blank reason"),
        pytest.param([HALF, USAGE, DONE], Is("Half", (), "unknown"), id="its usage was told"),
        pytest.param([message("Half", None), DONE], Is("Half", (), "unknown"), id="it came as a message"),
        pytest.param([chunk({"content": '{"a":1}'}), DONE], Is('{"a":1}', (), "unknown"), id="it is whole JSON"),
        pytest.param(
            [calls(call(0, "a", "f", '{"a":1}')), DONE], Is(calls=(F,), finish="unknown"), id="a call at once"
        ),
        pytest.param(
            [calls(call(0, "a", "f", "")), calls(call(0, None, None, '{"a":1}')), DONE],
            StreamBroken("m", "", "the stream ended before the answer did"),
            id="a call in pieces",
        ),
        pytest.param([STOPPED, HALF, DONE], Is("Half"), id="a reason before the text"),
        pytest.param([STOPPED, HALF], BROKEN, id="a reason before the text, and no end"),
    ],
)
def test_an_answer_without_a_reason_is_whole_where_something_else_says_so(
    pieces: list[Fields | bytes], found: Is | LLMError
) -> None:
    assert streamed("openai", pieces) == found


def test_an_answer_of_no_tokens_has_no_usage() -> None:
    body = json.dumps({**message("Blue."), "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}})
    usage = openai.DIALECT.read_answer(200, {}, body.encode(), target("openai")).unwrap().usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (None, None, None)


def test_an_answer_that_was_created_is_one() -> None:
    read = openai.DIALECT.read_answer(201, {}, json.dumps(message("Blue.")).encode(), target("openai"))
    assert is_of(read) == Is("Blue.")
