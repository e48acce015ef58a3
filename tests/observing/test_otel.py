"""Events as OpenTelemetry spans and metrics, on its own SDK, and in the words of its own package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics  # pyright: ignore[reportMissingTypeStubs]
from opentelemetry.semconv.attributes import error_attributes, server_attributes
from opentelemetry.trace import SpanKind, StatusCode

from llm_manager import (
    JsonMode,
    KeySettings,
    LLMRequest,
    Message,
    Preferences,
    RetrySettings,
    Secret,
    Tool,
    ToolCall,
    collect,
    custom,
    generate,
    generate_stream,
    listening,
    replacing,
    run,
)
from llm_manager.adapters.observers.otel import names
from llm_manager.adapters.observers.otel.names import LATEST, NEWEST, V1_36, Names
from llm_manager.domain.request import ImagePart, TextPart
from llm_manager.testing import ScriptedProvider, VirtualClock, scripted
from llm_manager.testing.simulator import CallTools, Fault, Say, Simulator, Status
from tests.observing.traced import Traced, id_of, said, trace_of, traced
from tests.operations.streaming import ASK, WORDS, opened, uncached
from tests.providers.providers import KEY, PROVIDERS

pytestmark = pytest.mark.anyio


# The table of the conventions for a span of one inference: name to type and whether it must be there ("Semantic
# conventions for generative client AI spans", read 2026-11-21).
TABLE: Mapping[str, tuple[type | tuple[type, ...], bool]] = {
    "gen_ai.operation.name": (str, True),
    "gen_ai.provider.name": (str, True),
    "gen_ai.request.model": (str, True),
    "error.type": (str, False),
    "gen_ai.output.type": (str, False),
    "gen_ai.request.seed": (int, False),
    "gen_ai.request.stream": (bool, False),
    "server.port": (int, True),
    "server.address": (str, True),
    "gen_ai.request.max_tokens": (int, False),
    "gen_ai.request.stop_sequences": (tuple, False),
    "gen_ai.request.temperature": (float, False),
    "gen_ai.request.top_p": (float, False),
    "gen_ai.response.finish_reasons": (tuple, False),
    "gen_ai.response.id": (str, False),
    "gen_ai.response.model": (str, False),
    "gen_ai.response.time_to_first_chunk": (float, False),
    "gen_ai.usage.cache_creation.input_tokens": (int, False),
    "gen_ai.usage.cache_read.input_tokens": (int, False),
    "gen_ai.usage.input_tokens": (int, False),
    "gen_ai.usage.output_tokens": (int, False),
    "gen_ai.usage.reasoning.output_tokens": (int, False),
    "gen_ai.input.messages": (str, False),
    "gen_ai.output.messages": (str, False),
    "gen_ai.system_instructions": (str, False),
}
OLDER = {"gen_ai.system": (str, True)}
ONLY_NEWER = {
    "gen_ai.provider.name",
    "gen_ai.request.stream",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
}


def constants(*modules: object) -> set[str]:
    return {value for module in modules for value in vars(module).values() if isinstance(value, str)}


def test_every_name_of_the_conventions_is_one_of_opentelemetrys_own_package() -> None:
    attributes = constants(gen_ai_attributes, error_attributes, server_attributes)
    metrics = constants(gen_ai_metrics)
    ours = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    ours |= {
        value
        for words in (NEWEST, V1_36)
        for field in fields(Names)
        if (value := getattr(words, field.name)) is not None
    }
    ours = {name for name in ours if "." in name and not name.startswith("llm_manager.")}
    assert ours <= attributes | metrics
    assert TABLE.keys() <= attributes
    assert TABLE.keys() | OLDER.keys() >= {name for name in ours if name in attributes} - {"gen_ai.token.type"}


def assert_conventional(span: ReadableSpan, table: Mapping[str, Any], *, with_server: bool = True) -> None:
    """*span* says nothing of the conventions but what their table has, in its types, and all that must be said."""
    told = said(span)
    assert span.kind is SpanKind.CLIENT
    assert span.name == f"{told['gen_ai.operation.name']} {told['gen_ai.request.model']}"
    for name, value in told.items():
        assert name.startswith("llm_manager.") or name in table, name
        if name in table:
            assert type(value) is table[name][0], (name, value)
    needed = {name for name, (_, is_needed) in table.items() if is_needed}
    assert needed - ({"server.address", "server.port"} if not with_server else set()) <= told.keys()
    assert (span.status.status_code is StatusCode.ERROR) <= ("error.type" in told)


FULL = replace(
    ASK,
    system_prompt="be brief",
    preferences=Preferences(max_tokens=9, seed=7, stop=("END",)),
    response_format=JsonMode(),
    namespace="full",
)


async def everything(provider: str, traced_: Traced) -> int:
    """Calls that go well and badly, whole and in pieces, at one simulated vendor; how many it was sent."""
    vendor = PROVIDERS[provider]
    hello = Say("hello", cached_tokens=4, reasoning_tokens=5)
    asked = replace(ASK, preferences=Preferences(model="mine", max_tokens=9, fallback="none"))
    async with Simulator() as simulator:
        simulator.script(vendor.model, [hello, hello, Fault("reset_in_body"), Say("hello"), Status(401)])
        async with custom(vendor.config(simulator.url)) | listening(traced_.observer) as context:
            await run(generate(replace(asked, namespace="0")), context)
            await collect(await opened(context, replace(asked, namespace="1")))
            await run(generate(replace(asked, namespace="2")), context)
            async with await opened(context, replace(asked, namespace="3")) as stream:
                await anext(stream)
            await run(generate(replace(asked, namespace="4")), context)
        return len(simulator.received)


@pytest.mark.parametrize("provider", ["OpenAI", "Anthropic", "Gemini", "Groq", "Ollama", "Portkey"])
@pytest.mark.parametrize("opt_in", [LATEST, ""])
async def test_spans_say_what_the_conventions_table_has_and_nothing_else(provider: str, opt_in: str) -> None:
    mine = traced(opt_in, prompts=True)
    received = await everything(provider, mine)
    sent = [span for span in mine.finished() if span.kind is SpanKind.CLIENT]
    assert len(sent) == received
    older = {name: row for name, row in {**TABLE, **OLDER}.items() if name not in ONLY_NEWER}
    for span in sent:
        assert_conventional(span, TABLE if opt_in else older)
    good, streamed, *_ = (said(span) for span in sent)
    assert good["gen_ai.usage.input_tokens"] == 11
    assert good["gen_ai.usage.output_tokens"] == 22
    assert good["gen_ai.response.finish_reasons"] == ("stop",)
    assert (streamed.get("gen_ai.response.time_to_first_chunk", 0) > 0) is bool(opt_in)
    failed = ["MalformedResponse", "left", "AuthenticationFailed"]
    assert [said(span).get("error.type") for span in sent] == [None, None, *failed]


async def test_what_is_wished_for_is_said() -> None:
    mine = traced()
    config = replace(uncached(), retry=RetrySettings(max_retries=0))
    wishes = Preferences(max_tokens=9, seed=7, stop=("END",), temperature=1, top_p=0.5)
    async with scripted({"gpt": ["{}"]}, config=config) | listening(mine.observer) as context:
        await run(generate(replace(FULL, preferences=wishes, labels={"template": "sky"})), context)
    [whole, sent] = mine.finished()
    assert said(whole)["llm_manager.label.template"] == "sky"
    told = said(sent)
    assert {name: told[name] for name in told if name.startswith(("gen_ai.request", "gen_ai.output"))} == {
        "gen_ai.request.model": "gpt",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.output.type": "json",
    }
    assert_conventional(sent, TABLE, with_server=False)


async def test_a_span_says_what_was_sent_and_its_run_what_was_dropped() -> None:
    mine = traced()
    config = replace(uncached(), keys=KeySettings(providers={"openai": (Secret("key-canary-0123456789"),)}))
    provider = ScriptedProvider({"gpt-5.6-terra": ["x"]}, VirtualClock())
    wishes = Preferences(model="gpt-5.6-terra", fallback="none", temperature=0.7, stop=("END",), seed=7)
    layer = scripted({}, config=config) | replacing(providers={"openai": provider})
    async with layer | listening(mine.observer) as context:
        await run(generate(LLMRequest(prompt="Why?", preferences=wishes)), context)
    [whole, sent] = mine.finished()
    [mark] = whole.events
    assert (mark.name, dict(mark.attributes or {})) == (
        "OptionsDropped",
        {"gen_ai.request.model": "gpt-5.6-terra", "llm_manager.dropped_options": ("temperature", "stop")},
    )
    told = {name: value for name, value in said(sent).items() if name.startswith("gen_ai.request")}
    assert told == {"gen_ai.request.model": "gpt-5.6-terra", "gen_ai.request.seed": 7}


TALK = LLMRequest(
    prompt="a secret question",
    system_prompt="secret rules",
    messages=(
        Message(role="user", content=(TextPart("secret look"), ImagePart(url="https://secret.example/x.png"))),
        Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments='{"secret": 1}'),)),
        Message(role="tool", content="secret result", tool_call_id="1"),
    ),
    tools=(Tool(name="f"),),
)


@pytest.mark.parametrize(("opt_in", "prompts"), [(LATEST, False), ("", False), ("", True)])
async def test_prompts_and_answers_are_on_no_span_unless_asked_for_where_there_is_a_name_for_them(
    opt_in: str, prompts: bool
) -> None:
    mine = traced(opt_in, prompts=prompts)
    async with scripted({"gpt": ["a secret answer"]}) | listening(mine.observer) as context:
        await run(generate(TALK), context)
    assert "secret" not in "".join(span.to_json() for span in mine.finished())


async def test_a_result_in_parts_is_told_as_parts_and_the_call_goes_on() -> None:
    mine = traced(prompts=True)
    shown = (TextPart("secret result"), ImagePart(url="https://example.com/secret.png"))
    said_before = (
        Message(role="user", content="look"),
        Message(role="assistant", tool_calls=(ToolCall(id="1", name="f", arguments="{}"),)),
        Message(role="tool", tool_call_id="1", content=shown),
    )
    async with scripted({"gpt": ["fine"]}) | listening(mine.observer) as context:
        answer = await run(generate(LLMRequest(messages=said_before)), context)
    assert answer.unwrap().content == "fine"
    [_, sent] = (said(span) for span in mine.finished())
    result = [{"type": "text", "content": "secret result"}, {"type": "image"}]
    assert json.loads(sent["gen_ai.input.messages"])[-1] == {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": "1", "result": result}],
    }


async def test_prompts_and_answers_have_the_shape_of_the_conventions() -> None:
    mine = traced(prompts=True)
    async with scripted({"gpt": ["a secret answer"]}) | listening(mine.observer) as context:
        await run(generate(TALK), context)
    [_, sent] = (said(span) for span in mine.finished())
    assert json.loads(sent["gen_ai.system_instructions"]) == [{"type": "text", "content": "secret rules"}]
    assert json.loads(sent["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "secret look"}, {"type": "image"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "1", "name": "f", "arguments": '{"secret": 1}'}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "result": "secret result"}]},
        {"role": "user", "parts": [{"type": "text", "content": "a secret question"}]},
    ]
    assert json.loads(sent["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "a secret answer"}], "finish_reason": "stop"}
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_no_span_and_no_metric_shows_a_key(provider: str) -> None:
    mine, vendor = traced(prompts=True), PROVIDERS[provider]
    async with Simulator() as simulator:
        echo = f"bad key: {KEY.reveal()}"
        simulator.script(vendor.model, [Status(400, message=echo), Say(KEY.reveal()), Status(401, message=echo)])
        async with custom(vendor.config(simulator.url)) | listening(mine.observer) as context:
            asked = replace(ASK, preferences=Preferences(model="mine", fallback="none"))
            for number in range(3):
                await run(generate(replace(asked, namespace=str(number))), context)
        assert any(KEY.reveal() in str(received.headers) for received in simulator.received), "the key was sent"
    data = mine.reader.get_metrics_data()
    assert data is not None
    shown = "".join(span.to_json() for span in mine.finished()) + data.to_json()
    assert len(mine.finished()) == 6
    assert KEY.reveal() not in shown


@pytest.mark.parametrize("provider", ["OpenAI", "Portkey"])
async def test_a_traceparent_is_sent_only_when_it_is_asked_for(provider: str) -> None:
    mine, vendor = traced(), PROVIDERS[provider]
    async with Simulator() as simulator:
        layer = custom(vendor.config(simulator.url)) | listening(mine.observer)
        for each in (layer, layer | replacing(tracing=mine.observer)):
            async with each as context:
                await run(generate(replace(ASK, preferences=Preferences(model="mine"))), context)
        without, with_ = (received.headers for received in simulator.received)
    sent = mine.finished()[-1]
    assert "traceparent" not in without
    assert with_["traceparent"].startswith(f"00-{trace_of(sent):032x}-{id_of(sent):016x}-")
    assert "baggage" not in with_


async def test_metrics_have_the_names_units_and_attributes_of_the_conventions() -> None:
    mine, vendor = traced(), PROVIDERS["OpenAI"]
    async with Simulator() as simulator:
        simulator.script(vendor.model, [Say("x", usage=(7, 5)), CallTools({"f": {}}), Status(401)])
        async with custom(vendor.config(simulator.url)) | listening(mine.observer) as context:
            asked = replace(ASK, preferences=Preferences(model="mine", fallback="none"))
            await run(generate(replace(asked, namespace="0")), context)
            await collect((await run(generate_stream(replace(asked, namespace="1")), context)).unwrap())
            await run(generate(replace(asked, namespace="2")), context)
        host, port = "127.0.0.1", int(simulator.url.rpartition(":")[2])
    common = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": vendor.model,
        "server.address": host,
        "server.port": port,
    }
    answered = {**common, "gen_ai.response.model": vendor.model}
    durations = {point.count: dict(point.attributes) for point in mine.points("gen_ai.client.operation.duration")}
    assert durations == {2: answered, 1: {**common, "error.type": "AuthenticationFailed"}}
    tokens = {point.attributes["gen_ai.token.type"]: point.sum for point in mine.points("gen_ai.client.token.usage")}
    assert tokens == {"input": 7 + 11, "output": 5 + 22}
    [first] = mine.points("gen_ai.client.operation.time_to_first_chunk")
    assert (first.count, dict(first.attributes)) == (1, answered)
    [cost] = mine.points("llm_manager.cost")
    assert cost.value == pytest.approx((18 * 2.5 + 27 * 10) / 1e6)


async def test_the_older_set_has_no_metric_of_first_chunks() -> None:
    older = traced("")
    async with scripted({"gpt": [WORDS]}) | listening(older.observer) as context:
        await collect(await opened(context))
    assert older.points("gen_ai.client.operation.time_to_first_chunk") == []
    [tokens, _] = older.points("gen_ai.client.token.usage")
    assert tokens.attributes["gen_ai.system"] == "custom"
