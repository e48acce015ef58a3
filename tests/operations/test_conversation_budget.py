"""A conversation's budget counts what was spent, whatever came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BudgetExceeded,
    Context,
    ConversationConflict,
    ConversationContext,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    LLMStream,
    ModelSettings,
    NetworkError,
    Op,
    Outcome,
    RetrySettings,
    ServerError,
    StreamBroken,
    Usage,
    collect,
    continue_conversation,
    continue_conversation_stream,
    delete_conversation,
    fork_conversation,
    get_conversation,
    run,
    start_conversation,
    token_range,
)
from llm_manager.effect.layer import Layer
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.testing import Line, Pause, Pieces, scripted

pytestmark = pytest.mark.anyio

PRICED = LLMConfig(
    models={"gpt": ModelSettings(prompt_usd=1000.0, completion_usd=1000.0, max_output_tokens=100)},
    retry=RetrySettings(base_s=0.0),
)
"""A model that costs a tenth of a cent a token; an attempt of a short question may cost a little more than a tenth."""


def worst(prompt: str) -> float:
    return (prompt_tokens(LLMRequest(prompt=prompt), "gpt").high + 100) / 1_000


WORST = worst("hi")

ANSWER = LLMResponse(content="x", model="gpt", usage=Usage(prompt_tokens=5, completion_tokens=20))
PERHAPS_BILLED = NetworkError("gpt", ambiguous=True)
Way: TypeAlias = Callable[[str, str], Op[LLMResponse] | Op[LLMStream]]


def layer(*lines: Line) -> Layer[Context, object, None]:
    return scripted({"gpt": lines}, config=PRICED)


async def begun(context: Context, budget_usd: float | None = 1.0) -> str:
    return (await run(start_conversation(budget_usd=budget_usd), context)).unwrap()


async def whole(context: Context, id_: str) -> ConversationContext:
    return (await run(get_conversation(id_), context)).unwrap()


def spent(conversation: ConversationContext) -> tuple[float, float]:
    return round(conversation.usage.cost_usd, 6), round(conversation.usage.lost_usd, 6)


async def test_a_try_that_may_have_been_billed_counts_beside_the_answer() -> None:
    async with layer(PERHAPS_BILLED, ANSWER) as context:
        id_ = await begun(context)
        assert isinstance(await run(continue_conversation(id_, "hi"), context), Success)
        now = await whole(context, id_)
    assert (spent(now), now.version) == ((0.025, WORST), 2)


async def test_a_turn_that_failed_at_a_price_is_one_without_messages() -> None:
    async with layer(*[PERHAPS_BILLED] * 2) as context:
        id_ = await begun(context)
        failed = await run(continue_conversation(id_, "hi"), context)
        now = await whole(context, id_)
        assert failed == Failure(PERHAPS_BILLED)
        assert (spent(now), now.version, now.messages) == ((0.0, 2 * WORST), 2, ())
        assert spent(await whole(context, (await run(fork_conversation(id_), context)).unwrap())) == (0.0, 0.0)


async def test_what_failed_leaves_less_for_the_next_turn() -> None:
    async with layer(*[PERHAPS_BILLED] * 2, "never said") as context:
        id_ = await begun(context, 0.25)
        await run(continue_conversation(id_, "hi"), context)
        refused = await run(continue_conversation(id_, "hi"), context)
    assert isinstance(refused.failure(), BudgetExceeded)


@pytest.mark.parametrize(
    ("budget_usd", "line"), [(None, PERHAPS_BILLED), (1.0, ServerError("gpt", 400, "nothing was billed"))]
)
async def test_a_turn_that_failed_for_nothing_or_without_a_budget_stores_nothing(
    budget_usd: float | None, line: Line
) -> None:
    async with layer(*[line] * 4) as context:
        id_ = await begun(context, budget_usd)
        assert isinstance(await run(continue_conversation(id_, "hi"), context), Failure)
        assert (await whole(context, id_)).version == 1


BROKEN = Pieces(("It ", "scatters"), StreamBroken("gpt"))


async def test_a_stream_that_broke_off_counts_as_far_as_it_came() -> None:
    async with layer(BROKEN) as context:
        id_ = await begun(context)
        opened = await run(continue_conversation_stream(id_, "hi"), context)
        assert isinstance(await collect(opened.unwrap()), Failure)
        now = await whole(context, id_)
    used = prompt_tokens(LLMRequest(prompt="hi"), "gpt").likely + token_range("It scatters").high
    assert (spent(now), now.messages) == ((0.0, used / 1_000), ())


async def test_a_stream_that_was_left_counts_as_far_as_it_came() -> None:
    async with layer(Pieces(("It ", "scatters", " light"))) as context:
        id_ = await begun(context)
        async with (await run(continue_conversation_stream(id_, "hi"), context)).unwrap() as stream:
            await anext(stream)
        now = await whole(context, id_)
    used = prompt_tokens(LLMRequest(prompt="hi"), "gpt").likely + token_range("It ").high
    assert (spent(now), now.messages) == ((0.0, round(used / 1_000, 6)), ())


async def test_a_stream_that_was_read_to_its_end_is_stored_once() -> None:
    async with layer(PERHAPS_BILLED, ANSWER) as context:
        id_ = await begun(context)
        await collect((await run(continue_conversation_stream(id_, "hi"), context)).unwrap())
        now = await whole(context, id_)
    assert (spent(now), now.version, len(now.messages)) == ((0.025, WORST), 2, 2)


async def test_a_stream_that_never_began_counts_too() -> None:
    async with layer(*[PERHAPS_BILLED] * 2) as context:
        id_ = await begun(context)
        assert isinstance(await run(continue_conversation_stream(id_, "hi"), context), Failure)
        assert spent(await whole(context, id_)) == (0.0, 2 * WORST)


@pytest.mark.parametrize("way", [continue_conversation, continue_conversation_stream])
async def test_a_turn_that_was_called_off_counts_what_it_may_have_cost(way: Way) -> None:
    async with layer(Pause(60.0, ANSWER)) as context:
        id_ = await begun(context)
        with context.clock.move_on_after(1.0):
            await run(way(id_, "hi"), context)
        assert spent(await whole(context, id_)) == (0.0, WORST)


async def at_once(context: Context, id_: str, *texts: str) -> Mapping[str, Outcome[LLMResponse, object]]:
    outcomes: dict[str, Outcome[LLMResponse, object]] = {}

    async def say(text: str) -> None:
        outcomes[text] = await run(continue_conversation(id_, text), context)

    async with anyio.create_task_group() as group:
        for text in texts:
            group.start_soon(say, text)
            await context.clock.sleep(0.01)
    return outcomes


def contents(conversation: ConversationContext) -> Sequence[object]:
    return [each.content for each in conversation.messages]


async def test_an_answer_that_came_too_late_counts() -> None:
    late = replace(ANSWER, content="late")
    async with layer(Pause(1.0, ANSWER), Pause(2.0, late)) as context:
        id_ = await begun(context)
        outcomes = await at_once(context, id_, "first", "second")
        now = await whole(context, id_)
    assert isinstance(outcomes["second"].failure(), ConversationConflict)
    assert (contents(now), spent(now)) == (["first", "x"], (0.025, 0.025))


async def test_money_that_was_lost_meanwhile_is_in_no_turns_way() -> None:
    lines: list[Line] = [Pause(1.0, PERHAPS_BILLED), Pause(2.0, ANSWER), PERHAPS_BILLED]
    async with layer(*lines) as context:
        id_ = await begun(context)
        outcomes = await at_once(context, id_, "fails", "is answered")
        now = await whole(context, id_)
    assert (outcomes["fails"], isinstance(outcomes["is answered"], Success)) == (Failure(PERHAPS_BILLED), True)
    assert (contents(now), now.version, spent(now)) == (["is answered", "x"], 3, (0.025, 2 * worst("fails")))


@pytest.mark.parametrize("line", [PERHAPS_BILLED, ANSWER])
async def test_another_conversation_of_the_same_name_pays_for_nothing(line: Line) -> None:
    async with layer(Pause(1.0, line), *[line] * 3) as context:
        id_ = await begun(context)
        async with anyio.create_task_group() as group:
            group.start_soon(at_once, context, id_, "hi")
            await context.clock.sleep(0.5)
            await run(delete_conversation(id_), context)
            await run(start_conversation(conversation_id=id_, budget_usd=1.0), context)
        assert (await whole(context, id_)).version == 1
