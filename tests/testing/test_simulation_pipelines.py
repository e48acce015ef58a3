"""What a simulation plays: pipelines of one's own, gateways, models by name, and scenarios that do not fit."""

from __future__ import annotations

import json
from dataclasses import replace

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    ConfigurationError,
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    Op,
    Outcome,
    PortkeySettings,
    RoutingSettings,
    Secret,
    TimeoutSettings,
    effect,
    fallback,
    generate,
    to_json,
)
from llm_manager.policies.targets import resolve
from llm_manager.ports import Dispatch
from llm_manager.testing.simulation import (
    Behaviour,
    Hang,
    Outage,
    Quantiles,
    Scenario,
    simulate,
    trace_line,
)
from tests.testing.simulated import EXACTLY_ONE_SECOND, ONE_MODEL, at_once, bad, played

pytestmark = pytest.mark.anyio


async def test_a_model_that_the_scenario_does_not_describe_is_taken_to_be_well() -> None:
    keys = KeySettings(providers={"anthropic": (Secret("a-key-of-the-user"),)})
    report, _ = await played(Scenario(duration_s=600.0, models={"gpt": bad(Outage())}), LLMConfig(keys=keys))
    assert [(model.model, model.described) for model in report.models] == [
        ("gpt-6.1-terra", True),
        ("claude-sonnet-5-5", False),
    ]
    assert report.models[1].answered == report.calls


@pytest.mark.parametrize(
    ("name", "model", "provider"),
    [
        ("gpt", "gpt-6.1-terra", "openai"),
        ("llama", "openai/gpt-oss-120b", "groq"),
        ("ollama/llama3.2", "llama3.2", "ollama"),
        ("anthropic/some-new-model", "some-new-model", "anthropic"),
        ("mine", "mine", "custom"),
    ],
)
async def test_what_a_named_model_needs_is_lent(name: str, model: str, provider: str) -> None:
    config = LLMConfig(
        models={"mine": ModelSettings(provider="custom")}, routing=RoutingSettings(chains={"general": (name,)})
    )
    report, _ = await played(Scenario(duration_s=600.0, models={name: Behaviour()}), config)
    assert [(each.model, each.provider) for each in report.models] == [(model, provider)]
    assert report.answered == report.calls > 0


async def test_a_gateway_that_falls_back_by_itself_is_played_too() -> None:
    config = LLMConfig(
        keys=KeySettings(providers={"portkey": (Secret("a-key-of-the-user"),)}),
        http=HttpSettings(portkey=PortkeySettings(mode="fallback")),
        routing=RoutingSettings(chains={"general": ("gpt", "claude")}),
    )
    models = {"gpt": bad(Outage()), "claude": EXACTLY_ONE_SECOND}
    for streaming in (False, True):
        traffic = (at_once(streaming=streaming),)
        report, _ = await played(Scenario(duration_s=60.0, traffic=traffic, models=models), config)
        assert (report.answered, report.attempts) == (1, 1)
        assert report.latency == Quantiles(p50_s=1.05, p95_s=1.05, p99_s=1.05, longest_s=1.05)


async def test_a_gateway_that_needs_no_fallback_makes_none() -> None:
    config = LLMConfig(
        keys=KeySettings(providers={"portkey": (Secret("a-key-of-the-user"),)}),
        http=HttpSettings(portkey=PortkeySettings(mode="fallback")),
        routing=RoutingSettings(chains={"general": ("gpt", "claude")}),
    )
    models = {"gpt": EXACTLY_ONE_SECOND, "claude": bad(Outage())}
    for streaming in (False, True):
        traffic = (at_once(streaming=streaming),)
        report, _ = await played(Scenario(duration_s=60.0, traffic=traffic, models=models), config)
        assert (report.answered, report.ended_s) == (1, 1.0)


async def test_a_pipeline_of_ones_own_may_use_every_service() -> None:
    told: list[object] = []

    async def asking(context: Context) -> Outcome[None, LLMError]:
        provider = context.providers["openai"]
        target = resolve(context.config, "gpt").unwrap()
        told.append(await provider.models(target, {}))
        told.append(await context.breakers.state(target.key, 0.0))
        told.append(await context.keys.usable("openai", target.model, 0.0))
        reserved = (await context.limiter.acquire(target.key, target.model, 1.0, 0.0, context.clock)).unwrap()
        await context.limiter.release(reserved, 0.0)
        return Success(None)

    def operation(_: LLMRequest) -> Op[None]:
        return effect(asking)

    scenario = Scenario(duration_s=60.0, traffic=(at_once(),), models={"gpt": Behaviour()})
    report = (await simulate(scenario, operation)).unwrap()
    assert told == [Success(("gpt-6.1-terra",)), ("closed", 0.0), True]
    assert (report.answered, report.attempts, report.amplification) == (1, 0, None)


