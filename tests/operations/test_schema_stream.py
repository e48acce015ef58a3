"""Values that grow: what is shown of them, and what they end in."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TypeVar

import pytest
from returns.result import Failure, Success

from llm_manager import (
    Context,
    FinalValue,
    JsonSchema,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    ModelUnavailable,
    Outcome,
    PartialValue,
    ResponseTruncated,
    SchemaEvent,
    SchemaMismatch,
    SchemaStream,
    StreamBroken,
    StreamFailed,
    ToolCall,
    collect,
    run,
    stream_with_schema,
)
from llm_manager.operations.schema import wanted_of
from llm_manager.testing import Line, Pieces, scripted
from tests.paid import paid

pytestmark = pytest.mark.anyio

T = TypeVar("T")

ASK = LLMRequest(prompt="which city?")


@dataclass(frozen=True)
class City:
    name: str
    districts: list[str]


VIENNA = json.dumps({"name": "Vienna", "districts": ["Wieden", "Hietzing"]})
PIECES = Pieces([VIENNA[start : start + 12] for start in range(0, len(VIENNA), 12)])


async def events_of(line: Line, config: LLMConfig | None = None) -> list[SchemaEvent[City]]:
    async with scripted({"gpt": [line]}, config=config) as context, await opened(context, City) as stream:
        return [event async for event in stream]


async def opened(context: Context, schema: type[T]) -> SchemaStream[T]:
    return (await run(stream_with_schema(ASK, schema), context)).unwrap()


async def collected(line: Line) -> Outcome[City, LLMError]:
    async with scripted({"gpt": [line]}) as context:
        return await collect(await opened(context, City))


async def test_a_value_is_seen_growing_and_is_of_its_type_at_the_end() -> None:
    *growing, last = await events_of(PIECES)
    assert growing == [
        PartialValue({"name": "Vi"}),
        PartialValue({"name": "Vienna"}),
        PartialValue({"name": "Vienna", "districts": ["Wi"]}),
        PartialValue({"name": "Vienna", "districts": ["Wieden", "Hiet"]}),
        PartialValue({"name": "Vienna", "districts": ["Wieden", "Hietzing"]}),
    ]
    assert isinstance(last, FinalValue)
    assert last.value == City("Vienna", ["Wieden", "Hietzing"])
    assert last.response.content == VIENNA


async def test_a_value_that_is_no_object_grows_alike_with_and_without_the_object_put_around_it() -> None:
    for text in ('{"value": ["a", "b"]}', '["a", "b"]'):
        layer = scripted({"gpt": [Pieces([text[:12], text[12:]])]})
        async with layer as context, await opened(context, list[str]) as stream:
            *growing, last = [event async for event in stream]
        assert growing[-1] == PartialValue(["a", "b"])
        assert isinstance(last, FinalValue)
        assert last.value == ["a", "b"]


async def test_the_arguments_of_a_tool_grow_too() -> None:
    config = LLMConfig(models={"gpt": ModelSettings(capabilities=frozenset({"tools"}))})
    called = LLMResponse(
        content="", model="gpt", tool_calls=(ToolCall(id="c", name="answer", arguments=VIENNA),), finish_reason="stop"
    )
    *growing, last = await events_of(called, config)
    assert growing == [PartialValue({"name": "Vienna", "districts": ["Wieden", "Hietzing"]})]
    assert isinstance(last, FinalValue)


async def test_what_does_not_fit_is_the_end_with_its_problems_and_its_text() -> None:
    *_, last = await events_of('{"name": "Vienna"}')
    assert isinstance(last, StreamFailed)
    assert isinstance(last.error, SchemaMismatch)
    assert [problem.path for problem in last.error.problems] == ["districts"]
    assert last.partial == '{"name": "Vienna"}'


async def test_an_answer_cut_off_at_its_limit_is_truncated() -> None:
    cut = LLMResponse(content='{"name": "Vie', model="gpt", finish_reason="length")
    assert isinstance((await collected(cut)).failure(), ResponseTruncated)


async def test_a_stream_that_breaks_fails_with_what_had_come() -> None:
    broken = StreamBroken("gpt")
    *growing, last = await events_of(Pieces(['{"name": "Vie'], broken))
    assert growing == [PartialValue({"name": "Vie"})]
    asked = replace(ASK, response_format=wanted_of(City).format)
    failed = paid(replace(broken, partial='{"name": "Vie'), '{"name": "Vie', asked)
    assert last == StreamFailed(failed, '{"name": "Vie')


async def test_a_value_is_collected() -> None:
    assert await collected(PIECES) == Success(City("Vienna", ["Wieden", "Hietzing"]))


async def test_a_stream_that_does_not_begin_is_the_failure_of_the_operation() -> None:
    gone = ModelUnavailable("gpt")
    async with scripted({"gpt": [gone]}) as context:
        assert await run(stream_with_schema(ASK, City), context) == Failure(gone)


async def test_a_value_that_was_left_cannot_be_collected() -> None:
    async with scripted({"gpt": [PIECES]}) as context:
        async with await opened(context, City) as stream:
            await anext(stream)
        assert stream.ended is None
        assert isinstance((await collect(stream)).failure(), StreamBroken)


async def test_the_model_is_held_to_the_schema() -> None:
    asked: list[LLMRequest] = []

    def note(request: LLMRequest) -> Line:
        asked.append(request)
        return VIENNA

    async with scripted({"gpt": [note]}) as context:
        await collect(await opened(context, City))
    [request] = asked
    assert isinstance(request.response_format, JsonSchema)
    assert set(request.response_format.schema["properties"]) == {"name", "districts"}
