"""The vendor's own SDK as a client of the simulator: what it accepts is OpenAI's wire and not our idea of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import BaseModel

from llm_manager.testing.simulator import CallTools, Fault, Say, Simulator, Status

pytestmark = pytest.mark.anyio

ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Why is the sky blue?"}]
TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "look", "description": "", "parameters": {"type": "object", "properties": {}}},
}


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The SDK works on asyncio alone."""
    return str(request.param)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


def client(simulator: Simulator) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{simulator.url}/v1", api_key="sk-x", max_retries=0)


async def test_a_text_answer_is_typed_and_counted(simulator: Simulator) -> None:
    simulator.script("gpt-4o", [Say("It scatters.", cached_tokens=4, reasoning_tokens=5)])
    async with client(simulator) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4o", messages=ASK)
    assert answer.choices[0].message.content == "It scatters."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 33
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 4


async def test_a_stream_ends_with_its_usage(simulator: Simulator) -> None:
    simulator.script("gpt-4o", [Say("It scatters a lot.")])
    async with client(simulator) as sdk:
        stream = await sdk.chat.completions.create(
            model="gpt-4o",
            messages=ASK,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "It scatters a lot."
    assert chunks[-1].usage is not None


async def test_tool_calls_are_typed_at_once_and_streamed(simulator: Simulator) -> None:
    simulator.script("gpt-4o", [CallTools({"look": {"at": "sky"}}), CallTools({"look": {"at": "sea"}})])
    async with client(simulator) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4o", messages=ASK, tools=[TOOL])
        async with sdk.chat.completions.stream(model="gpt-4o", messages=ASK, tools=[TOOL]) as stream:
            final = await stream.get_final_completion()
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].message.tool_calls is not None
    assert final.choices[0].message.tool_calls is not None


class Weather(BaseModel):
    sky: str
    degrees: int


async def test_an_answer_held_to_a_schema_parses_as_it(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        answer = await sdk.chat.completions.parse(model="gpt-4o", messages=ASK, response_format=Weather)
    assert isinstance(answer.choices[0].message.parsed, Weather)


async def test_the_models_are_listed(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        assert "gpt-4o" in [model.id async for model in sdk.models.list()]


@pytest.mark.parametrize(
    ("reply", "raised"),
    [
        (Status(400), openai.BadRequestError),
        (Status(401), openai.AuthenticationError),
        (Status(403), openai.PermissionDeniedError),
        (Status(404), openai.NotFoundError),
        (Status(422), openai.UnprocessableEntityError),
        (Status(429), openai.RateLimitError),
        (Status(500), openai.InternalServerError),
        (Status(503), openai.InternalServerError),
        (Fault("reset"), openai.APIConnectionError),
    ],
)
async def test_each_failure_raises_the_sdks_own_error(
    simulator: Simulator, reply: Status | Fault, raised: type[openai.APIError]
) -> None:
    simulator.script("gpt-4o", [reply])
    async with client(simulator) as sdk:
        with pytest.raises(raised):
            await sdk.chat.completions.create(model="gpt-4o", messages=ASK)


async def test_the_code_of_an_exhausted_quota_is_told(simulator: Simulator) -> None:
    simulator.script("gpt-4o", [Status(429, "insufficient_quota")])
    async with client(simulator) as sdk:
        with pytest.raises(openai.RateLimitError) as raised:
            await sdk.chat.completions.create(model="gpt-4o", messages=ASK)
    assert raised.value.code == "insufficient_quota"
