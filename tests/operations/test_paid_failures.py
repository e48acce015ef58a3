"""What was paid is counted, what was not is not: in the ledger, the metrics, the budget and the limiter alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BudgetSettings,
    CacheSettings,
    ComputedCost,
    ContentFiltered,
    Context,
    Layer,
    LimiterSettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    MalformedResponse,
    ModelSettings,
    Outcome,
    Preferences,
    ReasoningDelta,
    RequestTimedOut,
    RetrySettings,
    ServerError,
    TextDelta,
    TimeoutSettings,
    ToolCallDelta,
    UnknownCost,
    Usage,
    collect,
    generate,
    generate_stream,
    replacing,
    run,
)
from llm_manager.domain.events import AttemptFinished
from llm_manager.domain.paid import with_usage
from llm_manager.domain.stream import Delta
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.policies.token_estimate import token_range
from llm_manager.ports import Dispatch, Incoming, Observer
from llm_manager.testing import Line, Pause, Pieces, ScriptedProvider, VirtualClock, scripted
from tests.operations.asking import Listener
from tests.paid import unpaid

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="hi", preferences=Preferences(model="dear", fallback="none", max_tokens=2000))
DEAR = ModelSettings(prompt_usd=1.0, completion_usd=10.0, window_tokens=100_000)
CONFIG = LLMConfig(
    models={"dear": DEAR},
    budget=BudgetSettings(limit_usd=10.0),
    cache=CacheSettings(enabled=False),
    retry=RetrySettings(max_retries=0),
)
TOLD = Usage(prompt_tokens=1000, completion_tokens=1000, total_tokens=2000)
COST = ComputedCost(0.011)
PRICED = replace(TOLD, cost=COST)
ASKS = prompt_tokens(ASK, "dear")
WORST_USD = (ASKS.high * 1.0 + 2000 * 10.0) / 1e6


def paying(
    *lines: Line, config: LLMConfig = CONFIG, observer: Observer | None = None
) -> Layer[Context, LLMError, None]:
    return scripted({"dear": list(lines)}, config=config, observer=observer)


async def spent_usd(context: Context) -> float:
    assert context.budget is not None
    return await context.budget.spent_usd()


FAILED: Sequence[LLMError] = [
    ContentFiltered("dear", "half", usage=TOLD),
    MalformedResponse("dear", "empty", usage=TOLD),
    ServerError("dear", 500, usage=TOLD),
]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("error", FAILED)
async def test_an_answer_that_is_called_a_failure_is_counted_everywhere(error: LLMError, streamed: bool) -> None:
    listener = Listener()
    async with paying(Pieces([], error), observer=listener) as context:
        outcome = await run(generate(replace(ASK, streaming=streamed)), context)
        totals, spent = context.metrics.snapshot().totals, await spent_usd(context)
    assert outcome == Failure(with_usage(unpaid(error), PRICED))
    [line] = [event.attempt for event in listener.events if isinstance(event, AttemptFinished)]
    assert (line.outcome, line.usage) == (error.tag, PRICED)
    assert (totals.prompt_tokens, totals.completion_tokens, totals.cost, totals.unpriced) == (1000, 1000, COST, 0)
    assert spent == COST.usd


async def test_what_was_paid_before_a_retry_is_counted_beside_the_answer() -> None:
    again = replace(CONFIG, retry=RetrySettings(max_retries=1))
    good = LLMResponse(content="x", model="dear", finish_reason="stop", usage=TOLD)
    async with paying(MalformedResponse("dear", "empty", usage=TOLD), good, config=again) as context:
        response = (await run(generate(ASK), context)).unwrap()
        assert [line.usage for line in response.metadata.attempts] == [PRICED, PRICED]
        assert await spent_usd(context) == pytest.approx(2 * COST.usd)


async def test_a_failure_whose_usage_has_no_price_is_taken_to_have_cost_the_worst() -> None:
    flex = replace(TOLD, service_tier="flex")
    async with paying(ContentFiltered("dear", usage=flex)) as context:
        await run(generate(ASK), context)
        assert await spent_usd(context) == pytest.approx(WORST_USD)
        assert context.metrics.snapshot().totals.unpriced == 1


async def test_a_failure_settles_what_the_limiter_had_reserved() -> None:
    limited = replace(CONFIG, rate_limit=LimiterSettings(tokens_per_minute=3000, max_wait_s=0.0))
    small = replace(TOLD, prompt_tokens=5, completion_tokens=5, total_tokens=10)
    async with paying(*[ContentFiltered("dear", usage=small)] * 3, config=limited) as context:
        for _ in range(3):  # each reserves 2,005 of the 3,000 tokens
            assert isinstance((await run(generate(ASK), context)).failure(), ContentFiltered)


class Thinking:
    """A stream that thinks, and writes the arguments of a call, and tells no usage."""

    usage = Usage()
    longest_pull_s = None

    def __init__(self, *deltas: Delta) -> None:
        self._deltas = list(deltas)

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        return Success((self._deltas.pop(0),)) if self._deltas else Failure(ServerError("dear", 500))

    async def aclose(self) -> None: ...


def streaming(*deltas: Delta) -> Layer[Context, LLMError, None]:
    class Thinker(ScriptedProvider):  # type: ignore[misc]  # a test's own
        async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
            return Success(Thinking(*deltas))

    return paying() | replacing(providers={"custom": Thinker({}, VirtualClock())})


def tokens(text: str) -> int:
    return token_range(text, "dear").high


THOUGHT, CALLED = ReasoningDelta("y" * 4000), ToolCallDelta(index=0, id="c", name="abcd", arguments="x" * 4000)


@pytest.mark.parametrize(
    ("deltas", "written"),
    [
        ((THOUGHT, TextDelta("abcd")), tokens("y" * 4000) + tokens("abcd")),
        ((CALLED, TextDelta("abcd")), tokens("abcdabcd" + "x" * 4000)),
        (
            (THOUGHT, CALLED, TextDelta("abcd")),
            tokens("y" * 4000) + tokens("abcdabcd" + "x" * 4000),
        ),
    ],
)
async def test_a_stream_that_is_left_has_cost_its_thoughts_and_the_arguments_of_its_calls(
    deltas: Sequence[Delta], written: int
) -> None:
    async with streaming(*deltas) as context:
        async with (await run(generate_stream(ASK), context)).unwrap() as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    break
        assert await spent_usd(context) == pytest.approx((ASKS.likely * 1.0 + written * 10.0) / 1e6)
        totals = context.metrics.snapshot().totals
        assert (totals.completion_tokens, totals.left, totals.unpriced) == (written, 1, 0)


async def test_a_stream_that_breaks_says_what_its_thoughts_have_cost() -> None:
    async with streaming(THOUGHT) as context:
        error = (await collect((await run(generate_stream(ASK), context)).unwrap())).failure()
    thought = tokens("y" * 4000)
    usage = Usage(
        prompt_tokens=ASKS.likely,
        completion_tokens=thought,
        reasoning_tokens=thought,
        total_tokens=ASKS.likely + thought,
        cost=ComputedCost((ASKS.likely * 1.0 + thought * 10.0) / 1e6),
        estimated=True,
    )
    assert error == ServerError("dear", 500, usage=usage)


async def test_a_stream_of_which_nothing_came_has_no_usage() -> None:
    async with streaming() as context:
        assert await run(generate_stream(ASK), context) == Failure(ServerError("dear", 500))
        assert await spent_usd(context) == 0.0


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_call_that_is_cancelled_after_it_was_sent_is_left_and_unpriced(streamed: bool) -> None:
    async with paying(Pause(60, "late")) as context:
        with context.clock.move_on_after(5):
            await run(generate(replace(ASK, streaming=streamed)), context)
        totals = context.metrics.snapshot().totals
        assert (totals.left, totals.unpriced, totals.cost) == (1, 1, UnknownCost())
        assert await spent_usd(context) == pytest.approx(WORST_USD)


async def test_a_call_that_may_have_been_answered_is_of_unknown_price() -> None:
    quick = replace(CONFIG, timeouts=TimeoutSettings(attempt_s=5))
    async with paying(Pause(60, "late"), ServerError("dear", 503), config=quick) as context:
        assert isinstance((await run(generate(ASK), context)).failure(), RequestTimedOut)
        await run(generate(ASK), context)
        assert context.metrics.snapshot().totals.unpriced == 1
        assert await spent_usd(context) == pytest.approx(WORST_USD)


async def test_who_leaves_the_queue_of_a_limiter_has_spent_nothing() -> None:
    limited = replace(CONFIG, rate_limit=LimiterSettings(requests_per_minute=1))
    good = LLMResponse(content="x", model="dear", finish_reason="stop", usage=TOLD)
    async with paying(good, "never", config=limited) as context:
        await run(generate(ASK), context)
        with context.clock.move_on_after(5):
            await run(generate(ASK), context)
        assert await spent_usd(context) == COST.usd
        assert context.metrics.snapshot().totals.unpriced == 0


async def test_who_leaves_the_queue_of_a_second_try_has_paid_for_the_first_alone() -> None:
    limited = replace(
        CONFIG,
        retry=RetrySettings(max_retries=1, base_s=0.0),
        rate_limit=LimiterSettings(requests_per_minute=1),
    )
    async with paying(MalformedResponse("dear", "empty", usage=TOLD), "never", config=limited) as context:
        with context.clock.move_on_after(5):
            await run(generate(ASK), context)
        assert await spent_usd(context) == COST.usd


async def test_the_tokens_of_a_minute_hold_the_longest_answers_of_two() -> None:
    limited = replace(
        CONFIG,
        models={"dear": replace(DEAR, max_output_tokens=1000)},
        rate_limit=LimiterSettings(tokens_per_minute=1500),
    )
    small = LLMResponse(content="x", model="dear", finish_reason="stop", usage=replace(TOLD, total_tokens=1500))
    unbounded = replace(ASK, preferences=Preferences(model="dear", fallback="none"))
    async with paying(Pause(1, small), Pause(1, small), config=limited) as context:
        began_s: list[float] = []

        async def ask() -> None:
            began_s.extend(
                line.started_s for line in (await run(generate(unbounded), context)).unwrap().metadata.attempts
            )

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
    assert began_s == [0.0, pytest.approx(40.2)], "the second waits until 1,005 tokens are there again"


async def test_a_longest_answer_above_a_whole_minute_makes_no_request_impossible() -> None:
    limited = replace(
        CONFIG,
        models={"dear": replace(DEAR, max_output_tokens=128_000)},
        rate_limit=LimiterSettings(tokens_per_minute=1000, max_wait_s=60.0),
    )
    unbounded = replace(ASK, preferences=Preferences(model="dear", fallback="none"))
    async with paying("one", config=limited) as context:
        assert (await run(generate(unbounded), context)).unwrap().content == "one"
        too_large = await run(generate(replace(unbounded, prompt="x" * 8000)), context)
        assert "more than the 1000 a minute" in too_large.failure().message
