"""Calls of tools without results are named before anything is sent, and a conversation has a way out of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from returns.result import Failure, Success

from llm_manager import (
    Context,
    InvalidRequest,
    LLMRequest,
    LLMResponse,
    Message,
    Op,
    Outcome,
    Problem,
    ToolCall,
    collect,
    continue_conversation,
    continue_conversation_stream,
    effect,
    generate,
    get_conversation,
    provide,
    run,
    start_conversation,
)
from llm_manager.domain.conversation import StoredMessage, Turn
from llm_manager.domain.errors import LLMError
from llm_manager.domain.request_problems import request_problems
from llm_manager.testing import scripted

pytestmark = pytest.mark.anyio

CALLS = Message(
    role="assistant",
    tool_calls=(ToolCall(id="a", name="look", arguments="{}"), ToolCall(id="b", name="look", arguments="{}")),
)
ASKED = Message(role="user", content="Look twice.")


def result(id_: str, content: str = "a cat") -> Message:
    return Message(role="tool", content=content, tool_call_id=id_)


def missing(at: int, id_: str) -> Problem:
    said = f"calls look ({id_!r}), which has no result: give "
    write = f'Message(role="tool", tool_call_id={id_!r}, content=...) before the next message'
    return Problem(f"messages.1.tool_calls.{at}", said + write)


@pytest.mark.parametrize(
    ("after", "prompt", "problems"),
    [
        ((result("a"), result("b")), "", []),
        ((result("b"), Message(role="system", content="Be brief."), result("a")), "And?", []),
        ((), "And?", [missing(0, "a"), missing(1, "b")]),
        ((), "", [missing(0, "a"), missing(1, "b")]),
        ((result("a"),), "", [missing(1, "b")]),
        ((result("a"), Message(role="user", content="And?"), result("b")), "", [missing(1, "b")]),
    ],
)
async def test_each_call_without_a_result_is_named_before_anything_is_sent(
    after: tuple[Message, ...], prompt: str, problems: list[Problem]
) -> None:
    request = LLMRequest(prompt=prompt, messages=(ASKED, CALLS, *after))
    outcome = await provide(generate(request), scripted({"gpt": ["done"]}))
    assert list(request_problems(request)) == problems
    assert isinstance(outcome, Success) == (not problems)


async def test_a_result_of_no_call_is_named() -> None:
    request = LLMRequest(messages=(ASKED, CALLS, result("a"), result("b"), result("c")))
    assert [each.path for each in request_problems(request)] == ["messages.4.tool_call_id"]


def whole(id_: str, message: str | LLMRequest, **more: Any) -> Op[LLMResponse]:
    return continue_conversation(id_, message, **more)


def streamed(id_: str, message: str | LLMRequest, **more: Any) -> Op[LLMResponse]:
    async def reading(context: Context) -> Outcome[LLMResponse, LLMError]:
        opened = await run(continue_conversation_stream(id_, message, **more), context)
        return opened if isinstance(opened, Failure) else await collect(opened.unwrap())

    return effect(reading)


async def called(context: Context) -> str:
    """A conversation whose last answer called two tools."""
    id_ = (await run(start_conversation(), context)).unwrap()
    said = tuple(
        StoredMessage(role=each.role, content=each.content, timestamp=1.0, tool_calls=each.tool_calls)
        for each in (ASKED, CALLS)
    )
    assert isinstance(await context.conversations.append(id_, 1, (Turn(id="two", at=1.0, messages=said),)), Success)
    return id_


async def kept(context: Context, id_: str) -> list[tuple[str, object, str | None]]:
    """What was stored after the calls."""
    conversation = (await run(get_conversation(id_), context)).unwrap()
    return [(each.role, each.content, each.tool_call_id) for each in conversation.messages[2:]]


Continue = Callable[..., Op[LLMResponse]]
BOTH = pytest.mark.parametrize("go_on", [whole, streamed])


@BOTH
async def test_a_conversation_that_waits_for_results_names_them_and_the_ways_out(go_on: Continue) -> None:
    async with scripted({"gpt": ["done"]}) as context:
        id_ = await called(context)
        some = LLMRequest(prompt="And?", messages=(result("a"),))
        told = (await run(go_on(id_, some), context)).failure()
        assert told == InvalidRequest(
            (
                Problem(
                    "message",
                    "the conversation waits for the result of a tool: it calls look ('b'), which has no result: give "
                    "Message(role=\"tool\", tool_call_id='b', content=...) before the next message, or continue with "
                    'answer_open_calls="cancelled"',
                ),
            )
        )
        assert await kept(context, id_) == []


@BOTH
async def test_calls_that_are_cancelled_are_stored_as_such_and_the_conversation_goes_on(go_on: Continue) -> None:
    async with scripted({"gpt": ["done", "again"]}) as context:
        id_ = await called(context)
        some = LLMRequest(prompt="And?", messages=(result("a"),))
        assert isinstance(await run(go_on(id_, some, answer_open_calls="cancelled"), context), Success)
        assert await kept(context, id_) == [
            ("tool", "a cat", "a"),
            ("tool", "cancelled", "b"),
            ("user", "And?", None),
            ("assistant", "done", None),
        ]
        assert isinstance(await run(go_on(id_, "And now?"), context), Success)


@BOTH
async def test_with_nothing_open_there_is_nothing_to_cancel(go_on: Continue) -> None:
    async with scripted({"gpt": ["done"]}) as context:
        id_ = await called(context)
        results = LLMRequest(messages=(result("a"), result("b")))
        assert isinstance(await run(go_on(id_, results, answer_open_calls="cancelled"), context), Success)
        assert [role for role, _, _ in await kept(context, id_)] == ["tool", "tool", "assistant"]


async def test_calls_that_were_left_open_long_ago_are_answered_for_the_model_alone() -> None:
    async with scripted({"gpt": ["done"]}) as context:
        id_ = await called(context)
        later = StoredMessage(role="user", content="Never mind.", timestamp=2.0)
        answer = replace(later, role="assistant", content="Good.")
        turn = Turn(id="three", at=2.0, messages=(later, answer), follows="two")
        assert isinstance(await context.conversations.append(id_, 2, (turn,)), Success)
        assert isinstance((await run(whole(id_, "And?"), context)).failure(), InvalidRequest)
        assert isinstance(await run(whole(id_, "And?", answer_open_calls="cancelled"), context), Success)
        assert [role for role, _, _ in await kept(context, id_)] == ["user", "assistant", "user", "assistant"]


def test_what_becomes_of_open_calls_is_one_word() -> None:
    wrong: Any = "ignored"
    with pytest.raises(ValueError, match="write answer_open_calls=\"cancelled\", not 'ignored'"):
        continue_conversation("id", "And?", answer_open_calls=wrong)
