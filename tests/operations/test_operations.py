"""The operations on scripted models: what comes out, what was asked, and what is told about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    AuthenticationFailed,
    BreakerSettings,
    CircuitOpen,
    ConfigurationError,
    ContentFiltered,
    ContextTooLarge,
    HttpSettings,
    InvalidRequest,
    KeySettings,
    LimiterSettings,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    ModelUnavailable,
    NetworkError,
    Preferences,
    QuotaExhausted,
    RequestTimedOut,
    RetrySettings,
    RoutingSettings,
    Secret,
    UnknownCost,
    generate,
    provide,
    query_multiple,
    race,
    replacing,
    route_request,
    run,
    token_range,
)
from llm_manager.domain.events import FellBack, TargetSkipped
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import FinishReason
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch
from llm_manager.testing import Line, Pause, scripted
from tests.operations.asking import ASK, BUSY, ONCE, Listener, Unstreamed, only, received

pytestmark = pytest.mark.anyio


async def test_generate_retries_falls_back_and_keeps_the_whole_account() -> None:
    layer = scripted({"gpt": [BUSY, BUSY, BUSY, BUSY], "claude": [Pause(2, "It scatters.")]})
    response = (await provide(generate(ASK), layer)).unwrap()
    assert (response.content, response.model) == ("It scatters.", "claude")
    lines = response.metadata.attempts
    assert [(line.model, line.outcome) for line in lines] == [("gpt", "ServerError")] * 4 + [("claude", "ok")]
    assert response.metadata.retry_count == 4
    assert lines[-1].latency_ms == pytest.approx(2000.0)
    assert response.metadata.latency_ms == pytest.approx(2000 + 1000 * sum(line.waited_s for line in lines))


async def test_usage_nobody_told_is_an_estimate_and_says_so() -> None:
    usage = (await provide(generate(ASK), scripted({"gpt": ["abcd" * 3]}))).unwrap().usage
    assert usage.estimated
    said = token_range("abcd" * 3).likely
    assert (usage.completion_tokens, usage.total_tokens) == (said, (usage.prompt_tokens or 0) + said)
    assert usage.cost == UnknownCost()


async def test_one_failing_model_gives_its_own_error_and_several_all_of_them() -> None:
    assert await provide(generate(only("gpt")), scripted({"gpt": [BUSY]}, config=ONCE)) == Failure(BUSY)
    refused = QuotaExhausted("claude")
    both = await provide(generate(ASK), scripted({"gpt": [BUSY], "claude": [refused]}, config=ONCE))
    assert both == Failure(AllModelsFailed((("gpt", BUSY), ("claude", refused))))


async def test_an_invalid_request_is_told_before_anything_is_sent() -> None:
    async with scripted({"gpt": ["x"]}) as context:
        bad = LLMRequest(prompt=" ", preferences=Preferences(temperature=9, max_tokens=-1))
        error = (await run(generate(bad), context)).failure()
        assert isinstance(error, InvalidRequest)
        assert [problem.path for problem in error.problems] == [
            "prompt",
            "preferences.temperature",
            "preferences.max_tokens",
        ]
        assert received(context.providers["custom"]) == []


async def test_the_same_question_is_answered_from_the_cache_and_route_request_always_asks() -> None:
    async with scripted({"gpt": ["one", "two", "three"]}) as context:
        first = (await run(generate(ASK), context)).unwrap()
        again = (await run(generate(ASK), context)).unwrap()
        other = (await run(generate(replace(ASK, namespace="b")), context)).unwrap()
        asked = (await run(route_request(ASK), context)).unwrap()
    assert [each.content for each in (first, again, other, asked)] == ["one", "one", "two", "three"]
    assert [each.metadata.cached for each in (first, again, other, asked)] == [False, True, False, False]


@pytest.mark.parametrize("finish", ["length", "unknown"])
async def test_an_answer_that_may_not_be_whole_is_not_cached(finish: FinishReason) -> None:
    cut = LLMResponse(content="cut", model="gpt", finish_reason=finish)
    async with scripted({"gpt": [cut, "whole"]}) as context:
        await run(generate(ASK), context)
        assert (await run(generate(ASK), context)).unwrap().content == "whole"


async def test_a_model_whose_circuit_is_open_is_passed_over() -> None:
    async with scripted(
        {"gpt": [BUSY] * 5 + ["back"], "claude": ["a", "b", "c", "d", "e", "f"]}, config=ONCE
    ) as context:
        for number in range(6):
            response = (await run(generate(LLMRequest(prompt=str(number))), context)).unwrap()
            assert response.model == "claude"
        assert len([each for each in received(context.providers["custom"]) if each.target.model == "gpt"]) == 5


async def test_a_call_without_another_model_waits_for_an_open_circuit_up_to_ten_seconds() -> None:
    for open_s, waited_s in ((10.0, 10.0), (10.5, None)):
        config = replace(ONCE, circuit_breaker=BreakerSettings(failure_threshold=1, open_s=open_s))
        async with scripted({"gpt": [BUSY, "back"]}, config=config) as context:
            await run(generate(only("gpt")), context)
            outcome = await run(generate(only("gpt")), context)
            if waited_s is None:
                assert outcome == Failure(CircuitOpen("gpt", open_s))
            else:
                assert (outcome.unwrap().content, context.clock.monotonic()) == ("back", waited_s)


async def test_the_deadline_of_a_request_bounds_everything() -> None:
    async with scripted({"gpt": [Pause(100, "late")]}) as context:
        error = (await run(generate(replace(ASK, deadline_s=3)), context)).failure()
        assert isinstance(error, RequestTimedOut)
        assert (error.timeout_s, error.phase) == (3.0, "total")
        assert context.clock.monotonic() == 3.0


LOST = NetworkError("gpt", ambiguous=True, cause="reset")
CAREFUL = LLMConfig(retry=RetrySettings(ambiguous=False))


async def test_an_ambiguous_failure_goes_to_the_next_model_at_once_unless_that_is_switched_off() -> None:
    script: dict[str, list[Line]] = {"gpt": [LOST, "late"], "claude": ["second"]}
    response = (await provide(generate(ASK), scripted(script))).unwrap()
    assert (response.content, response.metadata.latency_ms) == ("second", 0.0)
    assert await provide(generate(ASK), scripted(script, config=CAREFUL)) == Failure(LOST)


async def test_an_ambiguous_failure_of_the_only_model_is_repeated_once_unless_that_is_switched_off() -> None:
    script: dict[str, list[Line]] = {"gpt": [LOST, "then"]}
    assert (await provide(generate(only("gpt")), scripted(script))).unwrap().content == "then"
    assert await provide(generate(only("gpt")), scripted({"gpt": [LOST, LOST, "never"]})) == Failure(LOST)
    assert await provide(generate(only("gpt")), scripted(script, config=CAREFUL)) == Failure(LOST)


async def test_a_filtered_answer_goes_no_further_without_the_opt_in() -> None:
    script: dict[str, list[Line]] = {"gpt": [ContentFiltered("gpt")], "claude": ["second"]}
    assert await provide(generate(ASK), scripted(script)) == Failure(ContentFiltered("gpt"))
    allowed = LLMConfig(routing=RoutingSettings(after_filter=True))
    assert (await provide(generate(ASK), scripted(script, config=allowed))).unwrap().content == "second"


async def test_a_prompt_too_large_goes_only_to_a_larger_window() -> None:
    windows = {"gpt": 1000, "claude": 500, "llama": 4000}
    config = LLMConfig(models={name: ModelSettings(window_tokens=size) for name, size in windows.items()})
    listener = Listener()
    script: dict[str, list[Line]] = {
        "gpt": [ContextTooLarge("gpt", 2000, 1000)],
        "claude": ["too small"],
        "llama": ["fits"],
    }
    response = (await provide(generate(ASK), scripted(script, config=config, observer=listener))).unwrap()
    assert response.model == "llama"
    assert [event.next_model for event in listener.events if isinstance(event, FellBack)] == ["llama"]


async def test_a_window_that_is_not_told_is_taken_from_the_catalog() -> None:
    config = LLMConfig(models={"gpt": ModelSettings(window_tokens=1000), "claude": ModelSettings(window_tokens=2000)})
    script: dict[str, list[Line]] = {"gpt": [ContextTooLarge("gpt")], "claude": ["fits"]}
    assert (await provide(generate(ASK), scripted(script, config=config))).unwrap().model == "claude"


async def test_a_preferred_model_without_a_key_is_told_and_its_chain_follows() -> None:
    listener = Listener()
    wish = replace(ASK, preferences=Preferences(model="gpt-4o"))
    response = (await provide(generate(wish), scripted({"gpt": ["chain"]}, observer=listener))).unwrap()
    assert response.content == "chain"
    [skipped] = [event for event in listener.events if isinstance(event, TargetSkipped)]
    assert isinstance(skipped.error, AuthenticationFailed)
    alone = await provide(
        generate(replace(wish, preferences=Preferences(model="gpt-4o", fallback="none"))), scripted({"gpt": []})
    )
    assert isinstance(alone.failure(), AuthenticationFailed)


async def test_every_key_is_tried_before_the_model_is_given_up() -> None:
    keys = KeySettings(providers={"openai": (Secret("a" * 20), Secret("b" * 20))})
    used: list[str] = []

    class Refusing(Unstreamed):
        async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, AuthenticationFailed]:
            used.append(dispatch.keys["openai"].reveal()[0])
            return Failure(AuthenticationFailed("gpt-4o", message="revoked"))

        async def models(self, target: Target, keys: object, /) -> Outcome[tuple[str, ...], AuthenticationFailed]:
            return Failure(AuthenticationFailed(target.model))

    layer = scripted({}, config=LLMConfig(keys=keys, http=HttpSettings(max_connections=1))) | replacing(
        providers={"openai": Refusing()}
    )
    outcome = await provide(generate(only("gpt-4o")), layer)
    assert outcome == Failure(AuthenticationFailed("gpt-4o", message="revoked"))
    assert used == ["a", "b"]


async def test_a_try_that_finds_no_key_costs_nothing_at_the_limiter() -> None:
    """One key, refused once: were the tokens of the second request kept, the third would wait for a minute."""
    config = LLMConfig(
        keys=KeySettings(providers={"openai": (Secret("a" * 20),)}),
        rate_limit=LimiterSettings(tokens_per_minute=100),
    )

    class Refusing(Unstreamed):
        async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, AuthenticationFailed]:
            return Failure(AuthenticationFailed("gpt-4o"))

        async def models(self, target: Target, keys: object, /) -> Outcome[tuple[str, ...], AuthenticationFailed]:
            return Success(())

    async with scripted({}, config=config) | replacing(providers={"openai": Refusing()}) as context:
        for _ in range(4):
            await run(generate(only("gpt-4o", max_tokens=40)), context)
        assert context.clock.monotonic() == 0.0


async def test_a_service_that_nobody_provides_is_a_configuration_error() -> None:
    config = LLMConfig(keys=KeySettings(providers={"openai": (Secret("a" * 20),)}))
    outcome = await provide(generate(only("gpt-4o")), scripted({}, config=config))
    assert isinstance(outcome.failure(), ConfigurationError)


async def test_nothing_configured_says_what_would_help() -> None:
    error = (await provide(generate(ASK), scripted({}))).failure()
    assert isinstance(error, ConfigurationError)
    assert "OPENAI_API_KEY" in error.problems[0].message


async def test_a_cancelled_call_gives_its_key_back() -> None:
    keys = KeySettings(providers={"openai": (Secret("a" * 20),)})
    answers: list[float] = [1000.0, 0.0]

    class Slow(Unstreamed):
        async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, ModelUnavailable]:
            await context.clock.sleep(answers.pop(0))
            return Success(LLMResponse(content="x", model="gpt-4o"))

        async def models(self, target: Target, keys: object, /) -> Outcome[tuple[str, ...], ModelUnavailable]:
            return Success(())

    layer = scripted({}, config=LLMConfig(keys=keys, http=HttpSettings(max_connections=1))) | replacing(
        providers={"openai": Slow()}
    )
    async with layer as context:
        late = await run(generate(replace(only("gpt-4o"), deadline_s=1)), context)
        assert isinstance(late.failure(), RequestTimedOut)
        assert (await run(generate(only("gpt-4o")), context)).unwrap().content == "x"


async def test_several_models_answer_in_order_and_one_failure_loses_nothing() -> None:
    layer = scripted({"gpt": [Pause(3, "slow")], "claude": [BUSY], "llama": ["fast"]}, config=ONCE)
    async with layer as context:
        outcomes = (await run(query_multiple(ASK, ["gpt", "claude", "llama", "nobody"]), context)).unwrap()
        assert context.clock.monotonic() == 3.0
    assert [isinstance(outcome, Success) for outcome in outcomes] == [True, False, True, False]
    assert isinstance(outcomes[3].failure(), InvalidRequest)


async def test_the_first_success_wins_a_race() -> None:
    layer = scripted({"gpt": [Pause(3, "slow")], "claude": [Pause(1, "fast")], "llama": [BUSY]}, config=ONCE)
    async with layer as context:
        assert (await run(race(ASK, ["gpt", "claude", "llama"]), context)).unwrap().content == "fast"
        assert context.clock.monotonic() == 1.0
    lost = await provide(race(ASK, ["llama"]), scripted({"llama": [BUSY]}, config=ONCE))
    assert lost == Failure(AllModelsFailed((("gpt", BUSY),)))
    ops = race(generate(only("gpt")), generate(only("claude")))
    assert (await provide(ops, scripted({"gpt": [BUSY], "claude": ["x"]}, config=ONCE))).unwrap().content == "x"
