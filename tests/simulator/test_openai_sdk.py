"""The vendor's own SDK as a client of the simulator: what it accepts is OpenAI's wire and not our idea of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import anyio.from_thread
import openai
import pytest
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.completion_usage import CompletionTokensDetails, PromptTokensDetails
from pydantic import BaseModel

from llm_manager.testing.simulator import RETRY_AFTER, CallTools, Fault, FaultKind, Say, Simulator, Status
from llm_manager.testing.simulator.faults import ACCENTED

pytestmark = pytest.mark.anyio

ASK: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Why is the sky blue?"}]
SEE: list[ChatCompletionMessageParam] = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ],
    }
]
TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "look",
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


@pytest.fixture(params=["asyncio", "trio"])
def threaded(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A simulator in another thread, for clients that block."""
    with anyio.from_thread.start_blocking_portal(str(request.param)) as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            yield server


def client(simulator: Simulator, path: str = "/v1") -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=simulator.url + path, api_key="sk-x", max_retries=0)


def blocking(simulator: Simulator) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{simulator.url}/v1", api_key="sk-x", max_retries=0)


@pytest.mark.parametrize("path", ["/v1", "/openai/v1"])
async def test_a_text_answer_is_typed_and_counted(simulator: Simulator, path: str) -> None:
    simulator.script("gpt-4o", [Say("It scatters.", cached_tokens=4, reasoning_tokens=5)])
    async with client(simulator, path) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4o", messages=ASK)
    assert answer.choices[0].message.content == "It scatters."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage == CompletionUsage(
        prompt_tokens=11,
        completion_tokens=22,
        total_tokens=33,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=4, audio_tokens=0),
        completion_tokens_details=CompletionTokensDetails(reasoning_tokens=5, audio_tokens=0),
    )


async def test_the_rate_headers_reach_the_client(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        raw = await sdk.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK)
    names = ("x-request-id", "x-ratelimit-remaining-requests", "x-ratelimit-reset-tokens")
    assert [raw.headers[name] for name in names] == ["req_1", "4999", "6m0s"]


async def test_a_stream_ends_with_its_usage_and_only_if_it_was_asked_for(simulator: Simulator) -> None:
    simulator.script("gpt-4o", [Say("It scatters a lot."), Say("It scatters a lot.")])
    async with client(simulator) as sdk:
        told = [
            chunk
            async for chunk in await sdk.chat.completions.create(
                model="gpt-4o", messages=ASK, stream=True, stream_options={"include_usage": True}
            )
        ]
        untold = [chunk async for chunk in await sdk.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in untold) == "It scatters a lot."
    assert told[-1].choices == []
    assert [chunk.usage is None for chunk in told] == [True] * (len(told) - 1) + [False]
    assert [chunk.usage for chunk in untold] == [None] * len(untold)


async def test_tool_calls_are_typed_at_once_and_put_together_from_a_stream(simulator: Simulator) -> None:
    twice = CallTools([("look", {"at": "the northern sky"}), ("look", {"at": "sea"})])
    simulator.script("gpt-4o", [twice, twice])
    async with client(simulator) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4o", messages=ASK, tools=[TOOL])
        async with sdk.chat.completions.stream(model="gpt-4o", messages=ASK, tools=[TOOL]) as stream:
            final = await stream.get_final_completion()
    for said in (answer.choices[0], final.choices[0]):
        assert said.finish_reason == "tool_calls"
        calls = [call for call in said.message.tool_calls or () if call.type == "function"]
        assert [(call.id, call.function.name, call.function.arguments) for call in calls] == [
            ("call_0", "look", '{"at": "the northern sky"}'),
            ("call_1", "look", '{"at": "sea"}'),
        ]


