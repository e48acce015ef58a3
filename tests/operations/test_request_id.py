"""An invalid request says which one it was: by the name that logs and a gateway know it by."""

from __future__ import annotations

from typing import Any

import pytest
from returns.result import Failure

from llm_manager import (
    AllModelsFailed,
    Batch,
    Context,
    InvalidRequest,
    LLMError,
    LLMRequest,
    LLMResponse,
    Op,
    Preferences,
    Problem,
    ServerError,
    batch,
    continue_conversation,
    describe,
    from_json,
    generate,
    generate_stream,
    listening,
    memory_journal,
    parse_request,
    provide,
    query_multiple,
    query_with_schema,
    route_request,
    run,
    start_conversation,
    to_json,
)
from llm_manager.domain.events import Event, RequestFinished, RequestStarted
from llm_manager.domain.request_id import with_request_id
from llm_manager.testing import scripted

pytestmark = pytest.mark.anyio

WRONG = LLMRequest(prompt="hi", preferences=Preferences(temperature=-1.0))
REFUSED = InvalidRequest((Problem("", "no such field"),), "gpt refused it")


class Heard:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)

    @property
    def traces(self) -> set[str | None]:
        return {each.run.trace_id for each in self.events if isinstance(each, RequestStarted) and each.run}

    @property
    def told(self) -> list[str | None]:
        answers = [each.answer for each in self.events if isinstance(each, RequestFinished)]
        return [each.request_id for each in answers if isinstance(each, InvalidRequest)]


def named(error: object) -> str | None:
    assert isinstance(error, InvalidRequest)
    return error.request_id


@pytest.mark.parametrize(
    "op",
    [
        generate(WRONG),
        route_request(WRONG),
        generate_stream(WRONG),
        query_with_schema(WRONG, int),
        generate(LLMRequest(prompt="hi")),  # refused by its model
        generate_stream(LLMRequest(prompt="hi")),
    ],
)
async def test_an_invalid_request_is_named_as_its_run_is(op: Op[object]) -> None:
    heard = Heard()
    outcome = await provide(op, scripted({"gpt": [REFUSED]}) | listening(heard))
    name = named(outcome.failure())
    assert (heard.traces, heard.told) == ({name}, [name])


async def rows_of(rows: Batch[LLMResponse], context: Context) -> list[str | None]:
    told = (await run(rows.collect(), context)).unwrap()
    return [named(each.failure()) for _, each in told if isinstance(each, Failure)]


async def test_each_row_of_a_batch_is_named_as_itself() -> None:
    rows = [WRONG, LLMRequest(prompt="fine"), LLMRequest()]
    for asked in (batch(rows), batch(rows, journal=memory_journal({}))):
        heard = Heard()
        async with scripted({"gpt": ["ok"]}) | listening(heard) as context:
            names = await rows_of(asked, context)
        assert len(set(names)) == 2
        assert set(names) < heard.traces


async def test_a_turn_of_a_conversation_that_says_nothing_is_named() -> None:
    async with scripted({"gpt": []}) as context:
        id_ = (await run(start_conversation("Be brief."), context)).unwrap()
        outcome = await run(continue_conversation(id_, " "), context)
    assert named(outcome.failure()) is not None


async def test_what_several_models_refused_is_named_once() -> None:
    both = AllModelsFailed((("claude", ServerError("claude", 500)), ("gpt", REFUSED)))
    told = with_request_id(with_request_id(both, "0c5d1a"), "other")
    assert isinstance(told, AllModelsFailed)
    assert (told, named(told.failures[1][1])) == (both, "0c5d1a")


async def test_the_name_is_that_of_the_one_run_when_several_models_are_asked_for_an_answer_each() -> None:
    heard = Heard()
    async with scripted({"gpt": [], "claude": []}) | listening(heard) as context:
        outcomes = (await run(query_multiple(WRONG, ["gpt", "claude"]), context)).unwrap()
    assert {named(each.failure()) for each in outcomes} == heard.traces


async def test_the_name_is_said_is_kept_in_json_and_is_no_part_of_what_is_wrong() -> None:
    told = InvalidRequest((Problem("prompt", "is empty"),), request_id="0c5d1a")
    assert describe(told) == "the request is invalid: prompt: is empty (request 0c5d1a)"
    kind: Any = LLMError
    assert named(from_json(kind, to_json(told)).unwrap()) == "0c5d1a"
    assert told == InvalidRequest((Problem("prompt", "is empty"),))


async def test_a_request_that_never_ran_has_no_name() -> None:
    assert named(parse_request({"prompt": 7}).failure()) is None
