"""A scenario is played by the real stack; the report and the trace say what it did."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    CacheSettings,
    ComputedCost,
    ConfigurationError,
    Context,
    HttpSettings,
    KeySettings,
    LimiterSettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    Op,
    Outcome,
    PortkeySettings,
    RetrySettings,
    RoutingSettings,
    Secret,
    TimeoutSettings,
    effect,
    fallback,
    from_json,
    generate,
    hedged,
    to_json,
)
from llm_manager.policies.targets import resolve
from llm_manager.ports import Dispatch
from llm_manager.testing.simulation import (
    Behaviour,
    BreakerMoved,
    Broken,
    Burst,
    Errors,
    Fault,
    Hang,
    Happening,
    Opening,
    Outage,
    Quantiles,
    RateLimit,
    Report,
    Scenario,
    Slow,
    Steady,
    Traffic,
    simulate,
    trace_line,
)

pytestmark = pytest.mark.anyio

ONE_MODEL = LLMConfig(routing=RoutingSettings(chains={"general": ("gpt",)}))
EXACTLY_ONE_SECOND = Behaviour(latency_s=1.0, latency_p95_s=1.0)


def at_once(calls: int = 1, **more: Any) -> Traffic:
    return Traffic(arrive=Burst(calls), lasts_s=0.0, **more)


def bad(*faults: Fault) -> Behaviour:
    return replace(EXACTLY_ONE_SECOND, faults=faults)


async def played(scenario: Scenario, config: LLMConfig = ONE_MODEL) -> tuple[Report, list[Happening]]:
    heard: list[Happening] = []
    report = await simulate(scenario, generate, config=config, listen=lambda _, happening: heard.append(happening))
    return report.unwrap(), heard


async def test_a_quiet_minute_is_reported_whole() -> None:
    scenario = Scenario(
        title="Quiet", seed=4, duration_s=60.0, traffic=(at_once(2),), models={"gpt": EXACTLY_ONE_SECOND}
    )
    report, _ = await played(scenario)
    (model,) = report.models
    one_second = Quantiles(p50_s=1.0, p95_s=1.0, p99_s=1.0, longest_s=1.0)
    usd = round(2 * (500 * 2.0 + 200 * 12.0) / 1_000_000, 6)
    assert report == Report(
        title="Quiet",
        seed=4,
        duration_s=60.0,
        ended_s=1.0,
        calls=2,
        answered=2,
        from_cache=0,
        failures={},
        causes={},
        attempts=2,
        retries=0,
        fallbacks=0,
        amplification=1.0,
        paused_s=0.0,
        queued_for_keys_s=0.0,
        queued_for_limits_s=0.0,
        latency=one_second,
        failed_after=None,
        cost=ComputedCost(usd),
        unpriced=0,
        models=(model,),
        openings=(),
        calls_over_time=(2, *[0] * 47),
        failures_over_time=(0,) * 48,
    )
    assert (model.model, model.tries, model.attempts, model.answered) == ("gpt-5.6-terra", 2, 2, 2)
    assert (model.latency, model.amplification, model.cost) == (one_second, 1.0, ComputedCost(usd))
    assert from_json(Report, to_json(report)) == Success(report)


async def test_one_seed_gives_one_trace_byte_for_byte_on_every_event_loop() -> None:
    storm = Scenario(
        seed=3,
        duration_s=600.0,
        traffic=(
            Traffic(arrive=Steady(0.2), task="analysis", questions=20),
            at_once(60, streaming=True, deadline_s=30.0),
            Traffic(arrive=Burst(20), at_s=60.0, lasts_s=5.0, priority="high"),
        ),
        models={
            "gpt": Behaviour(faults=(RateLimit(part=0.5, retry_after_s=5.0), Slow(part=0.3))),
            "claude": Behaviour(tokens_per_second=90.0, faults=(Hang(at_s=100.0, lasts_s=200.0), Broken(part=0.2))),
            "llama": Behaviour(faults=(Errors(part=0.4),)),
        },
    )

    async def trace() -> str:
        lines: list[str] = []
        config = LLMConfig(rate_limit=LimiterSettings(requests_per_minute=30))
        await simulate(storm, generate, config=config, listen=lambda call, what: lines.append(trace_line(call, what)))
        return "\n".join(lines)

    first = await trace()
    assert await trace() == first
    there = await anyio.to_thread.run_sync(lambda: [anyio.run(trace, backend=name) for name in ("asyncio", "trio")])
    assert there == [first, first]
    kinds = {json.loads(line)["event"] for line in first.splitlines()}
    assert {"BreakerMoved", "CallRefused", "Queued", "RetryScheduled", "FellBack"} <= kinds


async def test_another_seed_is_another_day() -> None:
    scenario = Scenario(duration_s=3600.0, models={"gpt": Behaviour()})
    _, one = await played(scenario)
    _, other = await played(replace(scenario, seed=1))
    assert one != other


async def test_two_configurations_meet_the_same_day() -> None:
    scenario = Scenario(duration_s=3600.0, models={"gpt": Behaviour(faults=(Errors(part=0.3),))})

    async def first_tries(config: LLMConfig) -> dict[int, str]:
        first: dict[int, str] = {}

        def listen(call: int, happening: Happening) -> None:
            line = json.loads(trace_line(call, happening))
            if line["event"] == "AttemptFinished":
                first.setdefault(call, line["outcome"])

        await simulate(scenario, generate, config=config, listen=listen)
        return first

    patient = await first_tries(ONE_MODEL)
    hasty = await first_tries(replace(ONE_MODEL, retry=RetrySettings(max_retries=0)))
    both = patient.keys() & hasty.keys()
    assert {call: patient[call] for call in both} == {call: hasty[call] for call in both}
    assert set(patient.values()) == {"ok", "ServerError"}


async def test_in_an_outage_the_breaker_opens_and_the_next_model_answers() -> None:
    scenario = Scenario(
        duration_s=7200.0,
        models={
            "gpt": bad(Outage(at_s=1800.0, lasts_s=1800.0)),
            "claude": EXACTLY_ONE_SECOND,
        },
    )
    report, heard = await played(scenario, LLMConfig())
    gpt, claude = report.models
    assert report.failures == {}
    assert report.answered == report.calls == gpt.answered + claude.answered
    assert set(gpt.failures) == {"NetworkError"}
    assert gpt.passed_over > 0
    (opening,) = report.openings
    moves = [each for each in heard if isinstance(each, BreakerMoved)]
    assert opening == Opening(
        model="gpt-5.6-terra",
        at_s=round(moves[0].at_s, 6),
        until_s=round(moves[-1].at_s, 6),
        failed_probes=len(moves) - 2,
    )
    assert 1800 < opening.at_s < 2400
    assert 3600 < (opening.until_s or 0) < 4500


async def test_a_breaker_that_nobody_closes_is_open_to_the_end() -> None:
    scenario = Scenario(duration_s=600.0, traffic=(at_once(20),), models={"gpt": bad(Errors())})
    report, _ = await played(scenario)
    assert [(each.model, each.until_s) for each in report.openings] == [("gpt-5.6-terra", None)]
    assert report.latency is None


@pytest.mark.parametrize(
    ("fault", "streaming", "outcome", "after_s"),
    [
        (Outage(), False, "NetworkError", 0.05),
        (Outage(), True, "NetworkError", 0.05),
        (Hang(), False, "RequestTimedOut", 60.0),
        (Hang(), True, "RequestTimedOut", 60.0),
        (RateLimit(retry_after_s=90.0), False, "RateLimitExceeded", 0.05),
        (Errors(status=502), False, "ServerError", 1.0),
        (Errors(status=502), True, "ServerError", 1.0),
        (Slow(factor=70.0), False, "RequestTimedOut", 60.0),
        (Slow(factor=70.0), True, "RequestTimedOut", 60.0),
    ],
)
async def test_each_fault_is_met_as_its_own_error(
    fault: Fault,
    streaming: bool,
    outcome: str,
    after_s: float,
) -> None:
    traffic = (at_once(streaming=streaming),)
    config = replace(ONE_MODEL, retry=RetrySettings(max_retries=0))
    report, _ = await played(Scenario(duration_s=600.0, traffic=traffic, models={"gpt": bad(fault)}), config)
    assert report.failures == {outcome: 1}
    assert report.failed_after == Quantiles(p50_s=after_s, p95_s=after_s, p99_s=after_s, longest_s=after_s)


async def test_slowness_takes_longer_and_is_no_failure() -> None:
    traffic = (at_once(answer_tokens=(100, 100)), at_once(answer_tokens=(100, 100), streaming=True))
    slow = Behaviour(latency_s=1.0, latency_p95_s=1.0, tokens_per_second=100.0, faults=(Slow(factor=5.0),))
    report, _ = await played(Scenario(duration_s=600.0, traffic=traffic, models={"gpt": slow}))
    assert report.latency == Quantiles(p50_s=10.0, p95_s=10.0, p99_s=10.0, longest_s=10.0)


@pytest.mark.parametrize(("streaming", "error"), [(True, "StreamBroken"), (False, "MalformedResponse")])
async def test_an_answer_that_breaks_off_fails_somewhere_in_its_middle(streaming: bool, error: str) -> None:
    behaviour = replace(bad(Broken()), tokens_per_second=20.0)
    report, _ = await played(
        Scenario(duration_s=600.0, traffic=(at_once(streaming=streaming),), models={"gpt": behaviour})
    )
    assert report.causes == {f"gpt-5.6-terra {error}": 1}
    assert report.failed_after is not None
    assert 1.0 < report.failed_after.p50_s < 11.0


async def test_a_limit_on_the_answer_cuts_it() -> None:
    scenario = Scenario(duration_s=60.0, traffic=(at_once(max_tokens=50),), models={"gpt": EXACTLY_ONE_SECOND})
    report, _ = await played(scenario)
    assert report.models[0].completion_tokens == 50


async def test_a_question_asked_again_is_answered_from_the_cache() -> None:
    traffic = (Traffic(arrive=Steady(1.0), questions=3),)
    report, _ = await played(Scenario(duration_s=120.0, traffic=traffic, models={"gpt": EXACTLY_ONE_SECOND}))
    assert report.answered == report.calls
    assert report.from_cache == report.calls - report.attempts > 50
    assert report.amplification == 1.0


async def test_many_who_ask_the_same_at_once_are_answered_by_one_attempt() -> None:
    traffic = (at_once(50, questions=1),)
    report, _ = await played(Scenario(duration_s=60.0, traffic=traffic, models={"gpt": EXACTLY_ONE_SECOND}))
    assert (report.attempts, report.answered, report.from_cache) == (1, 50, 49)


async def test_an_operation_that_starts_tasks_of_its_own_is_counted_right() -> None:
    def hasty(request: LLMRequest) -> Op[LLMResponse]:
        return hedged(0.5)(generate(request))

    config = replace(ONE_MODEL, cache=CacheSettings(enabled=False))
    scenario = Scenario(duration_s=600.0, models={"gpt": EXACTLY_ONE_SECOND})
    report = (await simulate(scenario, hasty, config=config)).unwrap()
    assert report.answered == report.calls
    assert report.latency == Quantiles(p50_s=1.0, p95_s=1.0, p99_s=1.0, longest_s=1.0)


async def test_waiting_for_keys_is_told_also_of_calls_that_gave_up() -> None:
    config = replace(ONE_MODEL, keys=KeySettings(max_connections_per_key=1))
    scenario = Scenario(duration_s=60.0, traffic=(at_once(3, deadline_s=1.5),), models={"gpt": EXACTLY_ONE_SECOND})
    report, _ = await played(scenario, config)
    assert (report.answered, report.causes) == (1, {"gpt-5.6-terra RequestTimedOut": 2})
    assert report.queued_for_keys_s == 1.0 + 1.5


async def test_waiting_at_our_own_limit_is_told() -> None:
    config = replace(ONE_MODEL, rate_limit=LimiterSettings(requests_per_minute=60, max_wait_s=120.0))
    report, _ = await played(Scenario(duration_s=60.0, traffic=(at_once(61),), models={"gpt": Behaviour()}), config)
    assert report.queued_for_limits_s == pytest.approx(1.0)


async def test_pauses_before_retries_are_told() -> None:
    wait = RateLimit(lasts_s=1.0, retry_after_s=10.0)
    report, _ = await played(Scenario(duration_s=60.0, traffic=(at_once(),), models={"gpt": bad(wait)}))
    assert (report.answered, report.retries, report.amplification) == (1, 1, 2.0)
    assert 10.0 <= report.paused_s <= 11.0
    assert report.models[0].waited_s >= report.paused_s


async def test_a_model_that_the_scenario_does_not_describe_is_taken_to_be_well() -> None:
    keys = KeySettings(providers={"anthropic": (Secret("a-key-of-the-user"),)})
    report, _ = await played(Scenario(duration_s=600.0, models={"gpt": bad(Outage())}), LLMConfig(keys=keys))
    assert [(model.model, model.described) for model in report.models] == [
        ("gpt-5.6-terra", True),
        ("claude-sonnet-5-5", False),
    ]
    assert report.models[1].answered == report.calls


@pytest.mark.parametrize(
    ("name", "model", "provider"),
    [
        ("gpt", "gpt-5.6-terra", "openai"),
        ("llama", "llama-3.3-70b-versatile", "groq"),
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
    assert told == [Success(("gpt-5.6-terra",)), ("closed", 0.0), True]
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
    assert (report.causes, report.ended_s) == ({"gpt-5.6-terra RequestTimedOut": 1}, 60.0)


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
            Scenario(models={"gpt": Behaviour(), "gpt-5.6-terra": Behaviour()}),
            "models.gpt-5.6-terra (scenario): is gpt-5.6-terra, which has been described already",
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
            "traffic.0 (scenario): may ask nobody: gpt-5.6-terra (the request of 10000000 tokens does not fit",
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
    report, _ = await played(Scenario(duration_s=60.0, traffic=(at_once(),), models={"gpt": bad()}), config)
    assert report.causes == {"gpt-5.6-terra RequestTimedOut": 1}
