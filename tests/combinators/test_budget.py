"""Not spending more than was meant to be spent."""

from __future__ import annotations

from dataclasses import replace

import anyio
import anyio.lowlevel
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BudgetExceeded,
    BudgetSettings,
    ComputedCost,
    Context,
    Cost,
    Layer,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    NetworkError,
    Op,
    Outcome,
    Preferences,
    ReportedCost,
    ServerError,
    UnknownCost,
    Usage,
    collect,
    fallback_on,
    generate,
    generate_stream,
    plan,
    provide,
    run,
    succeed,
    within_budget,
)
from llm_manager.combinators.budget import budget_gate
from llm_manager.effect.gate import gated
from llm_manager.effect.op import flat_map
from llm_manager.ports import Budget
from llm_manager.testing import Pause, Pieces, scripted
from llm_manager.testing.scripted import Line
from tests.combinators.saying import Saying

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="Why is the sky blue?", preferences=Preferences(model="dear", max_tokens=100))
DEAR = ModelSettings(prompt_usd=10.0, completion_usd=10.0, window_tokens=10_000)


def priced(*lines: Line, limit_usd: float | None = None, model: ModelSettings = DEAR) -> Layer[Context, LLMError, None]:
    config = LLMConfig(models={"dear": model}, budget=BudgetSettings(limit_usd=limit_usd))
    return scripted({"dear": list(lines)}, config=config)


def costing(cost: Cost) -> LLMResponse:
    return LLMResponse(
        content="x",
        model="dear",
        finish_reason="stop",
        usage=Usage(prompt_tokens=5, completion_tokens=5, total_tokens=10, cost=cost),
    )


def budget_of(context: Context) -> Budget:
    assert context.budget is not None
    return context.budget


async def worst_usd() -> float:
    """What one attempt of ASK can cost at most."""
    planned = (await provide(plan(ASK), priced())).unwrap().targets[0]
    assert planned.worst_cost_usd is not None
    assert planned.worst_attempts == 4
    return planned.worst_cost_usd / 4


async def test_what_is_spent_is_what_the_answers_cost() -> None:
    lines = [costing(ReportedCost(0.25)), costing(ComputedCost(0.5))]
    async with priced(*lines, limit_usd=10) as context:
        for prompt in ("a", "b"):
            await run(generate(LLMRequest(prompt=prompt, preferences=Preferences(model="dear", max_tokens=9))), context)
        assert await budget_of(context).spent_usd() == 0.75


async def test_what_could_cost_too_much_is_not_sent() -> None:
    worst = await worst_usd()
    async with priced("x", limit_usd=worst * 0.9) as context:
        outcome = await run(generate(ASK), context)
        assert outcome == Failure(BudgetExceeded(worst * 0.9, 0.0, f"an attempt on dear may cost {worst:.4f}"))
        assert context.metrics.snapshot().totals.requests == 1
        assert await budget_of(context).spent_usd() == 0.0
    assert isinstance(await provide(generate(ASK), priced("x", limit_usd=worst)), Success)


async def test_many_at_once_reserve_before_they_send() -> None:
    worst = await worst_usd()
    async with priced(*[Pause(1, costing(ReportedCost(worst)))] * 10, limit_usd=worst * 3) as context:
        outcomes: list[Outcome[LLMResponse, LLMError]] = []

        async def ask(number: int) -> None:
            preferences = Preferences(model="dear", max_tokens=100, seed=number)
            outcomes.append(await run(generate(LLMRequest(prompt=ASK.prompt, preferences=preferences)), context))

        async with anyio.create_task_group() as group:
            for number in range(10):
                group.start_soon(ask, number)
        assert [isinstance(outcome, Success) for outcome in outcomes].count(True) == 3
        assert await budget_of(context).spent_usd() == pytest.approx(worst * 3)


async def test_a_call_that_failed_is_not_billed_and_one_that_may_have_been_answered_is() -> None:
    worst = await worst_usd()
    lines: list[Line] = [ServerError("dear", 503), NetworkError("dear", ambiguous=True, cause="reset")]
    async with priced(*lines, limit_usd=10) as context:
        await run(generate(ASK), context)
        assert await budget_of(context).spent_usd() == pytest.approx(worst)


async def test_a_cancelled_call_may_have_been_billed() -> None:
    worst = await worst_usd()
    async with priced(Pause(60, "late"), limit_usd=10) as context:
        with context.clock.move_on_after(5):
            await run(generate(ASK), context)
        assert await budget_of(context).spent_usd() == pytest.approx(worst)


async def test_a_stream_settles_when_it_ends() -> None:
    async with priced(Pieces(["It ", "scatters."]), limit_usd=10) as context:
        stream = (await run(generate_stream(ASK), context)).unwrap()
        assert await budget_of(context).spent_usd() == 0.0
        response = (await collect(stream)).unwrap()
        assert isinstance(response.usage.cost, ComputedCost)
        assert await budget_of(context).spent_usd() == pytest.approx(response.usage.cost.usd)


