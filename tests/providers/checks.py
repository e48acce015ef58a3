"""What every provider is held to, one function a feature; each is run against every provider that has it."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from returns.result import Failure

from llm_manager import (
    AuthenticationFailed,
    ImagePart,
    JsonMode,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    Message,
    ModelUnavailable,
    NamedTool,
    Outcome,
    Preferences,
    RateLimitExceeded,
    ReasoningDelta,
    ServerError,
    StreamFailed,
    StreamFinished,
    TextDelta,
    TextPart,
    Tool,
    ToolCallDelta,
    UnsupportedCapability,
    Usage,
    custom,
    generate,
    generate_stream,
    get_model_health,
    query_with_schema,
    run,
)
from llm_manager.testing.simulator import CallTools, Fault, Received, Reply, Say, Simulator, Status

ASK = LLMRequest(prompt="Why is the sky blue?", preferences=Preferences(model="mine", fallback="none"))
LOOK = Tool(
    name="look",
    description="Look somewhere.",
    parameters={"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
)
EVERYTHING = Usage(prompt_tokens=11, completion_tokens=22, cached_tokens=4, reasoning_tokens=5, total_tokens=33)
PIXEL = base64.b64decode("iVBORw0KGgo=")


@dataclass(frozen=True)
class Provider:
    """One way to a model behind the simulator, under the alias ``mine``.

    *told* is what its wire tells of a usage of 11 and 22 tokens, 4 of them cached and 5 reasoned, and *told_streamed*
    what the wire of a stream does; *image_urls* is whether it fetches pictures, *forced_tools* whether a tool can be
    made to be called. *clean* is false for a way on which an error inside a stream, an answer without usage and the
    signature of a call are lost.
    """

    name: str
    model: str
    config: Callable[[str], LLMConfig]
    told: Usage = EVERYTHING
    told_streamed: Usage | None = None
    image_urls: bool = True
    forced_tools: bool = True
    clean: bool = True


Check: TypeAlias = Callable[[Provider], Awaitable[None]]


async def asked(
    provider: Provider, request: LLMRequest, *replies: Reply
) -> tuple[Outcome[LLMResponse, LLMError], list[Received]]:
    """The outcome of *request*, and what the simulator received for it."""
    async with Simulator() as simulator, custom(provider.config(simulator.url)) as context:
        simulator.script(provider.model, replies)
        return await run(generate(request), context), simulator.received


async def text(provider: Provider) -> None:
    everything = replace(
        ASK,
        system_prompt="Be brief.",
        messages=(
            Message(role="user", content="Hello"),
            Message(role="assistant", content="Hi"),
            Message(role="system", content="Be polite."),
        ),
        context={"place": "Vienna"},
        preferences=replace(ASK.preferences, max_tokens=50, stop=("END",)),
    )
    outcome, [received] = await asked(provider, everything, Say("It scatters.", finish="length"))
    response = outcome.unwrap()
    assert (response.content, response.model) == ("It scatters.", provider.model)
    assert response.finish_reason == "length"
    for part in ("Be brief.", "Be polite.", "Hello", "Vienna", "Why is the sky blue?", "END"):
        assert part in received.body.decode()


async def stream(provider: Provider) -> None:
    said = Say("It scatters blue.", reasoning="Rayleigh, I think.")
    async with Simulator() as simulator, custom(provider.config(simulator.url)) as context:
        simulator.script(provider.model, [said, Fault("stream_without_end"), Fault("error_in_stream")])
        async with (await run(generate_stream(ASK), context)).unwrap() as whole:
            *pieces, last = [event async for event in whole]
        async with (await run(generate_stream(replace(ASK, namespace="other")), context)).unwrap() as cut:
            *_, broken = [event async for event in cut]
        refused = await run(generate_stream(replace(ASK, namespace="third")), context)
    assert isinstance(last, StreamFinished)
    assert "".join(piece.text for piece in pieces if isinstance(piece, TextDelta)) == "It scatters blue."
    assert "".join(piece.text for piece in pieces if isinstance(piece, ReasoningDelta)) == last.response.reasoning
    assert sum(isinstance(piece, TextDelta) for piece in pieces) > 1
    assert (last.response.content, last.response.finish_reason) == ("It scatters blue.", "stop")
    assert isinstance(broken, StreamFailed)
    assert broken.partial == "hello"
    if provider.clean:
        assert isinstance(refused.failure(), RateLimitExceeded | ServerError)
    else:
        assert isinstance(refused, Failure), "whatever is lost, it is never taken for an answer"


async def tools(provider: Provider) -> None:
    twice = CallTools([("look", {"at": "sky"}), ("look", {"at": "sea"})])
    request = replace(ASK, tools=(LOOK,))
    async with Simulator() as simulator, custom(provider.config(simulator.url)) as context:
        simulator.script(provider.model, [twice, twice, Say("Both are blue.")])
        calling = (await run(generate(request), context)).unwrap()
        async with (await run(generate_stream(replace(request, namespace="other")), context)).unwrap() as streamed:
            *pieces, last = [event async for event in streamed]
        results = tuple(
            Message(role="tool", content=f"blue {call.arguments}", tool_call_id=call.id) for call in calling.tool_calls
        )
        asked_for = Message(role="assistant", tool_calls=calling.tool_calls)
        answer = replace(
            request, messages=(Message(role="user", content="Look."), asked_for, *results), prompt="And so?"
        )
        answered = (await run(generate(answer), context)).unwrap()
        forced = await run(generate(replace(request, tool_choice=NamedTool("look"))), context)
    assert calling.finish_reason == "tool_calls"
    said = [(call.name, json.loads(call.arguments)) for call in calling.tool_calls]
    assert said == [("look", {"at": "sky"}), ("look", {"at": "sea"})]
    assert len({call.id for call in calling.tool_calls}) == 2
    assert isinstance(last, StreamFinished)
    assert [(call.name, json.loads(call.arguments)) for call in last.response.tool_calls] == said
    if provider.clean:
        once, again = ([replace(call, id="") for call in each.tool_calls] for each in (calling, last.response))
        assert once == again  # some vendors number their calls anew in every answer
    for index, call in enumerate(last.response.tool_calls):
        parts = [piece for piece in pieces if isinstance(piece, ToolCallDelta) and piece.index == index]
        assert "".join(part.arguments for part in parts) == call.arguments
    assert answered.content == "Both are blue."
    if provider.forced_tools:
        assert [call.name for call in forced.unwrap().tool_calls] == ["look"]
    else:
        assert replace(forced.failure(), message="") == UnsupportedCapability(provider.model, "tool_choice")


async def images(provider: Provider) -> None:
    bytes_ = ImagePart(data=PIXEL, media_type="image/png")
    inline = ImagePart(url="data:image/png;base64,iVBORw0KGgo=")
    seen = Message(role="user", content=(TextPart("What is this?"), bytes_, inline))
    outcome, [received] = await asked(provider, replace(ASK, messages=(seen,)), Say("A pixel."))
    assert outcome.unwrap().content == "A pixel."
    assert received.body.count(b"iVBORw0KGgo=") == 2
    named = Message(role="user", content=(ImagePart(url="https://example.com/sky.png"),))
    outcome, all_received = await asked(provider, replace(ASK, messages=(named,)), Say("The sky."))
    if provider.image_urls:
        assert outcome.unwrap().content == "The sky."
        assert b"https://example.com/sky.png" in all_received[0].body
    else:
        assert replace(outcome.failure(), message="") == UnsupportedCapability(provider.model, "image_urls")


async def json_mode(provider: Provider) -> None:
    outcome, [received] = await asked(provider, replace(ASK, response_format=JsonMode()), Say('{"sky": "blue"}'))
    assert json.loads(outcome.unwrap().content) == {"sky": "blue"}
    assert b"json" in received.body.lower()


@dataclass(frozen=True)
class City:
    name: str
    people: int


async def json_schema(provider: Provider) -> None:
    """The simulator answers with a value of whatever schema it is held to, and with words if it is held to none."""
    async with Simulator() as simulator, custom(provider.config(simulator.url)) as context:
        value = (await run(query_with_schema(ASK, City, 0), context)).unwrap()
        [received] = simulator.received
    assert isinstance(value, City)
    assert b'"people"' in received.body


async def usage(provider: Provider) -> None:
    said = Say("Blue.", cached_tokens=4, reasoning_tokens=5)
    async with Simulator() as simulator, custom(provider.config(simulator.url)) as context:
        simulator.script(provider.model, [said, said, Say("Blue.", usage=None)])
        whole = (await run(generate(ASK), context)).unwrap()
        streamed = await run(generate(replace(ASK, namespace="other", streaming=True)), context)
        untold = await run(generate(replace(ASK, namespace="third")), context)
    assert replace(whole.usage, cost=Usage().cost) == provider.told
    assert replace(streamed.unwrap().usage, cost=Usage().cost) == (provider.told_streamed or provider.told)
    if provider.clean:
        assert untold.unwrap().usage.estimated


ERRORS: Mapping[str, tuple[Status, Callable[[str], LLMError]]] = {
    "rate limit": (Status(429, headers={"retry-after": "7"}), lambda model: RateLimitExceeded(model, 7.0)),
    "bad key": (Status(401), AuthenticationFailed),
    "forbidden": (Status(403), lambda model: AuthenticationFailed(model, forbidden=True)),
    "unknown model": (Status(404), ModelUnavailable),
    "overloaded": (Status(503), lambda model: ServerError(model, 503)),
    "failing": (Status(500), lambda model: ServerError(model, 500)),
}


async def errors(provider: Provider) -> None:
    for name, (status, error) in ERRORS.items():
        outcome, _ = await asked(provider, replace(ASK, deadline_s=5.0), status)
        assert replace(outcome.failure(), message="") == error(provider.model), name
    outcome, _ = await asked(provider, ASK, Status(400))
    assert outcome.failure().tag == "InvalidRequest"


async def models(provider: Provider) -> None:
    async with Simulator() as simulator, custom(provider.config(simulator.url)) as context:
        found = (await run(get_model_health(), context)).unwrap()
    [status] = [each for each in found if each.model == provider.model]
    assert status.healthy, status


FEATURES: Mapping[str, Check] = {
    "text": text,
    "stream": stream,
    "tools": tools,
    "images": images,
    "JSON mode": json_mode,
    "JSON schema": json_schema,
    "usage": usage,
    "errors": errors,
    "model list": models,
}
