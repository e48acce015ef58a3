"""Values of a type: asked for, extracted, asked for again, and what is told when there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    ExtractionFailed,
    JsonMode,
    JsonSchema,
    KeySettings,
    LLMConfig,
    LLMResponse,
    ModelSettings,
    ResponseTruncated,
    SchemaMismatch,
    Secret,
    generate,
    provide,
    query_with_schema,
    replacing,
    run,
)
from llm_manager.domain.events import Reasked
from llm_manager.operations.schema import wanted_of
from llm_manager.testing import Line, ScriptedProvider, VirtualClock, scripted
from tests.operations.asking import ASK, BUSY, ONCE, Listener, only, received
from tests.paid import paid

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Mood:
    mood: str
    score: int


GOOD = '{"mood": "calm", "score": 4}'


async def test_a_value_of_a_type_comes_out_of_the_answer() -> None:
    layer = scripted({"gpt": [f"Sure:\n```json\n{GOOD}\n```"]})
    assert await provide(query_with_schema(ASK, Mood), layer) == Success(Mood("calm", 4))


async def test_an_answer_that_does_not_fit_is_sent_back_with_its_problems() -> None:
    listener = Listener()
    layer = scripted({"gpt": ['{"mood": "calm", "score": "high"}', "no json", GOOD]}, observer=listener)
    async with layer as context:
        assert await run(query_with_schema(ASK, Mood), context) == Success(Mood("calm", 4))
        last = received(context.providers["custom"])[-1].request
    assert [message.role for message in last.messages] == ["user", "assistant", "user", "assistant"]
    assert last.messages[0].content == ASK.prompt
    assert "score" in str(last.messages[2].content)
    assert [event.round for event in listener.events if isinstance(event, Reasked)] == [1, 2]


async def test_after_the_last_round_the_failure_says_what_did_not_fit() -> None:
    bad: list[Line] = ['{"mood": 5}', '{"mood": 6}']
    error = (await provide(query_with_schema(ASK, Mood, max_reasks=1), scripted({"gpt": bad}))).failure()
    assert isinstance(error, SchemaMismatch)
    assert error.response == '{"mood": 6}'
    nothing = (await provide(query_with_schema(ASK, Mood, max_reasks=0), scripted({"gpt": ["prose"]}))).failure()
    assert isinstance(nothing, ExtractionFailed)


async def test_a_truncated_answer_is_never_asked_again() -> None:
    cut = LLMResponse(content='{"mood": "ca', model="gpt", finish_reason="length")
    error = (await provide(query_with_schema(ASK, Mood), scripted({"gpt": [cut, GOOD]}))).failure()
    asked = replace(ASK, response_format=wanted_of(Mood).format)
    assert error == paid(ResponseTruncated('{"mood": "ca'), '{"mood": "ca', asked, is_whole=True)
    exact = LLMResponse(content=GOOD, model="gpt", finish_reason="length")
    assert await provide(query_with_schema(ASK, Mood), scripted({"gpt": [exact]})) == Success(Mood("calm", 4))


async def test_an_answer_that_may_be_a_part_is_a_value_only_if_it_is_whole_json() -> None:
    part = LLMResponse(content='{"mood": "calm", "score": 4', model="gpt", finish_reason="unknown")
    error = (await provide(query_with_schema(ASK, Mood, max_reasks=0), scripted({"gpt": [part]}))).failure()
    assert isinstance(error, ExtractionFailed)
    assert await provide(query_with_schema(ASK, Mood), scripted({"gpt": [part, GOOD]})) == Success(Mood("calm", 4))
    whole = LLMResponse(content=GOOD, model="gpt", finish_reason="unknown")
    assert await provide(query_with_schema(ASK, Mood), scripted({"gpt": [whole]})) == Success(Mood("calm", 4))


async def test_a_refusal_is_not_asked_again() -> None:
    refusal = LLMResponse(content="I cannot.", model="gpt", finish_reason="refusal")
    error = (await provide(query_with_schema(ASK, Mood), scripted({"gpt": [refusal, GOOD]}))).failure()
    assert isinstance(error, ExtractionFailed)


async def test_a_schema_that_is_no_object_is_asked_for_under_one() -> None:
    for text in ('{"value": [1, 2]}', "[1, 2]", "here: [1, 2]"):
        assert await provide(query_with_schema(ASK, list[int]), scripted({"gpt": [text]})) == Success([1, 2])
    cut = LLMResponse(content='{"value": [1]}', model="gpt", finish_reason="length")
    assert await provide(query_with_schema(ASK, list[int]), scripted({"gpt": [cut]})) == Success([1])


async def test_each_model_is_held_to_the_schema_by_what_it_has() -> None:
    formats = {"json_schema": JsonSchema, "json_mode": JsonMode}
    for capability, expected in formats.items():
        config = LLMConfig(models={"gpt": ModelSettings(capabilities=frozenset({capability}))})  # type: ignore[arg-type]
        async with scripted({"gpt": [GOOD]}, config=config) as context:
            await run(query_with_schema(ASK, Mood), context)
            assert isinstance(received(context.providers["custom"])[0].request.response_format, expected)


async def test_a_failure_of_the_model_is_the_failure_of_the_query() -> None:
    assert await provide(query_with_schema(only("gpt"), Mood), scripted({"gpt": [BUSY]}, config=ONCE)) == Failure(BUSY)


async def test_the_ledger_says_in_which_form_a_schema_was_put() -> None:
    """A native form that refuses a keyword gives way to the next one: a tool, where a tool can be forced."""
    keys = KeySettings(providers={"anthropic": (Secret("a" * 20),)})
    lines: list[Line] = ['{"x": 7}', '{"x": 7}']
    models = ("claude-haiku-5-5", "claude-sonnet-5-5")
    claude = {"anthropic": ScriptedProvider(dict.fromkeys(models, lines), VirtualClock())}
    layer = scripted({}, config=LLMConfig(keys=keys)) | replacing(providers=claude)
    forms: list[str | None] = []
    async with layer as context:
        for model, bound in [(model, bound) for model in models for bound in ({}, {"minimum": 1})]:
            schema = {
                "type": "object",
                "properties": {"x": {"type": "integer", **bound}},
                "required": ["x"],
                "additionalProperties": False,
            }
            asked = replace(only(model), response_format=JsonSchema(schema=schema))
            response = (await run(generate(asked), context)).unwrap()
            forms += [attempt.schema_mode for attempt in response.metadata.attempts]
    assert forms == ["json_schema", "tool", "json_schema", "prompt"]