async def test_a_tool_that_must_be_called_is_called_with_valid_arguments(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        for choice in ("required", TOOL):
            answer = await sdk.chat.completions.create(
                model="gpt-4o",
                messages=ASK,
                tools=[TOOL],
                tool_choice="required" if choice == "required" else {"type": "function", "function": {"name": "look"}},
            )
            calls = [call for call in answer.choices[0].message.tool_calls or () if call.type == "function"]
            assert [call.function.arguments for call in calls] == ['{"at": "sample"}']


class Weather(BaseModel):
    sky: str
    degrees: int


async def test_an_answer_held_to_a_schema_parses_as_it(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        answer = await sdk.chat.completions.parse(model="gpt-4o", messages=ASK, response_format=Weather)
        async with sdk.chat.completions.stream(model="gpt-4o", messages=ASK, response_format=Weather) as stream:
            final = await stream.get_final_completion()
    assert answer.choices[0].message.parsed == Weather(sky="sample", degrees=0)
    assert final.choices[0].message.parsed == Weather(sky="sample", degrees=0)


async def test_json_that_is_only_json_is_answered_with_json(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        answer = await sdk.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "as JSON"}],
            response_format={"type": "json_object"},
        )
    assert answer.choices[0].message.content == '{"ok": true}'


async def test_a_refusal_is_said_where_refusals_are_said(simulator: Simulator) -> None:
    simulator.script("gpt-4o", [Say("I will not.", refusal=True), Say("I will not.", refusal=True)])
    async with client(simulator) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4o", messages=ASK)
        async with sdk.chat.completions.stream(model="gpt-4o", messages=ASK) as stream:
            final = await stream.get_final_completion()
    for message in (answer.choices[0].message, final.choices[0].message):
        assert (message.content or None, message.refusal) == (None, "I will not.")


@pytest.mark.parametrize("finish", ["length", "content_filter"])
async def test_an_answer_that_was_cut_short_says_why(simulator: Simulator, finish: str) -> None:
    simulator.script("gpt-4o", [Say("It", finish=finish, usage=None)])
    async with client(simulator) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4o", messages=ASK)
    assert (answer.choices[0].finish_reason, answer.usage) == (finish, None)


