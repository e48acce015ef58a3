"""Ollama's own SDK as a client of the simulator: what it accepts is the vendor's wire and not our idea of it."""

# pyright: reportUnknownMemberType=false
# the SDK leaves a part of its own signatures open

from __future__ import annotations

from collections.abc import AsyncIterator

import ollama
import pytest
from pydantic import BaseModel

from llm_manager.testing.simulator import CallTools, Fault, Say, Simulator, Status

pytestmark = pytest.mark.anyio

MODEL = "llama3.2:latest"
ASK = [{"role": "user", "content": "Why is the sky blue?"}]
LOOK = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look somewhere.",
        "parameters": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
    },
}


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The SDK works on asyncio alone."""
    return str(request.param)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


@pytest.fixture
async def sdk(simulator: Simulator) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=simulator.url)
    yield client
    await client.close()  # type: ignore[no-untyped-call]  # the SDK's own


async def test_a_text_answer_is_typed_and_counted(simulator: Simulator, sdk: ollama.AsyncClient) -> None:
    simulator.script(MODEL, [Say("It scatters.", reasoning="Rayleigh.")])
    answer = await sdk.chat(model=MODEL, messages=ASK, options={"seed": 7, "num_predict": 9})
    assert (answer.message.content, answer.message.thinking) == ("It scatters.", "Rayleigh.")
    assert (answer.done_reason, answer.prompt_eval_count, answer.eval_count) == ("stop", 11, 22)


async def test_a_stream_comes_in_pieces(simulator: Simulator, sdk: ollama.AsyncClient) -> None:
    simulator.script(MODEL, [Say("It scatters a lot.")])
    pieces = [piece async for piece in await sdk.chat(model=MODEL, messages=ASK, stream=True)]
    assert [piece.message.content for piece in pieces] == ["It ", "scatters ", "a ", "lot.", ""]
    assert [piece.done for piece in pieces] == [False, False, False, False, True]
    assert pieces[-1].eval_count == 22


async def test_tool_calls_are_typed_at_once_and_in_a_stream(simulator: Simulator, sdk: ollama.AsyncClient) -> None:
    twice = CallTools([("look", {"at": "sky"}), ("look", {"at": "sea"})])
    simulator.script(MODEL, [twice, twice])
    answer = await sdk.chat(model=MODEL, messages=ASK, tools=[LOOK])
    streamed = [piece async for piece in await sdk.chat(model=MODEL, messages=ASK, tools=[LOOK], stream=True)]
    for calls in (answer.message.tool_calls or (), [c for p in streamed for c in p.message.tool_calls or ()]):
        assert [(call.function.name, call.function.arguments) for call in calls] == [
            ("look", {"at": "sky"}),
            ("look", {"at": "sea"}),
        ]


async def test_the_results_of_tools_and_images_are_understood(sdk: ollama.AsyncClient) -> None:
    called = ollama.Message.ToolCall(function=ollama.Message.ToolCall.Function(name="look", arguments={"at": "sky"}))
    turns = [
        ollama.Message(role="user", content="Where?", images=[ollama.Image(value=b"\x89PNG")]),
        ollama.Message(role="assistant", tool_calls=[called]),
        ollama.Message(role="tool", content="blue", tool_name="look"),
    ]
    assert (await sdk.chat(model=MODEL, messages=turns)).message.content == "You said: blue"


class City(BaseModel):
    name: str
    districts: list[str]


async def test_a_schema_and_a_json_mode_are_held_to(sdk: ollama.AsyncClient) -> None:
    answer = await sdk.chat(model=MODEL, messages=ASK, format=City.model_json_schema())
    assert City.model_validate_json(answer.message.content or "") == City(name="sample", districts=["sample"])
    assert (await sdk.chat(model=MODEL, messages=ASK, format="json")).message.content == '{"ok": true}'


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_each_status_is_the_sdks_own_error(simulator: Simulator, sdk: ollama.AsyncClient, status: int) -> None:
    simulator.script(MODEL, [Status(status)])
    with pytest.raises(ollama.ResponseError) as caught:
        await sdk.chat(model=MODEL, messages=ASK)
    assert caught.value.status_code == status


async def test_an_error_inside_a_stream_is_raised_by_the_sdk(simulator: Simulator, sdk: ollama.AsyncClient) -> None:
    simulator.script(MODEL, [Fault("error_in_stream")])
    with pytest.raises(ollama.ResponseError, match="too many concurrent requests"):
        [piece async for piece in await sdk.chat(model=MODEL, messages=ASK, stream=True)]


async def test_the_models_are_listed(sdk: ollama.AsyncClient) -> None:
    assert MODEL in [model.model for model in (await sdk.list()).models]
