"""Conversations as programs hold them."""

from __future__ import annotations

import pytest
from returns.result import Failure, Success

from llm_manager import (
    ConversationContext,
    ConversationNotFound,
    InvalidRequest,
    LLMRequest,
    LLMResponse,
    Message,
    Op,
    Preferences,
    Problem,
    ServerError,
    StoredMessage,
    Tool,
    ToolCall,
    continue_conversation,
    continue_conversation_stream,
    delete_conversation,
    fork_conversation,
    get_conversation,
    run,
)
from llm_manager.testing import Pause, VirtualClock, scripted
from llm_manager.testing.clock import EPOCH_S
from tests.operations.conversations import Seen, outcome_of, said, started, whole

pytestmark = pytest.mark.anyio


async def test_a_conversation_remembers_what_was_said() -> None:
    seen, clock = Seen(), VirtualClock(5.0, autojump=True)
    lines = {"gpt": [seen.says("It scatters."), seen.says(Pause(2.0, "Blue light, most."))]}
    async with scripted(lines, clock=clock) as context:
        id_ = await started(context, "Be brief.")
        await run(continue_conversation(id_, "Why is the sky blue?"), context)
        answer = (await run(continue_conversation(id_, "Which?"), context)).unwrap()
        now = await whole(context, id_)
    assert answer.content == "Blue light, most."
    assert [(each.role, each.content) for each in seen.requests[1].messages] == [
        ("user", "Why is the sky blue?"),
        ("assistant", "It scatters."),
    ]
    assert (seen.requests[1].system_prompt, seen.requests[1].prompt) == ("Be brief.", "Which?")
    assert now == ConversationContext(
        id=id_,
        messages=(
            StoredMessage(role="system", content="Be brief.", timestamp=EPOCH_S + 5, version=1),
            StoredMessage(role="user", content="Why is the sky blue?", timestamp=EPOCH_S + 5, version=2),
            StoredMessage(role="assistant", content="It scatters.", timestamp=EPOCH_S + 5, version=2),
            StoredMessage(role="user", content="Which?", timestamp=EPOCH_S + 5, version=3),
            StoredMessage(role="assistant", content="Blue light, most.", timestamp=EPOCH_S + 7, version=3),
        ),
        created_at=EPOCH_S + 5,
        updated_at=EPOCH_S + 7,
        version=3,
        usage=now.usage,
        model="gpt",
    )


async def test_a_conversation_changes_models_in_the_middle() -> None:
    seen = Seen()
    async with scripted({"gpt": [seen.says("one")], "claude": [seen.says("two")]}) as context:
        id_ = await started(context)
        first = LLMRequest(prompt="a", preferences=Preferences(model="gpt"))
        second = LLMRequest(prompt="b", preferences=Preferences(model="claude"), system_prompt="Only now.")
        models = [(await run(continue_conversation(id_, each), context)).unwrap().model for each in (first, second)]
        now = await whole(context, id_)
    assert models == ["gpt", "claude"]
    assert seen.requests[1].system_prompt == "Only now."
    assert said(now) == [("user", "a", 2), ("assistant", "one", 2), ("user", "b", 3), ("assistant", "two", 3)]


async def test_the_result_of_a_tool_follows_its_call_with_the_proof_its_vendor_wants_back() -> None:
    call = ToolCall(id="1", name="look", arguments="{}", signature="gemini:c2lnbmVk")
    calling = LLMResponse(content="", model="gpt", finish_reason="tool_calls", tool_calls=(call,))
    seen, tools = Seen(), (Tool(name="look"),)
    async with scripted({"gpt": [calling, seen.says("It is blue.")]}) as context:
        id_ = await started(context)
        await run(continue_conversation(id_, LLMRequest(prompt="Look.", tools=tools)), context)
        result = Message(role="tool", content="blue", tool_call_id="1")
        answer = await run(continue_conversation(id_, LLMRequest(messages=(result,), tools=tools)), context)
        now = await whole(context, id_)
    assert answer.unwrap().content == "It is blue."
    assert seen.requests[0].messages == (
        Message(role="user", content="Look."),
        Message(role="assistant", tool_calls=(call,)),
        result,
    )
    assert [(each.role, each.tool_calls, each.tool_call_id) for each in now.messages[1:3]] == [
        ("assistant", (call,), None),
        ("tool", (), "1"),
    ]