async def test_images_are_seen_and_a_script_that_is_used_up_leaves_an_echo(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        answer = await sdk.chat.completions.create(model="gpt-4o", messages=SEE)
    assert answer.choices[0].message.content == "You said: What is this? <image_url>"


async def test_the_models_are_listed_and_told_by_name(simulator: Simulator) -> None:
    async with client(simulator) as sdk:
        assert "gpt-4o" in [model.id async for model in sdk.models.list()]
        assert (await sdk.models.retrieve("gpt-4o")).id == "gpt-4o"
        with pytest.raises(openai.NotFoundError):
            await sdk.models.retrieve("gpt-0")


async def test_a_path_has_a_script_too(simulator: Simulator) -> None:
    simulator.script("/v1/models", [Status(500), Fault("reset")])
    async with client(simulator) as sdk:
        with pytest.raises(openai.InternalServerError):
            await sdk.models.list()
        with pytest.raises(openai.APIConnectionError):
            await sdk.models.list()
        assert (await sdk.models.list()).data


@pytest.mark.parametrize(
    ("reply", "raised", "code"),
    [
        (Status(400), openai.BadRequestError, None),
        (Status(400, "context_length_exceeded"), openai.BadRequestError, "context_length_exceeded"),
        (Status(400, "content_filter"), openai.BadRequestError, "content_filter"),
        (Status(401), openai.AuthenticationError, "invalid_api_key"),
        (Status(402), openai.APIStatusError, "insufficient_quota"),
        (Status(403), openai.PermissionDeniedError, "permission_denied"),
        (Status(404), openai.NotFoundError, "model_not_found"),
        (Status(413), openai.APIStatusError, "request_too_large"),
        (Status(422), openai.UnprocessableEntityError, None),
        (Status(429), openai.RateLimitError, "rate_limit_exceeded"),
        (Status(429, "insufficient_quota"), openai.RateLimitError, "insufficient_quota"),
        (Status(500), openai.InternalServerError, None),
        (Status(502), openai.InternalServerError, None),
        (Status(503), openai.InternalServerError, "overloaded"),
        (Status(504), openai.InternalServerError, None),
        (Status(529), openai.InternalServerError, "overloaded"),
    ],
    ids=repr,
)
async def test_each_status_raises_the_sdks_own_error(
    simulator: Simulator, reply: Status, raised: type[openai.APIStatusError], code: str | None
) -> None:
    simulator.script("gpt-4o", [reply])
    async with client(simulator) as sdk:
        with pytest.raises(raised) as caught:
            await sdk.chat.completions.create(model="gpt-4o", messages=ASK)
    assert isinstance(caught.value, raised)
    assert (caught.value.status_code, caught.value.code) == (reply.status, code)


@pytest.mark.parametrize("way", RETRY_AFTER)
async def test_every_way_to_say_when_to_come_back_arrives_as_written(simulator: Simulator, way: str) -> None:
    simulator.script("gpt-4o", [RETRY_AFTER[way]])
    async with client(simulator) as sdk:
        with pytest.raises(openai.RateLimitError) as caught:
            await sdk.chat.completions.create(model="gpt-4o", messages=ASK)
    headers = caught.value.response.headers
    names = ("date", "retry-after", "retry-after-ms")
    assert {name: headers[name] for name in names if name in headers} == RETRY_AFTER[way].headers


@pytest.mark.parametrize("kind", ["reset", "reset_in_headers", "short_body", "cut_chunks", "reset_in_body"])
async def test_a_broken_connection_is_one_to_the_sdk(simulator: Simulator, kind: FaultKind) -> None:
    simulator.script("gpt-4o", [Fault(kind)])
    async with client(simulator) as sdk:
        with pytest.raises(openai.APIConnectionError):
            await sdk.chat.completions.create(model="gpt-4o", messages=ASK)


async def test_an_error_inside_a_stream_is_raised_by_the_sdk(simulator: Simulator) -> None:
    simulator.script("gpt-4o", [Fault("error_in_stream")])
    async with client(simulator) as sdk:
        stream = await sdk.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
        with pytest.raises(openai.APIError):
            [chunk async for chunk in stream]


@pytest.mark.parametrize("streamed", [False, True])
async def test_letters_split_across_chunks_arrive_whole(simulator: Simulator, streamed: bool) -> None:
    simulator.script("gpt-4o", [Fault("split_utf8")])
    async with client(simulator) as sdk:
        if streamed:
            stream = await sdk.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
            said = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        else:
            said = (await sdk.chat.completions.create(model="gpt-4o", messages=ASK)).choices[0].message.content or ""
    assert said == ACCENTED


@dataclass(frozen=True)
class Seen:
    said: str | None
    streamed: str
    models: bool
    parsed: Weather | None


def test_the_blocking_client_is_served_alike(threaded: Simulator) -> None:
    threaded.script("gpt-4o", [Say("one"), Say("two words")])
    with blocking(threaded) as sdk:
        seen = Seen(
            said=sdk.chat.completions.create(model="gpt-4o", messages=ASK).choices[0].message.content,
            streamed="".join(
                chunk.choices[0].delta.content or ""
                for chunk in sdk.chat.completions.create(model="gpt-4o", messages=ASK, stream=True)
            ),
            models=any(model.id == "gpt-4o" for model in sdk.models.list()),
            parsed=sdk.chat.completions.parse(model="gpt-4o", messages=ASK, response_format=Weather)
            .choices[0]
            .message.parsed,
        )
    assert seen == Seen(said="one", streamed="two words", models=True, parsed=Weather(sky="sample", degrees=0))


@pytest.mark.parametrize(
    ("reply", "raised"),
    [
        (Status(401), openai.AuthenticationError),
        (Status(429), openai.RateLimitError),
        (Status(503), openai.InternalServerError),
        (Fault("reset"), openai.APIConnectionError),
    ],
)
def test_the_blocking_client_raises_its_own_errors(
    threaded: Simulator, reply: Status | Fault, raised: type[openai.APIError]
) -> None:
    threaded.script("gpt-4o", [reply])
    with blocking(threaded) as sdk, pytest.raises(raised):
        sdk.chat.completions.create(model="gpt-4o", messages=ASK)
