"""Conversations as things to keep: begun, counted, forked, listed, and cut for a model's window."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    BudgetExceeded,
    ConversationConflict,
    ConversationUsage,
    InvalidRequest,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    Message,
    ModelSettings,
    Outcome,
    Preferences,
    Problem,
    ReportedCost,
    ServerError,
    Usage,
    continue_conversation,
    continue_conversation_stream,
    fork_conversation,
    list_conversations,
    run,
    start_conversation,
)
from llm_manager.testing import Line, Pause, scripted
from tests.operations.conversations import Seen, outcome_of, said, started, whole

pytestmark = pytest.mark.anyio


PRICED = LLMConfig(models={"gpt": ModelSettings(prompt_usd=1000.0, completion_usd=1000.0, max_output_tokens=100)})
"""A model that costs a tenth of a cent a token."""


ONLY_GPT = Preferences(model="gpt", fallback="none")


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
            outcome = await outcome_of(op, context)
            assert isinstance(outcome.failure(), BudgetExceeded)
        assert (await whole(context, id_)).usage.cost_usd == pytest.approx(0.1)
        assert (await whole(context, id_)).version == 2


@pytest.mark.parametrize("budget", [0.0, -1.0, float("nan"), float("inf")])
async def test_a_budget_that_is_none_raises_where_it_is_given(budget: float) -> None:
    with pytest.raises(ValueError, match="start_conversation takes a budget of more than 0 US dollars"):
        start_conversation(budget_usd=budget)


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
        assert [problem.path for problem in _problems(await run(wrong, context))] == [
            "conversation_id",
            "metadata.not JSON",
        ]


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


@pytest.mark.parametrize("version", [2, 2**70])
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
async def test_a_list_of_no_length_raises_where_it_is_asked_for(limit: int) -> None:
    with pytest.raises(ValueError, match="list_conversations takes a limit from 1 to 1000"):
        list_conversations(limit=limit)


async def test_a_long_conversation_is_cut_for_the_model_and_never_in_the_store() -> None:
    seen = Seen()
    small = LLMConfig(models={"gpt": ModelSettings(window_tokens=200)})
    lines = {"gpt": [seen.says(f"answer {number} " + " word" * 20) for number in range(12)]}
    async with scripted(lines, config=small) as context:
        id_ = await started(context, "Be brief.")
        for number in range(12):
            outcome = await run(continue_conversation(id_, f"question {number}"), context)
            assert isinstance(outcome, Success)
        now = await whole(context, id_)
    assert len(now.messages) == 25
    sent = seen.requests[-1]
    assert sent.system_prompt == "Be brief."
    questions = [each.content for each in sent.messages if each.role == "user"]
    assert 1 < len(questions) < 8
    assert questions == [f"question {number}" for number in range(11 - len(questions), 11)]
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
    long = " word" * 150
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
