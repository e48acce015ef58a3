"""A scenario is played by the real stack; the report and the trace say what it did."""

from __future__ import annotations

import json
from dataclasses import replace

import anyio
import pytest
from returns.result import Success

from llm_manager import (
    BreakerSettings,
    CacheSettings,
    ComputedCost,
    HttpSettings,
    LimiterSettings,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    Op,
    RetrySettings,
    TimeoutSettings,
    from_json,
    generate,
    hedged,
    to_json,
)
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
from tests.testing.simulated import EXACTLY_ONE_SECOND, ONE_MODEL, at_once, bad, played

pytestmark = pytest.mark.anyio


async def test_a_quiet_minute_is_reported_whole() -> None:
    scenario = Scenario(
        title="Quiet", seed=4, duration_s=60.0, traffic=(at_once(2),), models={"gpt": EXACTLY_ONE_SECOND}
    )
    report, _ = await played(scenario)
    (model,) = report.models
    one_second = Quantiles(p50_s=1.0, p95_s=1.0, p99_s=1.0, longest_s=1.0)
    usd = round(2 * (500 * 1.0 + 200 * 5.0) / 1_000_000, 6)
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
    assert (model.model, model.tries, model.attempts, model.answered) == ("gpt-6.1-terra", 2, 2, 2)
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
        config = LLMConfig(
            rate_limit=LimiterSettings(requests_per_minute=30),
            circuit_breaker=BreakerSettings(failure_threshold=2, open_s=60.0),
        )
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
        model="gpt-6.1-terra",
        at_s=round(moves[0].at_s, 6),
        until_s=round(moves[-1].at_s, 6),
        failed_probes=len(moves) - 2,
    )
    assert 1800 < opening.at_s < 2400
    assert 3600 < (opening.until_s or 0) < 4500


async def test_a_breaker_that_nobody_closes_is_open_to_the_end() -> None:
    steady = Traffic(arrive=Steady(0.5))
    scenario = Scenario(duration_s=600.0, traffic=(steady,), models={"gpt": bad(Errors())})
    report, _ = await played(scenario)
    assert [(each.model, each.until_s) for each in report.openings] == [("gpt-6.1-terra", None)]
    assert report.latency is None


@pytest.mark.parametrize(
    ("fault", "streaming", "outcome", "after_s"),
    [
        (Outage(), False, "NetworkError", 0.05),
        (Outage(), True, "NetworkError", 0.05),
        (Hang(), False, "RequestTimedOut", 60.0),
        (Hang(), True, "RequestTimedOut", 60.0),
        (RateLimit(retry_after_s=900.0), False, "RateLimitExceeded", 0.05),
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
    limits = TimeoutSettings(first_byte_s=60.0, attempt_s=60.0)
    config = replace(ONE_MODEL, retry=RetrySettings(max_retries=0), timeouts=limits)
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
    assert report.causes == {f"gpt-6.1-terra {error}": 1}
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
    config = replace(ONE_MODEL, http=HttpSettings(max_connections=1))
    scenario = Scenario(duration_s=60.0, traffic=(at_once(3, deadline_s=1.5),), models={"gpt": EXACTLY_ONE_SECOND})
    report, _ = await played(scenario, config)
    assert (report.answered, report.causes) == (1, {"gpt-6.1-terra RequestTimedOut": 2})
    assert report.queued_for_keys_s == 1.0 + 1.5


async def test_waiting_at_our_own_limit_is_told() -> None:
    config = replace(ONE_MODEL, rate_limit=LimiterSettings(requests_per_minute=60, max_wait_s=120.0))
    report, _ = await played(Scenario(duration_s=60.0, traffic=(at_once(61),), models={"gpt": Behaviour()}), config)
    assert report.queued_for_limits_s == pytest.approx(1.0)


async def test_a_wait_that_a_vendor_asked_for_is_told_as_one_for_its_key() -> None:
    wait = RateLimit(lasts_s=1.0, retry_after_s=10.0)
    report, _ = await played(Scenario(duration_s=60.0, traffic=(at_once(),), models={"gpt": bad(wait)}))
    assert (report.answered, report.retries, report.amplification) == (1, 1, 2.0)
    assert (report.paused_s, report.queued_for_keys_s) == (0.0, 10.0)
    assert report.models[0].waited_s >= 10.0


async def test_pauses_between_attempts_are_told() -> None:
    down = Errors(lasts_s=1.5)
    report, _ = await played(Scenario(duration_s=60.0, traffic=(at_once(),), models={"gpt": bad(down)}))
    assert report.answered == 1
    assert 0.0 < report.paused_s <= report.models[0].waited_s
