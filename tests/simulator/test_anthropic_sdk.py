"""Anthropic's own SDK as a client of the simulator: what it accepts is the vendor's wire and not our idea of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam
from pydantic import BaseModel

from llm_manager.testing.simulator import CallTools, Fault, Say, Simulator, Status

pytestmark = pytest.mark.anyio

MODEL = "claude-sonnet-5-5"
ASK: list[MessageParam] = [{"role": "user", "content": "Why is the sky blue?"}]
LOOK: ToolParam = {
    "name": "look",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
}


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The SDK works on asyncio alone."""
    return str(request.param)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


def client(simulator: Simulator) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(
        base_url=simulator.url,
        api_key="sk-ant-x",
        max_retries=0,
        default_headers={"anthropic-version": "2023-06-01"},
    )


async def test_a_text_answer_is_typed_and_counted(simulator: Simulator) -> None:
    simulator.script(MODEL, [Say("It scatters.", cached_tokens=4, reasoning_tokens=5, reasoning="Rayleigh.")])
    async with client(simulator) as sdk:
        answer = await sdk.messages.create(model=MODEL, messages=ASK, max_tokens=100, system="Be brief.")
    thought, said = answer.content
    assert (thought.type, said.type) == ("thinking", "text")
    assert said.type == "text"
    assert said.text == "It scatters."
    assert answer.stop_reason == "end_turn"
    used = answer.usage
    assert (used.input_tokens, used.cache_read_input_tokens, used.output_tokens) == (7, 4, 22)
    assert used.output_tokens_details is not None
    assert used.output_tokens_details.thinking_tokens == 5


async def test_a_stream_is_put_together_by_the_sdk(simulator: Simulator) -> None:
    simulator.script(MODEL, [Say("It scatters a lot.", reasoning="Rayleigh, I think.")])
    async with (
        client(simulator) as sdk,
        sdk.messages.stream(model=MODEL, messages=ASK, max_tokens=100) as stream,
    ):
        texts = [text async for text in stream.text_stream]
        final = await stream.get_final_message()
    assert texts == ["It ", "scatters ", "a ", "lot."]
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert (final.usage.input_tokens, final.usage.output_tokens) == (11, 22)


async def test_tool_calls_are_typed_at_once_and_put_together_from_a_stream(simulator: Simulator) -> None:
    twice = CallTools([("look", {"at": "the northern sky"}), ("look", {"at": "sea"})])
    simulator.script(MODEL, [twice, twice])
    async with client(simulator) as sdk:
        answer = await sdk.messages.create(model=MODEL, messages=ASK, max_tokens=100, tools=[LOOK])
        async with sdk.messages.stream(model=MODEL, messages=ASK, max_tokens=100, tools=[LOOK]) as stream:
            final = await stream.get_final_message()
    for message in (answer, final):
        assert message.stop_reason == "tool_use"
        assert [(block.name, block.input) for block in message.content if block.type == "tool_use"] == [
            ("look", {"at": "the northern sky"}),
            ("look", {"at": "sea"}),
        ]


async def test_the_results_of_tools_and_images_are_understood(simulator: Simulator) -> None:
    turns: list[MessageParam] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Where is this?"},
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                },
            ],
        },
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "sky"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "blue"}]},
    ]
    async with client(simulator) as sdk:
        answer = await sdk.messages.create(model=MODEL, messages=turns, max_tokens=100, tools=[LOOK])
        with pytest.raises(anthropic.BadRequestError, match="unexpected `tool_use_id`"):
            await sdk.messages.create(model=MODEL, messages=turns[2:], max_tokens=100)
    assert answer.content[0].type == "text"


class City(BaseModel):
    name: str
    districts: list[str]


async def test_a_schema_is_held_to(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        answer = await sdk.messages.parse(model=MODEL, messages=ASK, max_tokens=100, output_format=City)
    assert answer.parsed_output == City(name="sample", districts=["sample"])


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.OverloadedError),
    ],
)
async def test_each_status_is_the_sdks_own_error(
    simulator: Simulator, status: int, error: type[anthropic.APIStatusError]
) -> None:
    simulator.script(MODEL, [Status(status)])
    async with client(simulator) as sdk:
        with pytest.raises(error) as caught:
            await sdk.messages.create(model=MODEL, messages=ASK, max_tokens=100)
    assert caught.value.request_id == "req_1"


async def test_an_error_inside_a_stream_is_raised_by_the_sdk(simulator: Simulator) -> None:
    simulator.script(MODEL, [Fault("error_in_stream")])
    async with client(simulator) as sdk:
        with pytest.raises(anthropic.APIStatusError):
            async with sdk.messages.stream(model=MODEL, messages=ASK, max_tokens=100) as stream:
                await stream.get_final_message()


async def test_the_models_are_listed(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        assert MODEL in [model.id async for model in sdk.models.list()]
