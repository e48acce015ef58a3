"""The operations on scripted models: what comes out, what was asked, and what is told about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    AllModelsFailed,
    AuthenticationFailed,
    CircuitOpen,
    ConfigurationError,
    ContentFiltered,
    ContextTooLarge,
    ExtractionFailed,
    InvalidRequest,
    JsonMode,
    JsonSchema,
    KeySettings,
    LimiterSettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    ModelUnavailable,
    NetworkError,
    Preferences,
    QuotaExhausted,
    RateLimitExceeded,
    RequestTimedOut,
    ResponseTruncated,
    RetrySettings,
    RoutingSettings,
    SchemaMismatch,
    Secret,
    ServerError,
    UnknownCost,
    generate,
    get_available_models,
    get_fallback_chain,
    get_metrics,
    get_model_health,
    get_status,
    is_healthy,
    plan,
    provide,
    query_multiple,
    query_with_schema,
    race,
    replacing,
    reset_metrics,
    route_request,
    run,
    select_model,
    validate_config,
    warmup_models,
)
from llm_manager.domain.events import Event, FellBack, Reasked, RequestFinished, TargetSkipped
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch, Incoming, Provider
from llm_manager.testing import Line, Pause, ScriptedProvider, VirtualClock, scripted

pytestmark = pytest.mark.anyio

ASK = LLMRequest(prompt="Why is the sky blue?")
BUSY = ServerError("gpt", 503)
ONCE = LLMConfig(retry=RetrySettings(max_retries=0))


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event, /) -> None:
        self.events.append(event)


def only(model: str, **wish: object) -> LLMRequest:
    return replace(ASK, preferences=Preferences(model=model, fallback="none", **wish))  # type: ignore[arg-type]


class Unstreamed:
    """What a provider of these tests has beside what it is there for."""

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        raise NotImplementedError(dispatch)


async def test_generate_retries_falls_back_and_keeps_the_whole_account() -> None:
    layer = scripted({"gpt": [BUSY, BUSY, BUSY, BUSY], "claude": [Pause(2, "It scatters.")]})
    response = (await provide(generate(ASK), layer)).unwrap()
    assert (response.content, response.model) == ("It scatters.", "claude")
    lines = response.metadata.attempts
    assert [(line.model, line.outcome) for line in lines] == [("gpt", "ServerError")] * 4 + [("claude", "ok")]
    assert response.metadata.retry_count == 4
    assert lines[-1].latency_ms == 2000.0
    assert response.metadata.latency_ms == pytest.approx(2000 + 1000 * sum(line.waited_s for line in lines))


async def test_usage_nobody_told_is_an_estimate_and_says_so() -> None:
    usage = (await provide(generate(ASK), scripted({"gpt": ["abcd" * 3]}))).unwrap().usage
    assert usage.estimated
    assert (usage.completion_tokens, usage.total_tokens) == (3, (usage.prompt_tokens or 0) + 3)
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


def received(provider: Provider) -> list[Dispatch]:
    assert isinstance(provider, ScriptedProvider)
    return provider.received


async def test_the_same_question_is_answered_from_the_cache_and_route_request_always_asks() -> None:
    async with scripted({"gpt": ["one", "two", "three"]}) as context:
        first = (await run(generate(ASK), context)).unwrap()
        again = (await run(generate(ASK), context)).unwrap()
        other = (await run(generate(replace(ASK, namespace="b")), context)).unwrap()
        asked = (await run(route_request(ASK), context)).unwrap()
    assert [each.content for each in (first, again, other, asked)] == ["one", "one", "two", "three"]
    assert [each.metadata.cached for each in (first, again, other, asked)] == [False, True, False, False]


async def test_a_truncated_answer_is_not_cached() -> None:
    cut = LLMResponse(content="cut", model="gpt", finish_reason="length")
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
        error = (await run(generate(only("gpt")), context)).failure()
        assert isinstance(error, CircuitOpen)


async def test_the_deadline_of_a_request_bounds_everything() -> None:
    async with scripted({"gpt": [Pause(100, "late")]}) as context:
        error = (await run(generate(replace(ASK, deadline_s=3)), context)).failure()
        assert isinstance(error, RequestTimedOut)
        assert (error.timeout_s, error.phase) == (3.0, "total")
        assert context.clock.monotonic() == 3.0


async def test_an_ambiguous_failure_goes_no_further_without_the_opt_in() -> None:
    lost = NetworkError("gpt", ambiguous=True, cause="reset")
    script: dict[str, list[Line]] = {"gpt": [lost], "claude": ["second"]}
    assert await provide(generate(ASK), scripted(script)) == Failure(lost)
    allowed = LLMConfig(retry=RetrySettings(ambiguous=True, max_retries=0))
    assert (await provide(generate(ASK), scripted(script, config=allowed))).unwrap().content == "second"


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

    layer = scripted({}, config=LLMConfig(keys=keys)) | replacing(providers={"openai": Refusing()})
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
    keys = KeySettings(providers={"openai": (Secret("a" * 20),)}, max_connections_per_key=1)
    answers: list[float] = [1000.0, 0.0]

    class Slow(Unstreamed):
        async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, ModelUnavailable]:
            await context.clock.sleep(answers.pop(0))
            return Success(LLMResponse(content="x", model="gpt-4o"))

        async def models(self, target: Target, keys: object, /) -> Outcome[tuple[str, ...], ModelUnavailable]:
            return Success(())

    layer = scripted({}, config=LLMConfig(keys=keys)) | replacing(providers={"openai": Slow()})
    async with layer as context:
        late = await run(generate(replace(only("gpt-4o"), deadline_s=1)), context)
        assert isinstance(late.failure(), RequestTimedOut)
        assert (await run(generate(only("gpt-4o")), context)).unwrap().content == "x"


@dataclass(frozen=True)
class Mood:
    mood: str
    score: int


GOOD = '{"mood": "calm", "score": 4}'


async def test_a_value_of_a_type_comes_out_of_the_answer() -> None:
    layer = scripted({"gpt": [f"Sure:\n```json\n{GOOD}\n```"]})
    assert await provide(query_with_schema(ASK, Mood), layer) == Success(Mood("calm", 4))


async def test_an_answer_that_does_not_fit_is_sent_back_with_its_problems() -> None:
    listener = Listener()
    layer = scripted({"gpt": ['{"mood": "calm", "score": "high"}', "no json", GOOD]}, observer=listener)
    async with layer as context:
        assert await run(query_with_schema(ASK, Mood), context) == Success(Mood("calm", 4))
        last = received(context.providers["custom"])[-1].request
    assert [message.role for message in last.messages] == ["user", "assistant", "user", "assistant"]
    assert last.messages[0].content == ASK.prompt
    assert "score" in str(last.messages[2].content)
    assert [event.round for event in listener.events if isinstance(event, Reasked)] == [1, 2]


async def test_after_the_last_round_the_failure_says_what_did_not_fit() -> None:
    bad: list[Line] = ['{"mood": 5}', '{"mood": 6}']
    error = (await provide(query_with_schema(ASK, Mood, max_reasks=1), scripted({"gpt": bad}))).failure()
    assert isinstance(error, SchemaMismatch)
    assert error.response == '{"mood": 6}'
    nothing = (await provide(query_with_schema(ASK, Mood, max_reasks=0), scripted({"gpt": ["prose"]}))).failure()
    assert isinstance(nothing, ExtractionFailed)


async def test_a_truncated_answer_is_never_asked_again() -> None:
    cut = LLMResponse(content='{"mood": "ca', model="gpt", finish_reason="length")
    error = (await provide(query_with_schema(ASK, Mood), scripted({"gpt": [cut, GOOD]}))).failure()
    assert error == ResponseTruncated('{"mood": "ca')
    exact = LLMResponse(content=GOOD, model="gpt", finish_reason="length")
    assert await provide(query_with_schema(ASK, Mood), scripted({"gpt": [exact]})) == Success(Mood("calm", 4))


async def test_a_refusal_is_not_asked_again() -> None:
    refusal = LLMResponse(content="I cannot.", model="gpt", finish_reason="refusal")
    error = (await provide(query_with_schema(ASK, Mood), scripted({"gpt": [refusal, GOOD]}))).failure()
    assert isinstance(error, ExtractionFailed)


async def test_a_schema_that_is_no_object_is_asked_for_under_one() -> None:
    for text in ('{"value": [1, 2]}', "[1, 2]", "here: [1, 2]"):
        assert await provide(query_with_schema(ASK, list[int]), scripted({"gpt": [text]})) == Success([1, 2])
    cut = LLMResponse(content='{"value": [1]}', model="gpt", finish_reason="length")
    assert await provide(query_with_schema(ASK, list[int]), scripted({"gpt": [cut]})) == Success([1])


async def test_each_model_is_held_to_the_schema_by_what_it_has() -> None:
    formats = {"json_schema": JsonSchema, "json_mode": JsonMode}
    for capability, expected in formats.items():
        config = LLMConfig(models={"gpt": ModelSettings(capabilities=frozenset({capability}))})  # type: ignore[arg-type]
        async with scripted({"gpt": [GOOD]}, config=config) as context:
            await run(query_with_schema(ASK, Mood), context)
            assert isinstance(received(context.providers["custom"])[0].request.response_format, expected)


async def test_a_failure_of_the_model_is_the_failure_of_the_query() -> None:
    assert await provide(query_with_schema(only("gpt"), Mood), scripted({"gpt": [BUSY]}, config=ONCE)) == Failure(BUSY)


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
    async with scripted({"gpt": [BUSY] * 5, "claude": ["x"] * 9}, config=ONCE) as context:
        assert await run(select_model(ASK), context) == Success("gpt")
        for number in range(5):
            await run(generate(LLMRequest(prompt=str(number))), context)
        assert await run(select_model(ASK), context) == Success("claude")
        route = (await run(plan(ASK), context)).unwrap()
        assert isinstance(route.targets[0].skipped, CircuitOpen)
        alone = await run(select_model(only("gpt")), context)
        assert isinstance(alone.failure(), CircuitOpen)


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
        },
        routing=RoutingSettings(chains={"poetry": ("gpt", "no-such-model")}),
    )
    error = (await provide(validate_config(), scripted({}, config=bad))).failure()
    assert isinstance(error, ConfigurationError)
    paths = {problem.path for problem in error.problems}
    assert {"models.one.provider", "models.two", "models.three", "routing.chains.poetry"} <= paths
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


async def test_the_ledger_says_in_which_form_a_schema_was_put() -> None:
    """A native form that refuses a keyword gives way to the next one, and nobody has to guess."""
    keys = KeySettings(providers={"anthropic": (Secret("a" * 20),)})
    lines: list[Line] = ['{"x": 7}', '{"x": 7}']
    claude = {"anthropic": ScriptedProvider({"claude-sonnet-5-5": lines}, VirtualClock())}
    layer = scripted({}, config=LLMConfig(keys=keys)) | replacing(providers=claude)
    forms: list[str | None] = []
    async with layer as context:
        for bound in ({}, {"minimum": 1}):
            schema = {
                "type": "object",
                "properties": {"x": {"type": "integer", **bound}},
                "required": ["x"],
                "additionalProperties": False,
            }
            asked = replace(only("claude-sonnet-5-5"), response_format=JsonSchema(schema=schema))
            response = (await run(generate(asked), context)).unwrap()
            forms += [attempt.schema_mode for attempt in response.metadata.attempts]
    assert forms == ["json_schema", "tool"]