async def test_one_run_may_have_a_budget_of_its_own_within_that_of_its_context() -> None:
    worst = await worst_usd()
    busy = ServerError("dear", 503)
    costs = costing(ReportedCost(worst))
    async with priced(busy, costs, costs, limit_usd=worst * 1.5) as context:
        assert isinstance(await run(within_budget(worst)(generate(ASK)), context), Success)
        small = await run(
            within_budget(worst / 2)(generate(LLMRequest(prompt="b", preferences=ASK.preferences))), context
        )
        assert isinstance(small.failure(), BudgetExceeded)
        large = await run(within_budget(99)(generate(LLMRequest(prompt="c", preferences=ASK.preferences))), context)
        error = large.failure()
        assert isinstance(error, BudgetExceeded)
        assert (error.limit_usd, error.spent_usd) == (worst * 1.5, worst)
        assert error.message.startswith("an attempt on dear may cost 0.001")


async def test_a_cached_answer_costs_nothing() -> None:
    async with priced(costing(ReportedCost(0.25)), limit_usd=10) as context:
        await run(generate(ASK), context)
        assert isinstance(await run(within_budget(0)(generate(ASK)), context), Success)
        assert await budget_of(context).spent_usd() == 0.25


async def test_a_model_without_a_price_is_refused_unless_that_is_allowed() -> None:
    unknown = ModelSettings(window_tokens=10_000)
    refused = (await provide(generate(ASK), priced("x", limit_usd=10, model=unknown))).failure()
    assert isinstance(refused, BudgetExceeded)
    assert refused.message == "what dear costs is not known: set its price, or budget.unknown_prices = 'allow'"
    config = LLMConfig(models={"dear": unknown}, budget=BudgetSettings(limit_usd=10, unknown_prices="allow"))
    assert isinstance(await provide(generate(ASK), scripted({"dear": ["x"]}, config=config)), Success)


def bought(worst: float | None, cost: Cost, model: str = "dear") -> Op[LLMResponse]:
    """An answer that could have cost *worst* and did cost *cost*."""
    return gated(budget_gate(lambda: worst, model=model))(succeed(costing(cost)))


async def test_a_run_may_spend_its_own_budget_and_no_more_without_one_around_it() -> None:
    async with scripted({}) as context:
        assert isinstance(await run(within_budget(1.0)(bought(1.0, ReportedCost(1.0))), context), Success)
        refused = await run(within_budget(1.0)(bought(1.25, ReportedCost(1.0))), context)
        assert refused == Failure(BudgetExceeded(1.0, 0.0, "an attempt on dear may cost 1.2500"))


async def test_what_is_gone_and_what_is_spoken_for_are_told_when_a_run_may_not_go_on() -> None:
    async with scripted({}) as context:
        twice = flat_map(bought(0.75, ReportedCost(0.5)), lambda _: bought(0.75, ReportedCost(0.5)))
        outcome = await run(within_budget(1.0)(twice), context)
        assert outcome == Failure(BudgetExceeded(1.0, 0.5, "an attempt on dear may cost 0.7500"))


async def test_what_the_outer_budget_refuses_costs_the_inner_one_nothing() -> None:
    def is_too_dear(error: LLMError) -> bool:
        return isinstance(error, BudgetExceeded)

    cheaper = fallback_on(is_too_dear, bought(0.5, ReportedCost(0.25)))
    async with priced(limit_usd=0.5) as context:
        outcome = await run(within_budget(1.0)(cheaper(bought(1.0, UnknownCost()))), context)
        assert outcome == Success(costing(ReportedCost(0.25)))


async def test_a_model_of_unknown_price_takes_nothing_where_that_is_allowed() -> None:
    config = LLMConfig(budget=BudgetSettings(limit_usd=0.5, unknown_prices="allow"))
    async with scripted({}, config=config) as context:
        assert isinstance(await run(bought(None, UnknownCost()), context), Success)
        assert await budget_of(context).spent_usd() == 0.0


async def test_a_model_of_unknown_price_is_refused_with_what_has_been_spent() -> None:
    async with priced(limit_usd=10) as context:
        await run(bought(1.0, ReportedCost(0.25)), context)
        said = "what free costs is not known: set its price, or budget.unknown_prices = 'allow'"
        assert await run(bought(None, UnknownCost(), "free"), context) == Failure(BudgetExceeded(None, 0.25, said))


class Unhurried:
    """A budget that takes its time to settle, as a store on the network does."""

    def __init__(self, inner: Budget) -> None:
        self._inner = inner
        self.reserve = inner.reserve
        self.spent_usd = inner.spent_usd

    async def settle(self, worst_usd: float, used_usd: float, /) -> None:
        await anyio.lowlevel.checkpoint()
        await self._inner.settle(worst_usd, used_usd)


async def test_a_cancelled_call_is_billed_however_long_that_takes() -> None:
    async with priced(limit_usd=10) as context:
        slow = replace(context, budget=Unhurried(budget_of(context)))
        with context.clock.move_on_after(5):
            await run(gated(budget_gate(lambda: 0.25, model="dear"))(Saying(["late"], takes_s=60).op), slow)
        assert await budget_of(context).spent_usd() == 0.25
