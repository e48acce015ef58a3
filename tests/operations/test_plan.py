"""What a plan takes into account: breakers that open in time, our own queue, and a schema's tokens.

Each of these was found by holding whole histories to their plans (``property_tests/test_plan_trace_laws.py``).
"""

from __future__ import annotations

import pytest

from llm_manager import (
    BreakerSettings,
    CircuitOpen,
    Context,
    GatewayError,
    JsonSchema,
    LimiterSettings,
    LLMConfig,
    LLMRequest,
    ModelSettings,
    ModelUnavailable,
    Preferences,
    RetrySettings,
    RoutePlan,
    ServerError,
    TimeoutSettings,
    generate,
    plan,
    run,
    select_model,
)
from llm_manager.domain.events import AttemptStarted, Event, RetryScheduled
from llm_manager.policies.patience import CIRCUIT_S, QUEUE_S, TURNS
from llm_manager.testing import Line, Pause, scripted

pytestmark = pytest.mark.anyio

DOWN = ServerError("m", 500)
TOUCHY = BreakerSettings(failure_threshold=1, open_s=3.0)
ASK = LLMRequest(prompt="again")


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)

    def sent(self) -> list[tuple[str, float]]:
        return [(event.model, event.at_s) for event in self.events if isinstance(event, AttemptStarted)]


def only(model: str) -> LLMRequest:
    return LLMRequest(prompt="first", preferences=Preferences(model=model, fallback="none"))


async def planned(context: Context) -> RoutePlan:
    return (await run(plan(ASK), context)).unwrap()


async def test_a_model_whose_breaker_may_let_a_probe_through_in_time_is_not_said_to_be_passed_over() -> None:
    config = LLMConfig(retry=RetrySettings(max_retries=0), circuit_breaker=TOUCHY)
    script: dict[str, list[Line]] = {"gpt": [Pause(5, ModelUnavailable("gpt"))], "claude": [DOWN, "well again"]}
    async with scripted(script, config=config) as context:
        await run(generate(only("claude")), context)
        route = await planned(context)
        asked = [(target.model, target.why) for target in route.targets if target.skipped is None]
        assert asked == [
            ("gpt", "in the chain for general"),
            ("claude", "in the chain for general, its breaker is open for another 3 s"),
        ]
        assert (await run(generate(ASK), context)).unwrap().model == "claude"


async def test_a_model_whose_breaker_is_open_for_longer_than_is_waited_for_it_is_passed_over() -> None:
    shut = BreakerSettings(failure_threshold=1, open_s=12.0)
    config = LLMConfig(retry=RetrySettings(max_retries=0), circuit_breaker=shut)
    async with scripted({"gpt": [DOWN]}, config=config) as context:
        await run(generate(only("gpt")), context)
        assert (await planned(context)).targets[0].skipped == CircuitOpen("gpt", 12.0)
        await context.clock.sleep(2.0)
        assert (await planned(context)).targets[0].skipped is None


async def test_nobody_waits_in_the_queue_of_a_model_whose_breaker_is_open() -> None:
    config = LLMConfig(
        retry=RetrySettings(max_retries=0),
        circuit_breaker=TOUCHY,
        rate_limit=LimiterSettings(requests_per_minute=1, max_wait_s=60.0),
    )
    listener = Listener()
    async with scripted({"gpt": [DOWN, "late"], "claude": ["at once"]}, config=config, observer=listener) as context:
        await run(generate(only("gpt")), context)
        assert await run(select_model(ASK), context) == await run(select_model(only("claude")), context)
        assert (await run(generate(ASK), context)).unwrap().content == "at once"
    assert listener.sent() == [("gpt", 0.0), ("claude", 0.0)]


async def test_a_plan_counts_the_wait_for_a_turn_before_every_try() -> None:
    config = LLMConfig(
        retry=RetrySettings(max_retries=0),
        rate_limit=LimiterSettings(requests_per_minute=1, max_wait_s=60.0),
        timeouts=TimeoutSettings(attempt_s=1.0),
    )
    async with scripted({"gpt": ["x", "y"]}, config=config) as context:
        await run(generate(only("gpt")), context)
        route = await planned(context)
        answer = (await run(generate(ASK), context)).unwrap()
    assert answer.metadata.attempts[0].waited_s == pytest.approx(60.0)
    # sixty seconds of our own limit before every one of its turns, and five minutes and ten seconds for key and circuit
    assert route.targets[0].worst_wait_s == pytest.approx((1 + TURNS) * 60.0 + QUEUE_S + CIRCUIT_S, abs=0.1)
    assert route.worst_latency_s == pytest.approx((1 + TURNS) * 60.0 + QUEUE_S + CIRCUIT_S + 1.0, abs=0.1)


async def test_a_plan_prices_the_schema_that_is_sent_with_the_request() -> None:
    models = {"gpt": ModelSettings(prompt_usd=1.0, completion_usd=1.0, max_output_tokens=10)}
    schema = JsonSchema(schema={"type": "object", "properties": {"it": {"enum": ["a word"] * 400}}})
    async with scripted({"gpt": ["x"]}, config=LLMConfig(models=models)) as context:
        bare = (await run(plan(LLMRequest(prompt="x")), context)).unwrap().worst_cost_usd
        held = (await run(plan(LLMRequest(prompt="x", response_format=schema)), context)).unwrap().worst_cost_usd
    assert bare is not None
    assert held is not None
    assert held > bare + 4 * 1000 / 1e6, "a thousand tokens in each of four tries"


async def test_a_retry_is_told_of_its_model_whatever_failed() -> None:
    listener = Listener()
    async with scripted({"gpt": [GatewayError(500), "x"]}, observer=listener) as context:
        await run(generate(only("gpt")), context)
    assert [event.model for event in listener.events if isinstance(event, RetryScheduled)] == ["gpt"]
