"""Values of a type from a vendor's own batch: each answer read as one, and none that is not paid for twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from returns.result import Failure, Success

from llm_manager import (
    Context,
    LLMError,
    LLMRequest,
    Outcome,
    Preferences,
    UnsupportedCapability,
    batch,
    batch_at_vendor,
    memory_journal,
    run,
)
from llm_manager.domain.events import OptionsDropped
from llm_manager.testing.simulator import Reply, Say, Simulator

from .vendor_batches import ANTHROPIC, OPENAI, Kept, Listener, Vendor, context_for, told

pytestmark = pytest.mark.anyio

WISH = [LLMRequest(prompt=prompt) for prompt in ("red", "green", "blue")]
EVERY = pytest.mark.parametrize("vendor", [OPENAI, ANTHROPIC], ids=lambda vendor: vendor.name)


@dataclass(frozen=True)
class Colour:
    name: str
    warm: bool


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


async def values(context: Context, vendor: Vendor, kept: Kept | None = None) -> dict[int, Outcome[Colour, LLMError]]:
    journal = None if kept is None else memory_journal(kept)
    stream = batch_at_vendor(WISH, model=vendor.model, schema=Colour, journal=journal)
    async with stream.opened(context) as outcomes:
        return {index: outcome async for index, outcome in outcomes}


def told_as(found: dict[int, Outcome[Colour, LLMError]]) -> list[Colour | str]:
    return [each.failure().tag if isinstance(each, Failure) else each.unwrap() for _, each in sorted(found.items())]


RED, GREEN, BLUE = Colour("red", warm=True), Colour("green", warm=False), Colour("blue", warm=False)
ANSWERS: list[Reply] = [
    Say('{"name": "red", "warm": true}'),
    Say('Here you are: {"name": "green", "warm": "no"}'),
    Say('{"name": "blue"}'),
]


@EVERY
async def test_each_answer_is_a_value_or_says_why_it_is_none(vendor: Vendor, simulator: Simulator) -> None:
    simulator.script(vendor.model, [*ANSWERS[:2], Say('{"name": "bl', finish="length")])
    async with context_for(vendor, simulator) as context:
        assert told_as(await values(context, vendor)) == [RED, GREEN, "ResponseTruncated"]


async def test_the_schema_goes_with_each_request(simulator: Simulator) -> None:
    simulator.script(OPENAI.model, ANSWERS)
    async with context_for(OPENAI, simulator) as context:
        await values(context, OPENAI)
    [batch_] = simulator.room.batches.values()
    assert all("json_schema" in str(request) for _, request in batch_.requests)


@EVERY
async def test_an_option_that_the_model_refuses_is_not_handed_in_and_told(vendor: Vendor, simulator: Simulator) -> None:
    asked = [LLMRequest(prompt="red", preferences=Preferences(temperature=0.7, max_tokens=9))]
    listener = Listener()
    async with context_for(vendor, simulator, listener=listener) as context:
        [answer] = (await told(context, vendor, asked)).values()
    [batch_] = simulator.room.batches.values()
    assert "temperature" not in str(batch_.requests)
    assert [line.dropped for line in answer.unwrap().metadata.attempts] == [("temperature",)]
    assert [event.dropped for event in listener.events if isinstance(event, OptionsDropped)] == [("temperature",)]


@EVERY
async def test_a_strict_request_is_refused_before_it_is_handed_in(vendor: Vendor, simulator: Simulator) -> None:
    asked = [LLMRequest(prompt="red", preferences=Preferences(temperature=0.7, unsupported="refuse"))]
    async with context_for(vendor, simulator) as context:
        [answer] = (await told(context, vendor, asked)).values()
    refusal = UnsupportedCapability(vendor.model, "temperature", f"{vendor.name} refuses temperature")
    assert (answer.failure(), simulator.received) == (refusal, [])


@EVERY
async def test_the_next_run_asks_again_only_what_did_not_fit(vendor: Vendor, simulator: Simulator) -> None:
    simulator.script(vendor.model, [*ANSWERS, Say('{"name": "blue", "warm": false}')])
    kept: Kept = {}
    async with context_for(vendor, simulator) as context:
        first = await values(context, vendor, kept)
        second = await values(context, vendor, kept)
        third = await values(context, vendor, kept)
    assert (told_as(first), told_as(second)) == ([RED, GREEN, "SchemaMismatch"], [RED, GREEN, BLUE])
    assert third == second
    assert [len(each.requests) for each in simulator.room.batches.values()] == [3, 1]


async def test_a_value_is_no_response_and_a_response_no_value_in_a_journal_of_both(simulator: Simulator) -> None:
    simulator.script(OPENAI.model, [Say('{"name": "red", "warm": true}')] * 9)
    kept: Kept = {}
    async with context_for(OPENAI, simulator) as context:
        await values(context, OPENAI, kept)
        responses = await told(context, OPENAI, WISH, kept=kept)
        one_by_one = batch(WISH[:1], schema=dict[str, object], journal=memory_journal(kept))
        outcomes = (await run(one_by_one.collect(), context)).unwrap()
    assert {each.unwrap().content for each in responses.values()} == {'{"name": "red", "warm": true}'}
    assert [outcome for _, outcome in outcomes] == [Success({"name": "red", "warm": True})]
