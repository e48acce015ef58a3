"""A conversation with every provider, and one that goes from each to the next; the vendors' rules judge it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from llm_manager import (
    Context,
    Message,
    StreamFinished,
    continue_conversation,
    continue_conversation_stream,
    custom,
    get_conversation,
    replacing,
    run,
    sqlite_conversations,
    start_conversation,
)
from llm_manager.testing.simulator import CallTools, Say, Simulator
from tests.providers.checks import ASK, LOOK, Provider
from tests.providers.providers import PROVIDERS

pytestmark = pytest.mark.anyio

TWICE = CallTools([("look", {"at": "sky"}), ("look", {"at": "sea"})])


async def looked(id_: str, provider: Provider, simulator: Simulator, context: Context) -> None:
    """A text, two calls of a tool, their results, and the answer in pieces: three turns."""
    simulator.script(provider.model, [Say("It scatters."), TWICE, Say("Both are blue.")])
    asked = replace(ASK, tools=(LOOK,))
    first = (await run(continue_conversation(id_, replace(asked, tools=())), context)).unwrap()
    assert first.content == "It scatters."
    calling = (await run(continue_conversation(id_, replace(asked, prompt="Look.")), context)).unwrap()
    results = tuple(Message(role="tool", content="blue", tool_call_id=call.id) for call in calling.tool_calls)
    assert len(results) == 2
    answer = replace(asked, prompt="", messages=results)
    async with (await run(continue_conversation_stream(id_, answer), context)).unwrap() as stream:
        [*_, last] = [event async for event in stream]
    assert isinstance(last, StreamFinished), last
    assert last.response.content == "Both are blue."
    whole = (await run(get_conversation(id_), context)).unwrap()
    assert whole.messages[-4].tool_calls == calling.tool_calls


ROLES = ["user", "assistant", "user", "assistant", "tool", "tool", "assistant"]


@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_conversation_with_tools_is_held_with_every_provider(name: str, tmp_path: Path) -> None:
    provider, store = PROVIDERS[name], sqlite_conversations(tmp_path / "chats.db")
    async with (
        Simulator() as simulator,
        custom(provider.config(simulator.url)) | replacing(conversations=store) as context,
    ):
        id_ = (await run(start_conversation("Be brief."), context)).unwrap()
        await looked(id_, provider, simulator, context)
        whole = (await run(get_conversation(id_), context)).unwrap()
    assert [message.role for message in whole.messages] == ["system", *ROLES]
    assert whole.version == 4


async def test_one_conversation_goes_from_each_provider_to_the_next(tmp_path: Path) -> None:
    store = sqlite_conversations(tmp_path / "chats.db")
    id_ = ""
    for provider in PROVIDERS.values():
        async with (
            Simulator() as simulator,
            custom(provider.config(simulator.url)) | replacing(conversations=store) as context,
        ):
            id_ = id_ or (await run(start_conversation("Be brief."), context)).unwrap()
            await looked(id_, provider, simulator, context)
    turns = (await store.load(id_)).unwrap()
    roles = [message.role for turn in turns for message in turn.messages]
    assert roles == ["system", *ROLES * len(PROVIDERS)]
