"""Records as JSON and back, and requests from data."""

from __future__ import annotations

from typing import Any

import pytest
from returns.result import Success

from llm_manager import (
    AllModelsFailed,
    Attempt,
    ComputedCost,
    ConversationConflict,
    ConversationContext,
    ConversationUsage,
    ImagePart,
    InvalidRequest,
    JsonMode,
    JsonSchema,
    LLMError,
    LLMRequest,
    LLMResponse,
    Message,
    NamedTool,
    PlannedTarget,
    Preferences,
    Problem,
    ReasoningDelta,
    ReportedCost,
    ResponseMetadata,
    RoutePlan,
    ServerError,
    StoredMessage,
    StreamBroken,
    StreamEvent,
    StreamFailed,
    StreamFinished,
    StreamResumed,
    TextDelta,
    TextPart,
    Tool,
    ToolCall,
    ToolCallDelta,
    Usage,
    from_json,
    parse_request,
    to_json,
)

FULL = LLMRequest(
    prompt="x",
    messages=(
        Message(role="user", content=(TextPart("a"), ImagePart(data=b"\x00\xff", media_type="image/png"))),
        Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments="{}"),)),
        Message(role="tool", content="ok", tool_call_id="1"),
    ),
    tool_choice=NamedTool("f"),
    tools=(Tool(name="f", parameters={"type": "object"}),),
    response_format=JsonSchema(schema={"type": "object"}),
    preferences=Preferences(temperature=0, stop=("a",)),
    context={"deep": [1, {"a": None}]},
    deadline_s=5.0,
)

LINE = Attempt(model="m", provider="p", usage=Usage(cost=ReportedCost(1.0)))

VALUES: list[tuple[Any, object]] = [
    (LLMRequest, FULL),
    (LLMRequest, LLMRequest(prompt="x", response_format=JsonMode())),
    (
        LLMResponse,
        LLMResponse(
            content="x",
            model="m",
            usage=Usage(prompt_tokens=1, cost=ComputedCost(0.5)),
            metadata=ResponseMetadata(
                attempts=(Attempt(model="m", provider="p", usage=Usage(cost=ReportedCost(1.0))),)
            ),
        ),
    ),
    (LLMError, AllModelsFailed((("a", ServerError("a", 500)), ("b", InvalidRequest((Problem("x", "y"),)))))),
    (LLMError, ConversationConflict("a", response=LLMResponse(content="x", model="m"))),
    (
        ConversationContext,
        ConversationContext(
            id="a",
            messages=(
                StoredMessage(role="user", content=(TextPart("x"), ImagePart(data=b"\xff")), timestamp=1.5, version=1),
                StoredMessage(
                    role="assistant",
                    tool_calls=(ToolCall(id="1", name="f", arguments="{}", signature="s"),),
                    timestamp=2.5,
                    version=1,
                ),
                StoredMessage(role="tool", content="y", tool_call_id="1", timestamp=3.0, version=2),
            ),
            metadata={"deep": [1, None, {"a": 1.5}]},
            created_at=1.5,
            updated_at=3.0,
            version=2,
            usage=ConversationUsage(prompt_tokens=3, completion_tokens=1, cost_usd=0.5, unpriced_turns=1),
            budget_usd=2.5,
            model="m",
        ),
    ),
    (
        RoutePlan,
        RoutePlan(
            targets=(PlannedTarget(model="m", provider="p", why="w", skipped=ServerError("m", 500)),),
            worst_attempts=1,
            worst_cost_usd=None,
            worst_latency_s=1.0,
        ),
    ),
]


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_what_is_written_is_read_back_the_same(kind: Any, value: object) -> None:
    assert from_json(kind, to_json(value)).unwrap() == value


def test_text_that_holds_no_such_record_is_told_with_every_path() -> None:
    error = from_json(LLMResponse, '{"content": 5}').failure()
    assert [problem.path for problem in error.problems] == ["content", "model"]
    assert from_json(LLMError, '{"tag": "NoSuchError"}').failure().problems
    assert from_json(LLMRequest, "no json").failure().problems


def test_a_request_is_read_from_plain_data() -> None:
    mapping = {
        "messages": [
            {"role": "user", "content": [{"text": "look"}, {"url": "https://x/y.png"}]},
            {"role": "user", "content": [{"data": "AP8=", "media_type": "image/png"}]},
        ],
        "preferences": {"temperature": 0, "max_tokens": 5},
        "tool_choice": "none",
    }
    request = parse_request(mapping).unwrap()
    assert request.messages[0].content == (TextPart("look"), ImagePart(url="https://x/y.png"))
    assert request.messages[1].content == (ImagePart(data=b"\x00\xff", media_type="image/png"),)
    assert request.preferences.temperature == 0


def tool(**schema: object) -> dict[str, object]:
    return {"prompt": "x", "tools": [{"name": "a", "parameters": {"type": "object", **schema}}]}