async def test_what_the_system_says_in_the_middle_holds_from_then_on() -> None:
    seen = Seen()
    lines = {"gpt": [seen.says("Hello."), seen.says("Bonjour."), seen.says("Oui.")]}
    french = Message(role="system", content="From now on speak French.")
    async with scripted(lines) as context:
        id_ = await started(context, "Be brief.")
        await run(continue_conversation(id_, "Hi."), context)
        await run(continue_conversation(id_, LLMRequest(prompt="Hi again.", messages=(french,))), context)
        await run(continue_conversation(id_, "Really?"), context)
    assert [request.system_prompt for request in seen.requests] == ["Be brief."] * 3
    assert [(each.role, each.content) for each in seen.requests[2].messages] == [
        ("user", "Hi."),
        ("assistant", "Hello."),
        ("system", "From now on speak French."),
        ("user", "Hi again."),
        ("assistant", "Bonjour."),
    ]


async def test_a_result_for_a_call_that_nobody_made_is_refused_and_nothing_is_stored() -> None:
    async with scripted({"gpt": ["never said"]}) as context:
        id_ = await started(context)
        lost = LLMRequest(messages=(Message(role="tool", content="x", tool_call_id="9"),))
        outcome = await run(continue_conversation(id_, lost), context)
        assert isinstance(outcome.failure(), InvalidRequest)
        assert (await whole(context, id_)).version == 1


async def test_a_message_that_says_nothing_is_refused() -> None:
    async with scripted({"gpt": ["never said"]}) as context:
        id_ = await started(context)
        problem = Problem("message", "is empty: say something, or give the results of tools")
        for op in (continue_conversation(id_, " "), continue_conversation_stream(id_, LLMRequest())):
            assert await outcome_of(op, context) == Failure(InvalidRequest((problem,)))


async def test_an_answer_without_a_word_is_kept_and_not_sent_back() -> None:
    seen = Seen()
    nothing = LLMResponse(content="", model="gpt", finish_reason="refusal")
    async with scripted({"gpt": [nothing, seen.says("Gladly.")]}) as context:
        id_ = await started(context)
        for text in ("Do it.", "Please."):
            await run(continue_conversation(id_, text), context)
        assert [each.content for each in seen.requests[0].messages] == ["Do it."]
        assert [each[1] for each in said(await whole(context, id_))] == ["Do it.", "", "Please.", "Gladly."]


async def test_a_turn_that_fails_stores_nothing() -> None:
    async with scripted({"gpt": [ServerError("gpt", 400), "now"]}) as context:
        id_ = await started(context)
        assert isinstance(await run(continue_conversation(id_, "a"), context), Failure)
        assert (await whole(context, id_)).version == 1
        assert isinstance(await run(continue_conversation(id_, "a"), context), Success)


@pytest.mark.parametrize("id_", ["gone", "'; DROP TABLE llm_manager_turn; --", "\0", ""])
async def test_an_unknown_conversation_is_not_found_and_nothing_is_sent(id_: str) -> None:
    missing = Failure(ConversationNotFound(id_))
    async with scripted({"gpt": ["never said"]}) as context:
        ops: list[Op[object]] = [
            continue_conversation(id_, "a"),
            continue_conversation_stream(id_, "a"),
            get_conversation(id_),
            fork_conversation(id_),
            delete_conversation(id_),
        ]
        for op in ops:
            assert await run(op, context) == missing
        assert (await run(continue_conversation(await started(context), "a"), context)).unwrap().content
