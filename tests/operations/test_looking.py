"""What can be learnt without an answer: plans, names, configuration, health; and what is told of every request."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    BreakerSettings,
    CircuitOpen,
    ConfigurationError,
    InvalidRequest,
    KeySettings,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    ModelUnavailable,
    RateLimitExceeded,
    RoutingSettings,
    Secret,
    generate,
    get_available_models,
    get_fallback_chain,
    get_metrics,
    get_model_health,
    get_status,
    is_healthy,
    plan,
    provide,
    replacing,
    reset_metrics,
    run,
    select_model,
    validate_config,
    warmup_models,
)
from llm_manager.domain.events import RequestFinished
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch
from llm_manager.testing import scripted
from tests.operations.asking import ASK, BUSY, ONCE, Listener, Unstreamed, only

pytestmark = pytest.mark.anyio


async def test_what_generate_does_is_inside_the_plan() -> None:
    layer = scripted({"gpt": [BUSY] * 9, "claude": [BUSY] * 9, "llama": ["x"]})
    async with layer as context:
        route = (await run(plan(ASK), context)).unwrap()
        response = (await run(generate(ASK), context)).unwrap()
    planned = {target.model: target.worst_attempts for target in route.targets}
    for model, most in planned.items():
        assert len([line for line in response.metadata.attempts if line.model == model]) <= most
    assert len(response.metadata.attempts) <= route.worst_attempts
    assert response.metadata.latency_ms / 1000 <= route.worst_latency_s


async def test_an_open_circuit_is_passed_over_in_the_plan_and_by_select_model() -> None:
    config = replace(ONCE, circuit_breaker=BreakerSettings(open_s=60.0))
    async with scripted({"gpt": [BUSY] * 5, "claude": ["x"] * 9}, config=config) as context:
        assert await run(select_model(ASK), context) == Success("gpt")
        for number in range(5):
            await run(generate(LLMRequest(prompt=str(number))), context)
        assert await run(select_model(ASK), context) == Success("claude")
        route = (await run(plan(ASK), context)).unwrap()
        assert isinstance(route.targets[0].skipped, CircuitOpen)
        alone = await run(select_model(only("gpt")), context)
        assert isinstance(alone.failure(), CircuitOpen)


async def test_a_circuit_that_is_open_for_a_moment_is_asked_last_and_alone_is_waited_for() -> None:
    async with scripted({"gpt": [BUSY] * 5, "claude": ["x"] * 9}, config=ONCE) as context:
        for number in range(5):
            await run(generate(LLMRequest(prompt=str(number))), context)
        route = (await run(plan(ASK), context)).unwrap()
        assert [target.model for target in route.targets if target.skipped is None] == ["claude", "gpt"]
        assert await run(select_model(ASK), context) == Success("claude")
        assert await run(select_model(only("gpt")), context) == Success("gpt")


async def test_a_wrong_request_cannot_be_planned() -> None:
    layer = scripted({"gpt": []})
    assert isinstance((await provide(plan(LLMRequest()), layer)).failure(), InvalidRequest)
    assert isinstance((await provide(select_model(LLMRequest()), layer)).failure(), InvalidRequest)
    unknown = replace(ASK, task_type="poetry")
    assert isinstance((await provide(plan(unknown), layer)).failure(), InvalidRequest)
    assert isinstance((await provide(generate(unknown), layer)).failure(), InvalidRequest)


async def test_when_no_model_can_be_selected_each_reason_is_told() -> None:
    config = LLMConfig(models={name: ModelSettings(window_tokens=1) for name in ("gpt", "claude")})
    error = (await provide(select_model(ASK), scripted({"gpt": [], "claude": []}, config=config))).failure()
    assert isinstance(error, AllModelsFailed)


async def test_names_that_can_be_asked_for_and_what_follows_them() -> None:
    layer = scripted({"gpt": [], "claude": []})
    assert (await provide(get_available_models(), layer)).unwrap() == ("gpt", "claude")
    assert (await provide(get_fallback_chain("claude"), layer)).unwrap() == ("gpt",)
    assert isinstance((await provide(get_fallback_chain("nobody"), layer)).failure(), InvalidRequest)


async def test_a_good_configuration_is_valid_and_a_bad_one_says_everything() -> None:
    assert isinstance(await provide(validate_config(), scripted({"gpt": []})), Success)
    bad = LLMConfig(
        models={
            "one": ModelSettings(provider="nobody"),
            "two": ModelSettings(provider="openai", model="m"),
            "three": ModelSettings(model="no-such-model"),
            "four": ModelSettings(provider="custom", model="m", prompt_usd=1.0),
        },
        routing=RoutingSettings(chains={"poetry": ("gpt", "no-such-model")}),
    )
    error = (await provide(validate_config(), scripted({}, config=bad))).failure()
    assert isinstance(error, ConfigurationError)
    paths = {problem.path for problem in error.problems}
    assert {"models.one.provider", "models.two", "models.three", "routing.chains.poetry"} <= paths
    assert "models.four.prompt_usd" in paths
    nothing = (await provide(validate_config(), scripted({}))).failure()
    assert isinstance(nothing, ConfigurationError)


async def test_health_status_and_metrics() -> None:
    async with scripted({"gpt": ["x"], "claude": []}) as context:
        await run(generate(ASK), context)
        health = (await run(get_model_health(), context)).unwrap()
        assert [(each.model, each.healthy) for each in health] == [("gpt", True), ("claude", True)]
        assert (await run(warmup_models(), context)).unwrap() == health
        assert (await run(is_healthy(), context)).unwrap()
        status = (await run(get_status(), context)).unwrap()
        assert (status.healthy, status.metrics.totals.requests, status.cache.entries) == (True, 1, 1)
        await run(reset_metrics(), context)
        assert (await run(get_metrics(), context)).unwrap().totals.requests == 0


async def test_a_provider_that_does_not_answer_is_not_healthy() -> None:
    config = LLMConfig(
        models={"mine": ModelSettings(provider="custom"), "gone": ModelSettings(provider="openai", model="m")},
        keys=KeySettings(providers={"openai": (Secret("a" * 20),)}),
    )

    class Down(Unstreamed):
        async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, RateLimitExceeded]:
            return Failure(RateLimitExceeded("m"))

        async def models(self, target: Target, keys: object, /) -> Outcome[tuple[str, ...], RateLimitExceeded]:
            return Failure(RateLimitExceeded("m"))

    async with scripted({}, config=config) | replacing(providers={"custom": Down()}) as context:
        health = (await run(get_model_health(), context)).unwrap()
        assert not any(status.healthy for status in health)
        assert {type(status.last_error) for status in health} == {RateLimitExceeded, ModelUnavailable}
        assert not (await run(is_healthy(), context)).unwrap()


async def test_the_end_of_every_request_is_told_with_its_answer_or_error() -> None:
    listener = Listener()
    async with scripted({"gpt": ["x", BUSY]}, config=ONCE, observer=listener) as context:
        await run(generate(ASK), context)
        await run(generate(only("gpt")), context)
    ends = [event for event in listener.events if isinstance(event, RequestFinished)]
    assert isinstance(ends[0].answer, LLMResponse)
    assert ends[1].answer == BUSY
