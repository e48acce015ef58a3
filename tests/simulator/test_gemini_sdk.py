"""Google's own SDK as a client of the simulator: what it accepts is the vendor's wire and not our idea of it."""

# pyright: reportUnknownMemberType=false
# the SDK leaves a part of its own signatures open

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from llm_manager.testing.simulator import CallTools, Say, Simulator, Status

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the SDK's own
]

MODEL = "gemini-3.8-flash"
LOOK = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="look",
            parameters_json_schema={"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
        )
    ]
)
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)


@pytest.fixture(params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The SDK works on asyncio alone."""
    return str(request.param)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as server:
        yield server


@pytest.fixture
async def sdk(simulator: Simulator) -> AsyncIterator[genai.client.AsyncClient]:
    async with genai.Client(api_key="x", http_options=types.HttpOptions(base_url=simulator.url)).aio as client:
        yield client


async def test_a_text_answer_is_typed_and_counted(simulator: Simulator, sdk: genai.client.AsyncClient) -> None:
    simulator.script(MODEL, [Say("It scatters.", cached_tokens=4, reasoning_tokens=5, reasoning="Rayleigh.")])
    answer = await sdk.models.generate_content(
        model=MODEL, contents="Why?", config=types.GenerateContentConfig(system_instruction="Be brief.", seed=7)
    )
    assert answer.text == "It scatters."
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    used = answer.usage_metadata
    assert used is not None
    counted = (used.prompt_token_count, used.candidates_token_count, used.thoughts_token_count)
    assert counted == (11, 17, 5)
    assert used.cached_content_token_count == 4


async def test_a_stream_comes_in_pieces(simulator: Simulator, sdk: genai.client.AsyncClient) -> None:
    simulator.script(MODEL, [Say("It scatters a lot.")])
    pieces = [piece async for piece in await sdk.models.generate_content_stream(model=MODEL, contents="Why?")]
    assert "".join(piece.text or "" for piece in pieces) == "It scatters a lot."
    assert pieces[-1].candidates is not None
    assert pieces[-1].candidates[0].finish_reason == types.FinishReason.STOP


async def test_tool_calls_are_typed_at_once_and_in_a_stream(
    simulator: Simulator, sdk: genai.client.AsyncClient
) -> None:
    twice = CallTools([("look", {"at": "sky"}), ("look", {"at": "sea"})])
    simulator.script(MODEL, [twice, twice])
    config = types.GenerateContentConfig(tools=[LOOK], automatic_function_calling=BY_HAND)
    answer = await sdk.models.generate_content(model=MODEL, contents="Look.", config=config)
    streamed = [
        piece async for piece in await sdk.models.generate_content_stream(model=MODEL, contents="L", config=config)
    ]
    expected = [("look", {"at": "sky"}), ("look", {"at": "sea"})]
    assert [(call.name, call.args) for call in answer.function_calls or ()] == expected
    assert [(call.name, call.args) for piece in streamed for call in piece.function_calls or ()] == expected
    ids = [call.id for piece in (answer, *streamed) for call in piece.function_calls or ()]
    assert None not in ids
    assert len(set(ids)) == 4, "from Gemini 3 on every call has an id, and none another's"


async def test_the_results_of_tools_and_images_are_understood(sdk: genai.client.AsyncClient) -> None:
    called = types.Part(function_call=types.FunctionCall(name="look", args={"at": "sky"}), thought_signature=b"signed")
    turns: list[types.Content] = [
        types.Content(
            role="user",
            parts=[types.Part(text="Where?"), types.Part.from_bytes(data=b"\x89PNG", mime_type="image/png")],
        ),
        types.Content(role="model", parts=[called]),
        types.Content(role="user", parts=[types.Part.from_function_response(name="look", response={"result": "blue"})]),
    ]
    config = types.GenerateContentConfig(tools=[LOOK], automatic_function_calling=BY_HAND)
    answer = await sdk.models.generate_content(model=MODEL, contents=list(turns), config=config)
    assert answer.text is not None


class City(BaseModel):
    name: str
    districts: list[str]


async def test_a_schema_and_a_json_mode_are_held_to(sdk: genai.client.AsyncClient) -> None:
    held = types.GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=City.model_json_schema()
    )
    answer = await sdk.models.generate_content(model=MODEL, contents="Which city?", config=held)
    assert City.model_validate_json(answer.text or "") == City(name="sample", districts=["sample"])
    loose = types.GenerateContentConfig(response_mime_type="application/json")
    assert (await sdk.models.generate_content(model=MODEL, contents="x", config=loose)).text == '{"ok": true}'


@pytest.mark.parametrize(
    ("status", "name", "error"),
    [
        (Status(400), "INVALID_ARGUMENT", errors.ClientError),
        (Status(403), "PERMISSION_DENIED", errors.ClientError),
        (Status(404), "NOT_FOUND", errors.ClientError),
        (Status(429, "insufficient_quota"), "RESOURCE_EXHAUSTED", errors.ClientError),
        (Status(500), "INTERNAL", errors.ServerError),
        (Status(503), "UNAVAILABLE", errors.ServerError),
    ],
)
async def test_each_status_is_the_sdks_own_error(
    simulator: Simulator, sdk: genai.client.AsyncClient, status: Status, name: str, error: type[errors.APIError]
) -> None:
    simulator.script(MODEL, [status] * 9)
    with pytest.raises(error) as caught:
        await sdk.models.generate_content(model=MODEL, contents="x")
    assert (caught.value.code, caught.value.status) == (status.status, name)


async def test_the_models_are_listed(sdk: genai.client.AsyncClient) -> None:
    assert f"models/{MODEL}" in [model.name async for model in await sdk.models.list()]
