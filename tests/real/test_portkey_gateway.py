"""The real Portkey gateway between us and the simulator: what arrives behind it, and what comes back."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    GatewayError,
    HttpSettings,
    InvalidRequest,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    Message,
    ModelSettings,
    NetworkError,
    PortkeySettings,
    Preferences,
    QuotaExhausted,
    RateLimitExceeded,
    RetrySettings,
    RoutingSettings,
    Secret,
    ServerError,
    StreamBroken,
    StreamFinished,
    TextDelta,
    Tool,
    collect,
    custom,
    generate,
    generate_stream,
    get_model_health,
    replacing,
    run,
)
from llm_manager.domain.events import Event, GatewayTimed
from llm_manager.testing.simulator import CallTools, Fault, Say, Simulator, Status

pytestmark = pytest.mark.anyio

KEY = "sk-upstream-canary-0123456789"


def config(gateway: str, simulator: Simulator, **portkey: object) -> LLMConfig:
    return LLMConfig(
        models={"gpt": ModelSettings(model="gpt-4o"), "second": ModelSettings(model="openai/gpt-oss-120b")},
        keys=KeySettings(providers={"openai": (Secret(KEY),), "groq": (Secret(KEY),)}),
        http=HttpSettings(
            base_urls={"portkey": gateway, "openai": f"{simulator.url}/v1", "groq": f"{simulator.url}/v1"},
            portkey=replace(PortkeySettings(), **portkey),  # type: ignore[arg-type]  # the fields are named by the tests
        ),
        retry=RetrySettings(max_retries=0),
    )


def asking(model: str, prompt: str = "hi") -> LLMRequest:
    return LLMRequest(prompt=prompt, preferences=Preferences(model=model, fallback="none"))


async def test_an_answer_comes_through_the_gateway(gateway: str) -> None:
    async with Simulator() as simulator, custom(config(gateway, simulator)) as context:
        simulator.script("gpt-4o", [Say("It scatters.")])
        outcome = await run(generate(asking("gpt")), context)
        assert outcome.unwrap().content == "It scatters."
        assert outcome.unwrap().usage.total_tokens == 33


async def test_the_vendor_behind_the_gateway_sees_its_own_key_and_the_model(gateway: str) -> None:
    async with Simulator() as simulator, custom(config(gateway, simulator)) as context:
        await run(generate(asking("gpt")), context)
        [received] = simulator.received
        assert received.headers["authorization"] == f"Bearer {KEY}"
        assert received.json["model"] == "gpt-4o"


async def test_a_stream_comes_through_the_gateway_in_pieces_with_its_usage(gateway: str) -> None:
    async with Simulator() as simulator, custom(config(gateway, simulator)) as context:
        simulator.script("gpt-4o", [Say("It scatters blue.")])
        async with (await run(generate_stream(asking("gpt")), context)).unwrap() as stream:
            *pieces, last = [event async for event in stream]
    assert pieces == [TextDelta("It "), TextDelta("scatters "), TextDelta("blue.")]
    assert isinstance(last, StreamFinished)
    assert last.response.usage.total_tokens == 33


async def test_a_stream_that_breaks_behind_the_gateway_is_a_broken_stream(gateway: str) -> None:
    async with Simulator() as simulator, custom(config(gateway, simulator)) as context:
        simulator.script("gpt-4o", [Fault("stream_without_end"), Fault("cut_chunks")])
        for _ in range(2):
            error = (await collect((await run(generate_stream(asking("gpt")), context)).unwrap())).failure()
            assert isinstance(error, StreamBroken)
            assert error.partial == "hello"


async def test_streams_that_are_left_keep_nothing_of_the_gateway(gateway: str) -> None:
    async with Simulator() as simulator:
        small = config(gateway, simulator)
        small = replace(small, http=replace(small.http, max_connections=2))
        async with custom(small) as context:
            simulator.script("gpt-4o", [Say("one two three", gap_s=0.02)] * 6)
            for number in range(6):
                async with (await run(generate_stream(asking("gpt", f"{number}")), context)).unwrap() as stream:
                    await anext(stream)
            assert (await run(generate(asking("gpt", "last")), context)).unwrap().content == "You said: last"


async def test_an_error_before_a_stream_is_the_error_of_the_model(gateway: str) -> None:
    async with Simulator() as simulator, custom(config(gateway, simulator)) as context:
        simulator.script("gpt-4o", [Status(429, headers={"retry-after": "3600"})])
        error = (await run(generate_stream(asking("gpt")), context)).failure()
    assert isinstance(error, RateLimitExceeded)
    assert error.retry_after_s == 3600


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Status(429, headers={"retry-after": "3600"}), RateLimitExceeded("gpt-4o", 3600.0)),
        (Status(429, "insufficient_quota"), QuotaExhausted("gpt-4o")),
        (Status(503), ServerError("gpt-4o", 503)),
    ],
)
async def test_an_error_of_the_model_behind_the_gateway_is_its_own_error(
    gateway: str, reply: Status, error: LLMError
) -> None:
    async with Simulator() as simulator, custom(config(gateway, simulator)) as context:
        simulator.script("gpt-4o", [reply])
        found = (await run(generate(asking("gpt")), context)).failure()
        assert type(found) is type(error)
        assert found.message.startswith("openai error: ")


async def test_what_the_gateway_itself_refuses_is_a_gateway_error(gateway: str) -> None:
    async with Simulator() as simulator:
        broken = config(gateway, simulator, config='{"strategy": {"mode": "no-such-mode"}, "targets": []}')
        async with custom(broken) as context:
            found = (await run(generate(asking("gpt")), context)).failure()
        assert isinstance(found, GatewayError)
        assert simulator.received == []


async def test_in_fallback_mode_the_gateway_itself_asks_the_next_model(gateway: str) -> None:
    async with Simulator() as simulator:
        settings = replace(
            config(gateway, simulator, mode="fallback"),
            routing=replace(LLMConfig().routing, chains={"general": ("gpt", "second")}),
        )
        async with custom(settings) as context:
            simulator.script("gpt-4o", [Status(500)])
            simulator.script("openai/gpt-oss-120b", [Say("from the second")])
            response = (await run(generate(LLMRequest(prompt="hi")), context)).unwrap()
        assert response.content == "from the second"
        assert response.model == "openai/gpt-oss-120b"
        assert [received.json["model"] for received in simulator.received] == ["gpt-4o", "openai/gpt-oss-120b"]
        assert len(response.metadata.attempts) == 1


async def test_in_single_mode_we_ask_the_next_model(gateway: str) -> None:
    async with Simulator() as simulator:
        settings = replace(
            config(gateway, simulator), routing=replace(LLMConfig().routing, chains={"general": ("gpt", "second")})
        )
        async with custom(settings) as context:
            simulator.script("gpt-4o", [Status(503)])
            response = (await run(generate(LLMRequest(prompt="hi")), context)).unwrap()
        assert response.model == "openai/gpt-oss-120b"
        assert [line.outcome for line in response.metadata.attempts] == ["ServerError", "ok"]


async def test_every_model_failing_behind_the_gateway_is_told_in_order(gateway: str) -> None:
    async with Simulator() as simulator:
        settings = replace(
            config(gateway, simulator), routing=replace(LLMConfig().routing, chains={"general": ("gpt", "second")})
        )
        async with custom(settings) as context:
            simulator.script("gpt-4o", [Status(503)])
            simulator.script("openai/gpt-oss-120b", [Status(429)])
            outcome = await run(generate(LLMRequest(prompt="hi")), context)
        match outcome:
            case Failure(AllModelsFailed(failures=((_, ServerError()), (_, RateLimitExceeded())))):
                pass
            case _:
                pytest.fail(str(outcome))


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)


async def test_timings_of_the_gateway_are_told_when_asked_for(gateway: str) -> None:
    async with Simulator() as simulator:
        timed = config(gateway, simulator, timings=True, metadata={"team": "blue"})
        listener = Listener()
        async with custom(timed) | replacing(observer=listener) as context:
            await run(generate(asking("gpt")), context)
        events = [event for event in listener.events if isinstance(event, GatewayTimed)]
        assert len(events) == 1
        assert events[0].latency_ms > 0
        assert events[0].trace_id


async def test_health_asks_each_vendor_behind_the_gateway_once(gateway: str) -> None:
    async with Simulator() as simulator, custom(config(gateway, simulator)) as context:
        statuses = (await run(get_model_health(), context)).unwrap()
        assert all(status.healthy for status in statuses), statuses
        assert [received.path for received in simulator.received] == ["/v1/models", "/v1/models"]


async def test_no_gateway_at_its_address_is_no_connection(gateway: str) -> None:
    async with Simulator() as simulator, custom(config("http://127.0.0.1:9/v1", simulator)) as context:
        error = (await run(generate(asking("gpt")), context)).failure()
        assert isinstance(error, NetworkError)
        assert not error.ambiguous


async def test_the_answer_of_a_schema_request_is_held_to_it_through_the_gateway(gateway: str) -> None:
    from llm_manager import query_with_schema  # noqa: PLC0415  # keeps the list above about what all tests use

    async with Simulator() as simulator, custom(config(gateway, simulator)) as context:
        outcome = await run(query_with_schema(asking("gpt"), dict[str, int]), context)
        [received] = simulator.received
        assert received.json["response_format"]["type"] == "json_schema"
        assert json.dumps(received.json["response_format"]["json_schema"]["schema"])
        assert isinstance(outcome, Success)


VENDORS = {"claude": ("anthropic", "claude-haiku-5-5", "/v1"), "gemini": ("gemini", "gemini-3.8-flash", "")}


def vendor_behind(gateway: str, simulator: Simulator, name: str) -> LLMConfig:
    provider, model, path = VENDORS[name]
    return LLMConfig(
        models={"mine": ModelSettings(provider=provider, model=model)},
        keys=KeySettings(providers={provider: (Secret(KEY),)}),
        http=HttpSettings(base_urls={"portkey": gateway, provider: f"{simulator.url}{path}"}),
        retry=RetrySettings(max_retries=0),
    )


@pytest.mark.parametrize(
    ("name", "reply", "seen"),
    [
        ("claude", Say("No.", finish="refusal"), ("No.", "", "refusal")),
        ("claude", Say("Half an", finish="model_context_window_exceeded"), ("Half an", "", "length")),
        ("claude", Say("Half an", finish="pause_turn"), ("Half an", "", "unknown")),
        ("claude", Say("Yes.", reasoning="Let me see."), ("Yes.", "Let me see.", "stop")),
        ("gemini", Say("Half an", finish="MAX_TOKENS"), ("Half an", "", "length")),
        ("gemini", Say("Yes.", reasoning="Let me see."), ("Yes.", "Let me see.", "stop")),
    ],
)
async def test_reasons_and_thoughts_come_through_the_gateway(
    gateway: str, name: str, reply: Say, seen: tuple[str, str, str]
) -> None:
    async with Simulator() as simulator, custom(vendor_behind(gateway, simulator, name)) as context:
        simulator.script(VENDORS[name][1], [reply, reply])
        whole = (await run(generate(asking("mine")), context)).unwrap()
        opened = await run(generate_stream(asking("mine", "again")), context)
        streamed = (await collect(opened.unwrap())).unwrap()
    assert [(each.content, each.reasoning, each.finish_reason) for each in (whole, streamed)] == [seen, seen]


async def test_what_is_wrong_with_a_request_is_not_passed_on_to_the_next_target(gateway: str) -> None:
    async with Simulator() as simulator:
        chained = config(gateway, simulator, mode="fallback")
        chained = replace(chained, routing=RoutingSettings(chains={"general": ("gpt", "second")}))
        async with custom(chained) as context:
            simulator.script("gpt-4o", [Status(400, None, "no such field"), Status(503)])
            refused = (await run(generate(LLMRequest(prompt="hi")), context)).failure()
            asked = [each.json["model"] for each in simulator.received]
            answer = (await run(generate(LLMRequest(prompt="ho")), context)).unwrap()
    assert isinstance(refused, InvalidRequest)
    assert asked == ["gpt-4o"]
    assert answer.model == "openai/gpt-oss-120b"


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_claudes_thoughts_go_back_through_the_gateway(gateway: str, *, is_streamed: bool) -> None:
    thoughts = [{"type": "thinking", "thinking": "I need f.", "signature": "c2lnbmVk"}]
    asked = replace(asking("mine"), tools=(Tool(name="f", description="f"),))
    async with Simulator() as simulator, custom(vendor_behind(gateway, simulator, "claude")) as context:
        simulator.script("claude-haiku-5-5", [CallTools({"f": {}}, reasoning="I need f."), Say("Done."), Say("Done.")])
        if is_streamed:
            answer = (await collect((await run(generate_stream(asked), context)).unwrap())).unwrap()
        else:
            answer = (await run(generate(asked), context)).unwrap()
        [call] = answer.tool_calls
        messages = (
            Message(role="user", content="hi"),
            Message(role="assistant", content=answer.content, tool_calls=(call,)),
            Message(role="tool", content="12", tool_call_id=call.id),
        )
        again = replace(asked, prompt="", messages=messages)
        await run(generate(again), context)
        await run(generate(replace(again, system_prompt="Be brief.")), context)
        sent = [each.json["messages"][1]["content"] for each in simulator.received[1:]]
    assert [[block for block in blocks if block["type"] != "tool_use"] for blocks in sent] == [thoughts, []]