@pytest.mark.parametrize(
    ("mapping", "paths"),
    [
        ({}, ["prompt"]),
        ({"prompt": " "}, ["prompt"]),
        ({"prompt": 5, "tools": [{"nme": 1}]}, ["tools.0.nme", "prompt", "tools.0.name"]),
        (
            {"prompt": "x", "preferences": {"temperature": 9, "modl": "x"}},
            ["preferences.modl", "preferences.temperature"],
        ),
        ({"prompt": "x", "preferences": {"temperature": float("nan")}}, ["preferences.temperature"]),
        (
            {"prompt": "x", "preferences": {"max_tokens": -1, "top_p": 0}},
            ["preferences.top_p", "preferences.max_tokens"],
        ),
        ({"prompt": "x", "preferences": {"model": "a\nb", "stop": [""]}}, ["preferences.model", "preferences.stop"]),
        ({"prompt": "x", "deadline_s": 0}, ["deadline_s"]),
        ({"messages": [{"role": "usr", "content": "x"}]}, ["messages.0.role"]),
        ({"messages": [{"role": "tool", "content": "x"}]}, ["messages.0.tool_call_id"]),
        ({"messages": [{"role": "user", "content": [{"url": "ftp://x"}]}]}, ["messages.0.content.0.url"]),
        ({"prompt": "x", "tool_choice": {"name": "f"}}, ["tool_choice.name"]),
        ({"prompt": "x", "tool_choice": "required"}, ["tool_choice"]),
        ({"prompt": "x", "tools": [{"name": ""}, {"name": "a"}, {"name": "a"}]}, ["tools.0.name", "tools.2.name"]),
        ({"prompt": "x", "tools": [{"name": "a", "parameters": {"type": "array"}}]}, ["tools.0.parameters"]),
        (tool(properties=7), ["tools.0.parameters.properties"]),
        (tool(properties={"x": "string"}), ["tools.0.parameters.properties.x"]),
        (tool(properties={"x": {}}, required="x"), ["tools.0.parameters.required"]),
        (tool(properties={"x": {}}, required=["x", "y"]), ["tools.0.parameters.required"]),
        ({"messages": [{"role": "tool", "content": "x", "tool_call_id": "c1"}]}, ["messages.0.tool_call_id"]),
        (
            {"messages": [{"role": "user", "content": [{"data": "AAAA", "media_type": "image/tiff"}]}]},
            ["messages.0.content.0.media_type"],
        ),
    ],
)
def test_every_problem_of_a_request_is_named_with_its_path(mapping: dict[str, object], paths: list[str]) -> None:
    assert [problem.path for problem in parse_request(mapping).failure().problems] == paths


def test_data_no_reader_could_follow_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"context": deep}
    assert parse_request(deep).failure().problems
    assert parse_request({(1, 2): 3}).failure().problems  # type: ignore[dict-item]  # what a careless caller may pass


def test_a_word_for_truncation_that_is_none_is_told_however_it_comes() -> None:
    from llm_manager.domain.request_problems import request_problems  # noqa: PLC0415

    careless: Any = "some"
    [problem] = request_problems(LLMRequest(prompt="x", truncation=careless))
    assert str(problem) == "truncation: is 'some': use one of disabled, auto"
    assert [each.path for each in parse_request({"prompt": "x", "truncation": "some"}).failure().problems] == [
        "truncation"
    ]
    assert parse_request({"prompt": "x", "truncation": "auto"}).unwrap().truncation == "auto"


def test_a_context_that_is_no_json_is_told_before_anything_is_sent() -> None:
    from llm_manager.domain.request_problems import request_problems  # noqa: PLC0415

    assert [each.path for each in request_problems(LLMRequest(prompt="x", context={"a": {1, 2}}))] == ["context.a"]
    calls = Message(role="user", tool_calls=(ToolCall(id="1", name="f", arguments=""),))
    parts = Message(role="user", content=(ImagePart(url="https://x", data=b""), ImagePart(data=b"x")))
    assert [each.path for each in request_problems(LLMRequest(messages=(calls, parts)))] == [
        "messages.0.tool_calls",
        "messages.1.content.0",
        "messages.1.content.0.media_type",
        "messages.1.content.1.media_type",
    ]
    shown = Message(role="system", content=(TextPart("Like this:"), ImagePart(url="https://x.example/a.png")))
    assert [each.path for each in request_problems(LLMRequest(messages=(shown,)))] == ["messages.0.content.1"]


@pytest.mark.parametrize(
    "event",
    [
        TextDelta("a"),
        ReasoningDelta("a"),
        ToolCallDelta(index=0, id="c", name="f", arguments="{"),
        StreamResumed("gpt"),
        StreamFinished(LLMResponse(content="a", model="gpt", tool_calls=(ToolCall(id="c", name="f", arguments="{}"),))),
        StreamFailed(StreamBroken("gpt", "a"), "a"),
    ],
)
def test_every_event_of_a_stream_comes_back_from_json_as_it_was(event: object) -> None:
    assert from_json(StreamEvent, to_json(event)) == Success(event)


def test_half_a_character_is_written_as_a_question_mark_and_nothing_is_raised() -> None:
    text = to_json(LLMResponse(content="half \ud83d and \u00fc", model="m"))
    assert from_json(LLMResponse, text) == Success(LLMResponse(content="half ? and \u00fc", model="m"))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"response_format": {"shcema": {}}}, "response_format.shcema: is unknown: did you mean schema?"),
        ({"response_format": {"tag": "JsonMode", "schema": {}}}, "response_format.schema: is unknown: use one of tag"),
        (
            {"tools": [{"name": "f"}], "tool_choice": {"name": "f", "nom": 1}},
            "tool_choice.nom: is unknown: use one of name",
        ),
        (
            {"messages": [{"role": "user", "content": [{"text": "a"}, {"url": "https://x/y.png", "txt": "b"}]}]},
            "messages.0.content.1.txt: is unknown: use one of url, data, media_type, tag",
        ),
    ],
)
def test_a_misspelt_name_in_a_choice_of_records_is_told(fields: dict[str, object], told: str) -> None:
    """It would be taken for the record that needs no field, and a schema would be lost without a word."""
    problems = parse_request({"prompt": "x", **fields}).failure().problems
    assert [str(problem) for problem in problems] == [told]


def test_records_of_a_choice_are_taken_as_they_are() -> None:
    read = parse_request({"prompt": "x", "response_format": {"schema": {"type": "object"}}}).unwrap()
    assert read.response_format == JsonSchema(schema={"type": "object"})