async def test_a_provider_that_hangs_gives_up_by_itself_when_nobody_else_does() -> None:
    async def listening(context: Context) -> Outcome[None, LLMError]:
        target = resolve(context.config, "gpt").unwrap()
        dispatch = Dispatch(request=LLMRequest(prompt="x"), target=target, timeout_s=100.0, observer=context.observer)
        opened = await context.providers["openai"].stream(dispatch)
        return opened if isinstance(opened, Failure) else Success(None)

    def operation(_: LLMRequest) -> Op[None]:
        return effect(listening)

    scenario = Scenario(duration_s=600.0, traffic=(at_once(),), models={"gpt": bad(Hang())})
    report = (await simulate(scenario, operation)).unwrap()
    assert (report.causes, report.ended_s) == ({"gpt-6.1-terra RequestTimedOut": 1}, 300.0)


async def test_a_pipeline_of_ones_own_can_be_played() -> None:
    def careful(request: LLMRequest) -> Op[LLMResponse]:
        asked = replace(request, preferences=replace(request.preferences, model="gpt", fallback="none"))
        other = replace(request, preferences=replace(request.preferences, model="claude", fallback="none"))
        return fallback(generate(other))(generate(asked))

    scenario = Scenario(duration_s=600.0, models={"gpt": bad(Outage()), "claude": EXACTLY_ONE_SECOND})
    report = (await simulate(scenario, careful)).unwrap()
    assert report.answered == report.calls
    assert [model.answered for model in report.models] == [0, report.calls]


async def test_a_pipeline_that_waits_for_something_else_than_the_clock_is_a_bug() -> None:
    async def forever(_: Context) -> Outcome[LLMResponse, LLMError]:
        await anyio.sleep_forever()
        return Success(LLMResponse(content="", model=""))

    def operation(_: LLMRequest) -> Op[LLMResponse]:
        return effect(forever)

    with pytest.raises(ExceptionGroup) as raised:
        await simulate(Scenario(duration_s=60.0, traffic=(at_once(),), models={"gpt": Behaviour()}), operation)
    assert "1 calls wait for something that is not on the context's clock" in str(raised.value.exceptions[0])


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (
            Scenario(models={"clade": Behaviour()}),
            "models.clade (scenario): unknown model 'clade'; did you mean claude",
        ),
        (
            Scenario(models={"gpt": Behaviour(), "gpt-6.1-terra": Behaviour()}),
            "models.gpt-6.1-terra (scenario): is gpt-6.1-terra, which has been described already",
        ),
        (
            Scenario(models={"gpt": Behaviour()}, traffic=(at_once(task="poetry"),)),
            "traffic.0 (scenario): unknown task 'poetry': use one of analysis, ",
        ),
        (
            Scenario(models={"gpt": Behaviour()}, traffic=(at_once(model="a\nb"),)),
            "traffic.0.preferences.model (scenario): 'a\\nb' is no name",
        ),
        (
            Scenario(models={"gpt": Behaviour()}, traffic=(at_once(prompt_tokens=(10**7, 10**7)),)),
            "traffic.0 (scenario): may ask nobody: gpt-6.1-terra (the request of ",
        ),
        (Scenario(), "traffic.0 (scenario): no provider is configured: set one of "),
        (Scenario(duration_s=-1.0), "duration (scenario): must be more than nothing"),
        (
            Scenario(models={"big": Behaviour()}),
            "models.big (scenario): a model of llama_cpp needs the path of its GGUF file",
        ),
    ],
)
async def test_a_scenario_that_does_not_fit_the_configuration_is_refused(scenario: Scenario, said: str) -> None:
    config = LLMConfig(models={"big": ModelSettings(provider="llama_cpp")} if "big" in scenario.models else {})
    match await simulate(scenario, generate, config=config):
        case Failure(ConfigurationError(problems=(first, *_))):
            assert str(first).startswith(said)
        case other:
            pytest.fail(f"unexpected: {other}")


async def test_keys_of_the_user_are_left_alone_and_seen_nowhere() -> None:
    canary = "canary-0123456789"
    config = replace(ONE_MODEL, keys=KeySettings(providers={"openai": (Secret(canary), Secret("another-key-here"))}))
    report, heard = await played(Scenario(duration_s=600.0, models={"gpt": Behaviour()}), config)
    told = "".join(trace_line(1, each) for each in heard) + to_json(report)
    assert canary not in told
    assert {json.loads(trace_line(1, each)).get("key") for each in heard} >= {"openai#1", "openai#2"}


async def test_a_first_token_that_comes_too_late_is_left_to_the_timeout() -> None:
    config = replace(ONE_MODEL, timeouts=TimeoutSettings(first_byte_s=0.5))
    traffic = (at_once(streaming=True),)
    report, _ = await played(Scenario(duration_s=60.0, traffic=traffic, models={"gpt": bad()}), config)
    assert report.causes == {"gpt-6.1-terra RequestTimedOut": 1}
