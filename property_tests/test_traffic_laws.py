"""Ordinary traffic on a healthy vendor: no call fails for a reason of ours, and all that was taken is given back.

The vendor is healthy: it answers, late or after having asked some calls to stay away for a while. Around it are all
limits at once: a few keys, few connections, requests a minute, a budget, callers that cancel and callers in a hurry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import (
    Attempt,
    BudgetExceeded,
    BudgetSettings,
    CacheSettings,
    ComputedCost,
    Context,
    HttpSettings,
    KeySettings,
    LimiterSettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    Outcome,
    Preferences,
    RateLimitExceeded,
    RequestTimedOut,
    Secret,
    Usage,
    collect,
    generate,
    generate_stream,
    get_metrics,
    replacing,
    run,
)
from llm_manager.adapters.incoming import Whole
from llm_manager.domain.events import AttemptFinished, Event
from llm_manager.domain.target import Target
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.policies.targets import resolve
from llm_manager.ports import Dispatch, Incoming
from llm_manager.testing import VirtualClock, scripted

ANSWER_USD = (10 * 10.0 + 10 * 100.0) / 1e6
WORST_USD = (prompt_tokens(LLMRequest(prompt="question 00"), "gpt-4o").high * 10.0 + 100 * 100.0) / 1e6
"""Of the most tokens that the prompt can be, and the longest answer."""
LIMIT_USD = 0.032

LONG_S = 100_000.0
"""After so long every rest is over, and every bucket full."""


@dataclass(frozen=True)
class Call:
    """One call: when it begins, and after how many seconds its caller gives up, if at all."""

    at_s: float
    in_pieces: bool
    cancelled_after_s: float | None
    deadline_s: float | None


@dataclass(frozen=True)
class Answer:
    """What a request meets: it takes *takes_s*, and is refused if *retry_after_s* is not None."""

    takes_s: float
    retry_after_s: float | None


moments = st.floats(0, 20, allow_nan=False).map(lambda moment: round(moment, 2))
calls = st.builds(
    Call,
    at_s=moments,
    in_pieces=st.booleans(),
    cancelled_after_s=st.none() | st.none() | st.floats(0, 10).map(lambda length: round(length, 2)),
    deadline_s=st.none() | st.none() | st.floats(0.2, 10).map(lambda length: round(length, 2)),
)
answers = st.builds(
    Answer, takes_s=st.sampled_from([0.0, 0.05, 1.0, 8.0]), retry_after_s=st.sampled_from([None] * 5 + [0.5, 3.0, 20.0])
)


@dataclass(frozen=True)
class World:
    """The limits around the vendor."""

    keys: int
    connections: int
    per_minute: int | None
    has_budget: bool


worlds = st.builds(
    World,
    keys=st.integers(1, 3),
    connections=st.sampled_from([1, 3, 100]),
    per_minute=st.sampled_from([None, 10, 30]),
    has_budget=st.booleans(),
)


def configured(world: World) -> LLMConfig:
    """There is money for all answers, but for two or three requests at most that are under way."""
    return LLMConfig(
        models={"gpt-4o": ModelSettings(prompt_usd=10.0, completion_usd=100.0)},
        keys=KeySettings(
            providers={"openai": tuple(Secret(f"the-key-with-number-{number}") for number in range(world.keys))},
            max_connections_per_key=2,
        ),
        http=HttpSettings(max_connections=world.connections),
        rate_limit=LimiterSettings(requests_per_minute=world.per_minute, max_wait_s=3600.0),
        budget=BudgetSettings(limit_usd=LIMIT_USD if world.has_budget else None),
        cache=CacheSettings(enabled=False),
    )


@dataclass
class Vendor:
    """Says *script* in order, and then answers at once; *answered* counts what it would bill."""

    script: Sequence[Answer]
    clock: VirtualClock
    sent: int = 0
    answered: int = 0

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        now = self.script[self.sent] if self.sent < len(self.script) else Answer(0.05, None)
        self.sent += 1
        await self.clock.sleep(now.takes_s)
        if now.retry_after_s is not None:
            return Failure(RateLimitExceeded("gpt-4o", now.retry_after_s))
        self.answered += 1
        used = Usage(prompt_tokens=10, completion_tokens=10, total_tokens=20)
        return Success(LLMResponse(content="fine", model="gpt-4o", finish_reason="stop", usage=used))

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        whole = await self.complete(dispatch)
        return whole if isinstance(whole, Failure) else Success(Whole(whole.unwrap()))

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        return Success((target.model,))


@dataclass
class Ledger:
    """An observer that keeps every line."""

    lines: list[Attempt] = field(default_factory=list[Attempt])

    def notify(self, event: Event, /) -> None:
        if isinstance(event, AttemptFinished):
            self.lines.append(event.attempt)


async def call_of(call: Call, number: int, context: Context) -> Outcome[LLMResponse, LLMError] | None:
    """What comes of it; None where its caller has given up."""
    request = LLMRequest(
        prompt=f"question {number:02}",
        preferences=Preferences(model="gpt-4o", fallback="none", max_tokens=100),
        deadline_s=call.deadline_s,
    )
    await context.clock.sleep(call.at_s)
    with context.clock.move_on_after(LONG_S if call.cancelled_after_s is None else call.cancelled_after_s):
        if not call.in_pieces:
            return await run(generate(request), context)
        opened = await run(generate_stream(request), context)
        if isinstance(opened, Failure):
            return opened
        async with opened.unwrap() as stream:
            return await collect(stream)
    return None


async def everything_is_back(world: World, vendor: Vendor, context: Context, ledger: Ledger) -> None:
    """All room under the limit but that of what was sent, all money but what was spent, every place of every key; and
    the circuit is closed."""
    clock, target = context.clock, resolve(context.config, "gpt-4o").unwrap()
    for _ in range(max((world.per_minute or 0) - vendor.sent, 0)):
        assert isinstance(await context.limiter.acquire(target.key, "gpt-4o", 0.0, 0.0, clock), Success)
    if context.budget is not None:
        spent_usd = await context.budget.spent_usd()
        assert spent_usd == pytest.approx(sum(map(cost_usd, ledger.lines)))
        assert isinstance(await context.budget.reserve(LIMIT_USD - spent_usd, 0.0, clock), Success)
    await clock.sleep(LONG_S)
    places = min(2 * world.keys, world.connections) if world.keys > 1 else world.connections
    for _ in range(places):
        await clock.sleep(2.0)  # calls are paced after a rest
        assert isinstance(await context.keys.lease("openai", "gpt-4o", 0.0, clock), Success)
    assert await context.breakers.state(target.key, clock.monotonic()) == ("closed", 0.0)


def cost_usd(line: Attempt) -> float:
    """An answer at its price, a refusal nothing; a request whose answer nobody waited for may have cost the worst."""
    match line.outcome:
        case "ok":
            cost = None if line.usage is None else line.usage.cost
            assert isinstance(cost, ComputedCost)
            assert cost.usd == pytest.approx(ANSWER_USD)
            return ANSWER_USD
        case "RateLimitExceeded":
            return 0.0
        case _:
            return WORST_USD


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(world=worlds, traffic=st.lists(calls, min_size=1, max_size=25), script=st.lists(answers, max_size=25))
def test_no_call_on_a_healthy_vendor_fails_for_a_reason_of_ours_and_everything_is_given_back(
    backend: str, world: World, traffic: list[Call], script: list[Answer]
) -> None:
    async def play() -> None:
        clock, ledger = VirtualClock(autojump=True), Ledger()
        vendor = Vendor(script, clock)
        outcomes: dict[int, Outcome[LLMResponse, LLMError] | None] = {}
        layer = scripted({}, config=configured(world), observer=ledger)
        async with layer | replacing(providers={"openai": vendor}, clock=clock) as context:

            async def play_one(number: int, call: Call) -> None:
                outcomes[number] = await call_of(call, number, context)

            async with anyio.create_task_group() as group:
                for number, call in enumerate(traffic):
                    group.start_soon(play_one, number, call)
            for number, call in enumerate(traffic):
                hold(call, outcomes[number])
            spent = [line for line in ledger.lines if line.usage is not None]
            assert len(spent) <= vendor.answered
            answered = sum(isinstance(outcome, Success) for outcome in outcomes.values())
            totals = (await run(get_metrics(), context)).unwrap().totals
            assert len(ledger.lines) == vendor.sent, "the ledger has a line for every request"
            assert totals.successes == answered <= vendor.answered
            await everything_is_back(world, vendor, context, ledger)

    anyio.run(play, backend=backend)


def hold(call: Call, outcome: Outcome[LLMResponse, LLMError] | None) -> None:
    """A caller that neither gave up nor was in a hurry is answered; one in a hurry is told that it was."""
    if outcome is None or isinstance(outcome, Success):
        return
    match outcome.failure():
        case BudgetExceeded(spent_usd=spent_usd):  # others have left, and may have cost all there was
            assert spent_usd + WORST_USD > LIMIT_USD or call.deadline_s is not None
        case RateLimitExceeded() | RequestTimedOut(phase="total"):
            assert call.deadline_s is not None
        case error:
            raise AssertionError(error)
