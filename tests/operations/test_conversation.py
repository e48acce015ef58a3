"""Conversations as programs hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BudgetExceeded,
    Context,
    ConversationConflict,
    ConversationContext,
    ConversationNotFound,
    ConversationUsage,
    InvalidRequest,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    Message,
    ModelSettings,
    Op,
    Outcome,
    Preferences,
    Problem,
    ReportedCost,
    ServerError,
    StoredMessage,
    StoreUnavailable,
    StreamBroken,
    StreamFailed,
    StreamFinished,
    TextDelta,
    Tool,
    ToolCall,
    Usage,
    continue_conversation,
    continue_conversation_stream,
    delete_conversation,
    describe,
    fork_conversation,
    get_conversation,
    list_conversations,
    replacing,
    run,
    start_conversation,
)
from llm_manager.adapters.conversations.memory import MemoryConversations
from llm_manager.domain.conversation import ConversationSummary, Turn
from llm_manager.ports import ConversationStore
from llm_manager.testing import Line, Pause, Pieces, VirtualClock, scripted
from llm_manager.testing.clock import EPOCH_S

pytestmark = pytest.mark.anyio

PRICED = LLMConfig(models={"gpt": ModelSettings(prompt_usd=1000.0, completion_usd=1000.0, max_output_tokens=100)})
"""A model that costs a tenth of a cent a token."""

ONLY_GPT = Preferences(model="gpt", fallback="none")


def said(context: ConversationContext) -> list[tuple[str, object, int]]:
    return [(each.role, each.content, each.version) for each in context.messages]


async def started(context: Context, system_prompt: str | None = None, budget_usd: float | None = None) -> str:
    return (await run(start_conversation(system_prompt, budget_usd=budget_usd), context)).unwrap()


async def whole(context: Context, id_: str) -> ConversationContext:
    return (await run(get_conversation(id_), context)).unwrap()


class Seen:
    """Lines that keep what they were asked."""

    def __init__(self) -> None:
        self.requests: list[LLMRequest] = []

    def says(self, line: Line) -> Line:
        def look(request: LLMRequest) -> Line:
            self.requests.append(request)
            return line

        return look


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
            assert await _any(op, context) == Failure(InvalidRequest((problem,)))


async def _any(op: Op[object], context: Context) -> Outcome[object, object]:
    return await run(op, context)


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


async def test_totals_count_what_is_known_and_say_what_is_not() -> None:
    def answer(usage: Usage) -> LLMResponse:
        return LLMResponse(content="x", model="gpt", usage=usage, finish_reason="stop")

    priced = answer(Usage(prompt_tokens=10, completion_tokens=2, cost=ReportedCost(0.25)))
    unpriced = answer(Usage(prompt_tokens=5, completion_tokens=1))
    async with scripted({"gpt": [priced, unpriced]}) as context:
        id_ = await started(context)
        for text in ("a", "b"):
            await run(continue_conversation(id_, text), context)
        assert (await whole(context, id_)).usage == ConversationUsage(
            prompt_tokens=15, completion_tokens=3, cost_usd=0.25, unpriced_turns=1
        )


async def test_a_budget_bounds_the_whole_conversation() -> None:
    answer = LLMResponse(content="x", model="gpt", usage=Usage(prompt_tokens=5, completion_tokens=95))
    async with scripted({"gpt": [answer, "never said"]}, config=PRICED) as context:
        id_ = await started(context, budget_usd=0.15)
        assert isinstance(await run(continue_conversation(id_, "a"), context), Success)
        for op in (continue_conversation(id_, "b"), continue_conversation_stream(id_, "b")):
            outcome = await _any(op, context)
            assert isinstance(outcome.failure(), BudgetExceeded)
        assert (await whole(context, id_)).usage.cost_usd == pytest.approx(0.1)
        assert (await whole(context, id_)).version == 2


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan"), float("inf")])
async def test_a_budget_that_is_none_is_refused(budget: float) -> None:
    async with scripted({}) as context:
        outcome = await run(start_conversation(budget_usd=budget), context)
        assert [problem.path for problem in _problems(outcome)] == ["budget_usd"]


def _problems(outcome: Outcome[object, object]) -> tuple[Problem, ...]:
    error = outcome.failure()
    assert isinstance(error, InvalidRequest)
    return error.problems


async def test_a_conversation_is_begun_with_data_and_an_id_of_ones_own() -> None:
    async with scripted({}) as context:
        begin = start_conversation(conversation_id="mine", metadata={"user": 7})
        assert await run(begin, context) == Success("mine")
        assert await run(begin, context) == Failure(ConversationConflict("mine"))
        assert (await whole(context, "mine")).metadata == {"user": 7}
        wrong = start_conversation(conversation_id="", metadata={"not JSON": object()})
        assert [problem.path for problem in _problems(await run(wrong, context))] == ["conversation_id", "metadata"]


async def test_metadata_is_what_json_says_of_it_in_memory_too_and_nobody_elses_to_change() -> None:
    tags = ["a"]
    async with scripted({}) as context:
        id_ = (await run(start_conversation(metadata={"tags": tags, "pair": (1, 2)}), context)).unwrap()
        tags.append("b")
        assert (await whole(context, id_)).metadata == {"tags": ["a"], "pair": [1, 2]}


async def test_a_fork_is_another_conversation() -> None:
    async with scripted({}) as context:
        id_ = await started(context)
        outcome = await run(fork_conversation(id_, new_id=id_), context)
    assert outcome == Failure(ConversationConflict(id_, "a fork needs an id of its own"))


async def test_a_fork_without_a_name_is_refused_as_a_beginning_is() -> None:
    async with scripted({}) as context:
        id_ = await started(context)
        began = await run(start_conversation(conversation_id=""), context)
        assert await run(fork_conversation(id_, new_id=""), context) == began
    assert began.failure().tag == "InvalidRequest"


async def test_ids_are_of_128_bits_and_no_two_are_equal() -> None:
    async with scripted({}) as context:
        ids = {await started(context) for _ in range(100)}
    assert len(ids) == 100
    assert all(len(id_) == 32 and int(id_, 16) >= 0 for id_ in ids)


async def test_a_fork_goes_its_own_way_from_an_earlier_turn() -> None:
    async with scripted({"gpt": ["one", "two", "other"]}) as context:
        id_ = await started(context, "Be brief.")
        for text in ("a", "b"):
            await run(continue_conversation(id_, text), context)
        fork = (await run(fork_conversation(id_, 2), context)).unwrap()
        await run(continue_conversation(fork, "c"), context)
        assert [each[1] for each in said(await whole(context, id_))] == ["Be brief.", "a", "one", "b", "two"]
        assert [each[1] for each in said(await whole(context, fork))] == ["Be brief.", "a", "one", "c", "other"]
        assert (await whole(context, fork)).usage.unpriced_turns == 1
        all_of_it = (await run(fork_conversation(id_, new_id="copy"), context)).unwrap()
        assert (await whole(context, all_of_it)).version == 3
        assert await run(fork_conversation(id_, new_id="copy"), context) == Success("copy")


@pytest.mark.parametrize("version", [0, 2, -1, 2**70])
async def test_a_fork_of_a_version_that_is_not_there_is_refused(version: int) -> None:
    async with scripted({}) as context:
        id_ = await started(context)
        [problem] = _problems(await run(fork_conversation(id_, version), context))
        assert str(problem) == f"version: is {version}: the conversation has the versions 1 to 1"


async def test_a_list_begins_with_what_was_continued_last() -> None:
    async with scripted({"gpt": [Pause(1.0, "x")]}) as context:
        ids = [await started(context) for _ in range(3)]
        await run(continue_conversation(ids[1], "a"), context)
        first = (await run(list_conversations(limit=2), context)).unwrap()
        rest = (await run(list_conversations(first[-1], limit=2), context)).unwrap()
    assert first[0].id == ids[1]
    assert {each.id for each in (*first, *rest)} == set(ids)
    assert len(rest) == 1


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_list_of_no_length_is_refused(limit: int) -> None:
    async with scripted({}) as context:
        assert [problem.path for problem in _problems(await run(list_conversations(limit=limit), context))] == ["limit"]


async def test_a_long_conversation_is_cut_for_the_model_and_never_in_the_store() -> None:
    seen = Seen()
    small = LLMConfig(models={"gpt": ModelSettings(window_tokens=200)})
    lines = {"gpt": [seen.says(f"answer {number} ".ljust(80, ".")) for number in range(12)]}
    async with scripted(lines, config=small) as context:
        id_ = await started(context, "Be brief.")
        for number in range(12):
            outcome = await run(continue_conversation(id_, f"question {number}"), context)
            assert isinstance(outcome, Success)
        now = await whole(context, id_)
    assert len(now.messages) == 25
    sent = seen.requests[-1]
    assert sent.system_prompt == "Be brief."
    assert [each.content for each in sent.messages if each.role == "user"] == [
        *("question 8", "question 9", "question 10"),
    ]
    assert sent.messages[0].role == "user"


async def test_what_is_said_with_a_turn_is_never_cut_from_it() -> None:
    small = LLMConfig(models={"gpt": ModelSettings(window_tokens=1_000)})
    seen = Seen()
    lines = {"gpt": [seen.says("a" * 400), seen.says("b" * 400), seen.says("short")]}
    document = Message(role="user", content="word " * 300)
    async with scripted(lines, config=small) as context:
        id_ = await started(context)
        for text in ("x" * 400, "y" * 400):
            await run(continue_conversation(id_, text), context)
        await run(continue_conversation(id_, LLMRequest(prompt="Sum it up.", messages=(document,))), context)
        too_large = replace(document, content="word " * 3_000)
        asked = LLMRequest(prompt="Sum it up.", messages=(too_large,), preferences=ONLY_GPT)
        refused = await run(continue_conversation(id_, asked), context)
    assert seen.requests[2].messages[-1] == document
    assert len(seen.requests[2].messages) < 5
    assert refused.failure().tag == "ContextTooLarge"


async def test_a_fallback_with_a_smaller_window_still_answers() -> None:
    seen = Seen()
    windows = LLMConfig(
        models={"gpt": ModelSettings(window_tokens=100_000), "claude": ModelSettings(window_tokens=200)}
    )
    long = "x" * 400
    lines: dict[str, list[Line]] = {
        "gpt": ["one", "two", *[ServerError("gpt", 500)] * 9],
        "claude": [seen.says("small")],
    }
    async with scripted(lines, config=replace(windows)) as context:
        id_ = await started(context)
        ops = [continue_conversation(id_, text) for text in (long, "short", "now")]
        models = [(await run(op, context)).unwrap().model for op in ops]
    assert models == ["gpt", "gpt", "claude"]
    assert [each.content for each in seen.requests[0].messages] == ["short", "two"]
