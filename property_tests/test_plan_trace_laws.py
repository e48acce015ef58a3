"""What is done is always inside what was planned: whole histories of requests in one context, each run held to the plan
that was made at the moment it began.

The plan is made by an observer, when it hears that a run begins, so it sees the very breakers, latencies, limits and
moment that the run does. What the run then does is heard from its events, whether it succeeds or fails.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast, get_args

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    CircuitOpen,
    Context,
    LLMConfig,
    LLMError,
    LLMResponse,
    PlannedTarget,
    RateLimitExceeded,
    RoutePlan,
    UnknownCost,
    collect,
    generate,
    generate_stream,
    plan,
    query_with_schema,
    route_request,
    run,
)
from llm_manager.domain.events import (
    AttemptFinished,
    AttemptStarted,
    Event,
    FellBack,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    TargetSkipped,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.operations.chain import limit_s
from llm_manager.policies.patience import TURNS
from llm_manager.testing import Line, scripted
from property_tests.histories import ERRORS, Step, configurations, scripts, steps

T = TypeVar("T")

ROUNDING = 1e-6


def at_once(waiting: Awaitable[T]) -> T:
    """What *waiting* gives, which must not wait for anything: for one who has no time to."""

    async def come() -> T:
        return await waiting

    coming: Coroutine[Any, Any, T] = come()
    try:
        coming.send(None)
    except StopIteration as done:
        return cast("T", done.value)
    raise AssertionError("it waits")


@dataclass
class Heard:
    """One run, from its beginning to its end, and the plan that was made for it.

    It has *settled* when its operation comes back, for a stream with the first piece; *answer* is what it *ended* with,
    None for one that was cut short by the deadline of a query around it.
    """

    began: RequestStarted
    planned: Outcome[RoutePlan, LLMError]
    events: list[Event] = field(default_factory=list[Event])
    settled_s: float | None = None
    before_it_settled: int = 0
    goes_on: bool = False
    answer: LLMResponse | LLMError | None = None

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


class Auditor:
    """An observer that plans whenever a run begins."""

    def __init__(self) -> None:
        self.context: Context | None = None
        self.heard: list[Heard] = []

    def notify(self, event: Event, /) -> None:
        if isinstance(event, RequestStarted):
            assert self.context is not None
            planned = at_once(run(plan(event.request), self.context))
            goes_on = self.context.config.routing.mid_stream == "continue"
            self.heard.append(Heard(event, planned, goes_on=goes_on))
        elif isinstance(event, RequestFinished):
            self.heard[-1].answer = event.answer
            self.settle(event.at_s)
        elif self.heard:
            self.heard[-1].events.append(event)

    def settle(self, at_s: float) -> None:
        """The last run has come back, if it had not before."""
        last = self.heard[-1]
        if last.settled_s is None:
            last.settled_s, last.before_it_settled = at_s, len(last.events)


async def play(context: Context, auditor: Auditor, script: Sequence[Step]) -> None:
    for step in script:
        await context.clock.sleep(step.gap_s)
        match step.way:
            case "generate":
                await run(generate(step.request), context)
            case "route_request":
                await run(route_request(step.request), context)
            case "query_with_schema":
                began, before_s = len(auditor.heard), context.clock.monotonic()
                await run(query_with_schema(step.request, int, max_reasks=2), context)
                assert len(auditor.heard) - began <= 3, "a plan is for one round, and there are two more at most"
                assert context.clock.monotonic() - before_s <= limit_s(context, step.request), "and one deadline"
            case "generate_stream":
                opened = await run(generate_stream(step.request), context)
                auditor.settle(context.clock.monotonic())
                if isinstance(opened, Success):
                    await collect(opened.unwrap())
        auditor.settle(context.clock.monotonic())


def hold_to_its_plan(heard: Heard) -> None:
    if isinstance(heard.planned, Failure):
        assert (heard.of(AttemptStarted), heard.answer) == ([], heard.planned.failure())
        return
    planned = heard.planned.unwrap()
    asked = [target for target in planned.targets if target.skipped is None]
    order = [target.model for target in asked]
    attempted = list(dict.fromkeys(started.model for started in heard.of(AttemptStarted)))
    assert set(attempted) <= set(order), "no other"
    waited_for = {each.model for each in heard.of(FellBack) if isinstance(each.error, CircuitOpen | RateLimitExceeded)}
    assert is_within([model for model in attempted if model not in waited_for], order), "in the plan's order"
    for target in asked:
        hold_target(heard, target)
    assert len(heard.of(AttemptStarted)) - rate_limited(heard.of(AttemptFinished)) <= planned.worst_attempts
    assert cost_usd(heard.of(AttemptFinished)) <= at_most(planned.worst_cost_usd, is_continued(heard))
    assert heard.settled_s is not None
    assert heard.settled_s - heard.began.at_s <= planned.worst_latency_s + ROUNDING
    hold_what_is_told(heard, planned)


def hold_target(heard: Heard, target: PlannedTarget) -> None:
    tries = [event for event in heard.of(AttemptFinished) if event.attempt.model == target.model]
    started = [event for event in heard.of(AttemptStarted) if event.model == target.model]
    assert len(tries) <= len(started)
    assert len(started) - rate_limited(tries) <= target.worst_attempts
    assert rate_limited(tries) <= 2 * TURNS
    assert {each.attempt.dropped for each in tries} <= {target.dropped}
    assert sum(each.attempt.waited_s for each in tries) <= target.worst_wait_s + ROUNDING
    assert cost_usd(tries) <= at_most(target.worst_cost_usd, is_continued(heard))
    for each in tries:
        one_usd = None if target.worst_cost_usd is None else target.worst_cost_usd / target.worst_attempts
        assert cost_usd([each]) <= at_most(one_usd, is_continued(heard))


def rate_limited(tries: Sequence[AttemptFinished]) -> int:
    """How many were refused by a rate limit: they cost nothing, and are in no plan."""
    return sum(isinstance(each.error, RateLimitExceeded) for each in tries)


def hold_what_is_told(heard: Heard, planned: RoutePlan) -> None:
    """Who was passed over is so in the plan, and who failed is told of in its order; the ledger is what was heard."""
    passed_over = {target.model: target.skipped for target in planned.targets if target.skipped is not None}
    for skipped in heard.of(TargetSkipped):
        assert passed_over[skipped.model] == skipped.error
    answer = heard.answer
    order = [target.model for target in planned.targets]
    if isinstance(answer, AllModelsFailed) and answer.failures:
        failed = [model for model, _ in answer.failures]
        assert set(failed) <= set(order)
        assert len(failed) == len(set(failed)), "each model once, with what it failed with last"
    assert {each.next_model for each in heard.of(FellBack)} <= set(order)
    assert {each.model for each in heard.of(RetryScheduled)} <= set(order)
    if isinstance(answer, LLMResponse) and not answer.metadata.cached and heard.began.operation != "generate_stream":
        assert list(answer.metadata.attempts) == [each.attempt for each in heard.of(AttemptFinished)]


def is_within(some: Sequence[str], order: Sequence[str]) -> bool:
    """Is *some* what is left of *order* when others are taken out?"""
    left = iter(order)
    return all(each in left for each in some)


def cost_usd(tries: Sequence[AttemptFinished]) -> float:
    costs = [each.attempt.usage.cost for each in tries if each.attempt.usage is not None]
    return sum(cost.usd for cost in costs if not isinstance(cost, UnknownCost))


def at_most(worst_usd: float | None, continued: bool) -> float:
    return float("inf") if worst_usd is None or continued else worst_usd + ROUNDING * 1e-6


def is_continued(heard: Heard) -> bool:
    """Did one model go on where another one broke off? It was sent what had come, which no plan can know."""
    broke = any(isinstance(each, FellBack) for each in heard.events[heard.before_it_settled :])
    return broke and heard.goes_on


@settings(max_examples=500)
@given(
    config=configurations,
    script=scripts,
    program=st.lists(steps, min_size=1, max_size=5),
    backend=st.sampled_from(["asyncio", "trio"]),
)
def test_what_is_done_is_inside_the_plan(
    config: LLMConfig, script: dict[str, list[Line]], program: list[Step], backend: str
) -> None:
    auditor = Auditor()

    async def main() -> None:
        async with scripted(script, config=config, observer=auditor) as context:
            auditor.context = context
            await play(context, auditor, program)

    anyio.run(main, backend=backend)
    for heard in auditor.heard:
        hold_to_its_plan(heard)


def test_every_failure_of_the_union_is_in_some_history() -> None:
    assert {type(error) for error in ERRORS} == set(get_args(LLMError))
