"""What is wrong inside a request is named with its place and what to write, and raises nowhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from returns.result import Failure

from llm_manager import (
    Context,
    ImagePart,
    InvalidRequest,
    JsonMode,
    JsonSchema,
    LLMRequest,
    Message,
    NamedTool,
    Op,
    Preferences,
    TextPart,
    Tool,
    ToolCall,
    batch,
    continue_conversation,
    continue_conversation_stream,
    generate,
    generate_stream,
    plan,
    query_multiple,
    query_with_schema,
    race,
    route_request,
    run,
    select_model,
    start_conversation,
    stream_with_schema,
)
from llm_manager.adapters.journals.memory import memory_journal
from llm_manager.domain.request_problems import is_plain, request_problems
from llm_manager.domain.shapes import misfits
from llm_manager.testing import scripted

NAN = float("nan")


def any_(given: object) -> Any:
    """*given*, for a program that nobody has checked."""
    return given


def asked(**fields: Any) -> LLMRequest:
    """A request of a program that nobody has checked."""
    return replace(LLMRequest(prompt="hi"), **fields)


def preferring(**fields: Any) -> LLMRequest:
    return LLMRequest(prompt="hi", preferences=Preferences(**fields))


def saying(**fields: Any) -> LLMRequest:
    return LLMRequest(prompt="hi", messages=(replace(Message(role="user"), **fields),))


FROM_OUTSIDE = "or parse_request(mapping) for data from outside"
WRONG: list[tuple[LLMRequest, list[str]]] = [
    (saying(role="developer"), ["messages.0.role: is 'developer': use one of system, user, assistant, tool"]),
    (saying(role=None), ["messages.0.role: is None: use one of system, user, assistant, tool"]),
    (saying(content=None), ["messages.0.content: is None: give a text, or write (TextPart(text=...),)"]),
    (saying(content=("hi",)), ["messages.0.content.0: is 'hi': write TextPart(text=...), or write ImagePart(url=...)"]),
    (saying(content=7), ["messages.0.content: is 7: give a text, or write (TextPart(text=...),)"]),
    (
        saying(tool_calls="look"),
        ["messages.0.tool_calls: is 'look': write (ToolCall(id=..., name=..., arguments=...),)"],
    ),
    (
        saying(role="assistant", tool_calls=(ToolCall(id="a", name="look", arguments=any_({})),)),
        ["messages.0.tool_calls.0.arguments: is a dict: give a text"],
    ),
    (asked(response_format="json"), ["response_format: is 'json': write JsonMode(), or write JsonSchema(schema=...)"]),
    (
        asked(response_format={"type": "object"}),
        [f"response_format: is a dict: write JsonMode(), or write JsonSchema(schema=...), {FROM_OUTSIDE}"],
    ),
    (
        asked(response_format=JsonSchema),
        ["response_format: is a type: write JsonMode(), or write JsonSchema(schema=...)"],
    ),
    (
        asked(tool_choice="maybe"),
        ["tool_choice: is 'maybe': use one of auto, none, required, or write NamedTool(name=...)"],
    ),
    (asked(tools=({"name": "look"},)), [f"tools.0: is a dict: write Tool(name=...), {FROM_OUTSIDE}"]),
    (asked(tools=Tool(name="look")), ["tools: is a Tool: write (Tool(name=...),)"]),
    (asked(tools=(Tool(name="look", parameters=any_(None)),)), ["tools.0.parameters: is None: give a mapping"]),
    (
        asked(messages=[{"role": "user", "content": "hi"}]),
        [f"messages.0: is a dict: write Message(role=...), {FROM_OUTSIDE}"],
    ),
    (asked(messages=None), ["messages: is None: write (Message(role=...),)"]),
    (asked(messages="hi"), ["messages: is 'hi': write (Message(role=...),)"]),
    (asked(prompt=None), ["prompt: is None: give a text"]),
    (asked(prompt=b"hi"), ["prompt: is a bytes: give a text"]),
    (asked(system_prompt=3), ["system_prompt: is 3: give a text"]),
    (asked(task_type=None), ["task_type: is None: give a text"]),
    (asked(namespace=None), ["namespace: is None: give a text"]),
    (asked(streaming="yes"), ["streaming: is 'yes': give True or False"]),
    (asked(truncation="yes"), ["truncation: is 'yes': use one of disabled, auto"]),
    (asked(kept_messages=True), ["kept_messages: is True: give a whole number"]),
    (asked(labels={"a": 1}), ["labels.a: is 1: give a text"]),
    (asked(labels="a"), ["labels: is 'a': give a mapping"]),
    (asked(context=["a"]), ["context: is a list: give a mapping"]),
    (asked(deadline_s="5"), ["deadline_s: is '5': give a number"]),
    (asked(deadline_s=NAN), ["deadline_s: is nan: give a number of seconds above 0"]),
    (asked(deadline_s=-1), ["deadline_s: is -1: give a number of seconds above 0"]),
    (asked(preferences={"model": "gpt"}), [f"preferences: is a dict: write Preferences(model=...), {FROM_OUTSIDE}"]),
    (asked(preferences=None), ["preferences: is None: write Preferences(model=...)"]),
    (preferring(priority="urgent"), ["preferences.priority: is 'urgent': use one of low, medium, high"]),
    (preferring(fallback="never"), ["preferences.fallback: is 'never': use one of chain, none"]),
    (preferring(fallback=[]), ["preferences.fallback: is a list: use one of chain, none"]),
    (preferring(stop="END"), ["preferences.stop: is 'END': write ('END',)"]),
    (preferring(stop=("END", 3)), ["preferences.stop.1: is 3: give a text"]),
    (preferring(max_tokens="5"), ["preferences.max_tokens: is '5': give a whole number"]),
    (preferring(max_tokens=True), ["preferences.max_tokens: is True: give a whole number"]),
    (preferring(max_tokens=1.5), ["preferences.max_tokens: is 1.5: give a whole number"]),
    (preferring(seed="1"), ["preferences.seed: is '1': give a whole number"]),
    (preferring(temperature="hot"), ["preferences.temperature: is 'hot': give a number"]),
    (preferring(temperature=NAN), ["preferences.temperature: is nan: give a number from 0 to 2"]),
    (preferring(top_p=True), ["preferences.top_p: is True: give a number"]),
    (preferring(model=7), ["preferences.model: is 7: give a text"]),
]


@pytest.mark.parametrize(("request_", "said"), WRONG)
def test_a_value_that_is_none_of_its_field_is_named_with_what_to_write(request_: LLMRequest, said: list[str]) -> None:
    assert [str(problem) for problem in request_problems(request_)] == said


def test_what_is_wrong_in_other_fields_is_named_as_well() -> None:
    request = LLMRequest(
        prompt=" ",
        messages=any_([{"role": "user"}]),
        tools=any_("look"),
        tool_choice=NamedTool("look"),
        kept_messages=-1,
        preferences=Preferences(max_tokens=any_("5"), top_p=2),
    )
    assert [problem.path for problem in request_problems(request)] == [
        "messages.0",
        "preferences.max_tokens",
        "tools",
        "prompt",
        "kept_messages",
        "preferences.top_p",
    ]


RIGHT = [
    LLMRequest(prompt="hi"),
    LLMRequest(
        messages=(
            Message(role="system", content="Be brief."),
            Message(role="user", content=(TextPart("what is it?"), ImagePart(url="https://example.com/a.png"))),
            Message(role="assistant", tool_calls=(ToolCall(id="a", name="look", arguments="{}"),)),
            Message(role="tool", content="a cat", tool_call_id="a"),
        ),
        tools=(Tool(name="look", parameters={"type": "object"}),),
        tool_choice=NamedTool("look"),
        response_format=JsonSchema(schema={"type": "object"}),
        deadline_s=5,
        labels={"from": "template"},
        context={"a": [1, None]},
        preferences=Preferences(model="gpt", stop=("END",), temperature=1, max_tokens=5, seed=-1, priority="high"),
        truncation="auto",
        kept_messages=2,
    ),
    LLMRequest(prompt="hi", response_format=JsonMode(), streaming=True, messages=any_([Message(role="user")])),
    LLMRequest(prompt="hi", preferences=Preferences(stop=any_(["END"]))),
]


@pytest.mark.parametrize("request_", RIGHT)
def test_what_is_right_has_no_problems_and_a_list_does_for_a_tuple(request_: LLMRequest) -> None:
    assert request_problems(request_) == ()


@pytest.mark.parametrize("request_", [*RIGHT, *(request for request, _ in WRONG)])
def test_what_passes_at_the_first_look_would_pass_the_second(request_: LLMRequest) -> None:
    assert not is_plain(request_) or misfits(request_) == ()


async def read(stream: Any, context: Context) -> Any:
    """The outcome of the one request of a batch."""
    async with stream.opened(context) as opened:
        [(_, outcome)] = [told async for told in opened]
    return outcome


ASKING: dict[str, Callable[[LLMRequest, Context], Any]] = {
    "generate": lambda request, context: run(generate(request), context),
    "generate_stream": lambda request, context: run(generate_stream(request), context),
    "route_request": lambda request, context: run(route_request(request), context),
    "plan": lambda request, context: run(plan(request), context),
    "select_model": lambda request, context: run(select_model(request), context),
    "query_with_schema": lambda request, context: run(query_with_schema(request, int), context),
    "stream_with_schema": lambda request, context: run(stream_with_schema(request, int), context),
    "batch": lambda request, context: read(batch([request]), context),
    "batch with a journal": lambda request, context: read(batch([request], journal=memory_journal({})), context),
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", ASKING)
async def test_whoever_asks_gets_what_is_wrong_as_a_failure(name: str) -> None:
    async with scripted({"gpt": []}) as context:
        for request, said in WRONG:
            if "schema" in name and said[0].startswith("response_format"):
                continue  # it asks for a format of its own
            outcome = await ASKING[name](request, context)
            assert isinstance(outcome.failure(), InvalidRequest), request
            assert [str(problem) for problem in outcome.failure().problems] == said


@pytest.mark.anyio
async def test_several_models_are_all_told() -> None:
    async with scripted({"gpt": []}) as context:
        for request, _ in WRONG:
            told = (await run(query_multiple(request, ["gpt", "claude"]), context)).unwrap()
            assert [type(each.failure()) for each in told] == [InvalidRequest, InvalidRequest]
            assert isinstance(await run(race(request, ["gpt", "claude"]), context), Failure)


@pytest.mark.anyio
@pytest.mark.parametrize("go_on", [continue_conversation, continue_conversation_stream])
async def test_a_conversation_does_not_go_on_with_what_is_wrong(go_on: Callable[..., Op[Any]]) -> None:
    async with scripted({"gpt": []}) as context:
        id_ = (await run(start_conversation(), context)).unwrap()
        for request, _ in WRONG:
            assert isinstance((await run(go_on(id_, request), context)).failure(), InvalidRequest)
