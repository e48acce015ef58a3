"""A turn that meets another one, or a store that is away: it is stored once, or the answer is given all the same."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    ConversationConflict,
    ConversationNotFound,
    LLMRequest,
    LLMResponse,
    Outcome,
    Preferences,
    StoreUnavailable,
    StreamBroken,
    StreamFailed,
    StreamFinished,
    TextDelta,
    continue_conversation,
    continue_conversation_stream,
    delete_conversation,
    describe,
    replacing,
    run,
    start_conversation,
)
from llm_manager.adapters.conversations.memory import MemoryConversations
from llm_manager.domain.conversation import ConversationSummary, Turn
from llm_manager.ports import ConversationStore
from llm_manager.testing import Pause, Pieces, scripted
from tests.operations.conversations import said, started, whole

pytestmark = pytest.mark.anyio


async def test_a_lost_race_stores_nothing_and_gives_the_answer() -> None:
    async with scripted({"slow": [Pause(2.0, "late")], "fast": ["first"]}) as context:
        id_ = await started(context)
        outcomes: list[Outcome[LLMResponse, object]] = []

        async def say(model: str) -> None:
            request = LLMRequest(prompt=model, preferences=Preferences(model=model))
            outcomes.append(await run(continue_conversation(id_, request), context))

        async with anyio.create_task_group() as group:
            group.start_soon(say, "slow")
            await context.clock.sleep(1.0)
            group.start_soon(say, "fast")
        now = await whole(context, id_)
    error = outcomes[1].failure()
    assert isinstance(error, ConversationConflict)
    assert error.response is not None
    assert error.response.content == "late"
    assert "the answer is in `response`" in describe(error)
    assert said(now) == [("user", "fast", 2), ("assistant", "first", 2)]


async def test_a_conversation_that_was_begun_anew_meanwhile_gets_nothing_of_the_old_one() -> None:
    async with scripted({"gpt": [Pause(5.0, "an old answer")]}) as context:
        await run(start_conversation("Be brief.", conversation_id="ada"), context)
        outcomes: list[Outcome[LLMResponse, object]] = []

        async def go_on() -> None:
            outcomes.append(await run(continue_conversation("ada", "an old question"), context))

        async with anyio.create_task_group() as group:
            group.start_soon(go_on)
            await context.clock.sleep(1.0)
            await run(delete_conversation("ada"), context)
            await run(start_conversation("Be kind.", conversation_id="ada"), context)
        now = await whole(context, "ada")
    error = outcomes[0].failure()
    assert isinstance(error, ConversationConflict)
    assert error.response is not None
    assert (error.response.content, said(now)) == ("an old answer", [("system", "Be kind.", 1)])


async def test_a_conversation_that_was_deleted_meanwhile_gives_the_answer() -> None:
    async with scripted({"gpt": [Pause(2.0, "late")]}) as context:
        id_ = await started(context)
        outcomes: list[Outcome[LLMResponse, object]] = []

        async def say() -> None:
            outcomes.append(await run(continue_conversation(id_, "a"), context))

        async with anyio.create_task_group() as group:
            group.start_soon(say)
            await context.clock.sleep(1.0)
            assert await run(delete_conversation(id_), context) == Success(None)
    error = outcomes[0].failure()
    assert isinstance(error, ConversationConflict)
    assert error.message == "it was deleted meanwhile"
    assert error.response is not None


class Failing:
    """A store of which the next *times* additions fail; with *after*, once they are done."""

    def __init__(self, inner: ConversationStore) -> None:
        self._inner = inner
        self.times = 0
        self.after = False

    async def load(self, conversation_id: str, /) -> Outcome[tuple[Turn, ...], ConversationNotFound | StoreUnavailable]:
        return await self._inner.load(conversation_id)

    async def append(
        self, conversation_id: str, expected_version: int, turns: Sequence[Turn], /
    ) -> Outcome[int, ConversationNotFound | ConversationConflict | StoreUnavailable]:
        fails, self.times = self.times > 0, self.times - 1
        if not fails or self.after:
            done = await self._inner.append(conversation_id, expected_version, turns)
        else:
            done = Failure(StoreUnavailable("test"))
        return Failure(StoreUnavailable("test")) if fails else done

    async def remove(self, conversation_id: str, /) -> Outcome[None, ConversationNotFound | StoreUnavailable]:
        return await self._inner.remove(conversation_id)

    async def page(
        self, after: ConversationSummary | None, limit: int, /
    ) -> Outcome[tuple[ConversationSummary, ...], StoreUnavailable]:
        return await self._inner.page(after, limit)


@pytest.mark.parametrize("after", [False, True])
async def test_a_store_that_comes_back_keeps_the_answer_once(*, after: bool) -> None:
    store = Failing(MemoryConversations())
    async with scripted({"gpt": ["paid for"]}) | replacing(conversations=store) as context:
        id_ = await started(context)
        store.times, store.after = 3, after
        assert (await run(continue_conversation(id_, "a"), context)).unwrap().content == "paid for"
        assert said(await whole(context, id_)) == [("user", "a", 2), ("assistant", "paid for", 2)]


async def test_a_store_that_stays_away_gives_the_answer() -> None:
    store = Failing(MemoryConversations())
    async with scripted({"gpt": ["paid for"]}) | replacing(conversations=store) as context:
        id_ = await started(context)
        store.times = 99
        error = (await run(continue_conversation(id_, "a"), context)).failure()
    assert isinstance(error, StoreUnavailable)
    assert error.response is not None
    assert error.response.content == "paid for"
    assert describe(error) == (
        "the store test cannot be used: check that it is running and reachable;"
        " the answer is in `response`, and is not stored"
    )


async def test_a_turn_that_is_called_off_while_it_is_being_stored_is_stored() -> None:
    store = Failing(MemoryConversations())
    async with scripted({"gpt": ["paid for"]}) | replacing(conversations=store) as context:
        id_ = await started(context)
        store.times = 2
        with context.clock.move_on_after(0.1):
            await run(continue_conversation(id_, "a"), context)
        assert (await whole(context, id_)).version == 2


async def test_a_stream_is_stored_before_it_says_that_it_has_finished() -> None:
    async with scripted({"gpt": [Pieces(["It ", "scatters."])]}) as context:
        id_ = await started(context)
        versions: list[int] = []
        async with (await run(continue_conversation_stream(id_, "Why?"), context)).unwrap() as stream:
            async for event in stream:
                versions.append((await whole(context, id_)).version)
                assert isinstance(event, TextDelta | StreamFinished)
        assert versions == [1, 1, 2]
        assert said(await whole(context, id_)) == [("user", "Why?", 2), ("assistant", "It scatters.", 2)]


async def test_a_stream_that_loses_the_race_fails_at_its_end_with_the_answer() -> None:
    async with scripted({"gpt": [Pieces(["It ", "scatters."]), "first"]}) as context:
        id_ = await started(context)
        async with (await run(continue_conversation_stream(id_, "Why?"), context)).unwrap() as stream:
            await run(continue_conversation(id_, "And?"), context)
            [*_, last] = [event async for event in stream]
        assert isinstance(last, StreamFailed)
        assert isinstance(last.error, ConversationConflict)
        assert (last.partial, last.error.response and last.error.response.content) == ("It scatters.", "It scatters.")
        assert said(await whole(context, id_)) == [("user", "And?", 2), ("assistant", "first", 2)]


async def test_a_stream_that_breaks_or_is_left_stores_nothing() -> None:
    broken = Pieces(["half"], StreamBroken("gpt"))
    async with scripted({"gpt": [broken, Pieces(["left", " alone"])]}) as context:
        id_ = await started(context)
        async with (await run(continue_conversation_stream(id_, "a"), context)).unwrap() as stream:
            assert isinstance([event async for event in stream][-1], StreamFailed)
        async with (await run(continue_conversation_stream(id_, "a"), context)).unwrap() as stream:
            assert stream.model == "gpt"
            assert await anext(stream) == TextDelta("left")
        assert (await whole(context, id_)).version == 1
