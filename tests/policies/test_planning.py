"""What would be done with a request, and the most it could take."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.errors import AuthenticationFailed, CircuitOpen
from llm_manager.domain.plan import PlannedTarget, RoutePlan
from llm_manager.domain.request import LLMRequest, Message, Preferences
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import (
    HttpSettings,
    KeySettings,
    LimiterSettings,
    ModelSettings,
    PortkeySettings,
    RetrySettings,
    RoutingSettings,
    TimeoutSettings,
)
from llm_manager.policies.bucket import SLACK_S
from llm_manager.policies.patience import CIRCUIT_S, QUEUE_S, TURNS
from llm_manager.policies.planning import alternate_keys, key_owner, keys_of, max_in_flight, plan_of
from llm_manager.policies.prompt_estimate import prompt_tokens
from llm_manager.policies.targets import resolve

KEY = (Secret("sk-canary-0123456789"),)
OPENAI = LLMConfig(keys=KeySettings(providers={"openai": KEY}))
ASK = LLMRequest(prompt="hi")


def test_a_plan_bounds_attempts_cost_and_time() -> None:
    request = LLMRequest(
        prompt="hello world!", preferences=Preferences(model="gpt-4o", fallback="none", max_tokens=100)
    )
    planned = plan_of(OPENAI, request, {}, ()).unwrap()
    [target] = planned.targets
    assert target.worst_attempts == planned.worst_attempts == 4
    assert planned.worst_cost_usd == pytest.approx(4 * ONE_USD)
    assert planned.worst_latency_s == 3600.0
    assert plan_of(OPENAI, replace(request, deadline_s=5.0), {}, ()).unwrap().worst_latency_s == 5.0


def test_a_plan_with_a_model_of_unknown_price_has_an_unknown_cost() -> None:
    request = replace(ASK, preferences=Preferences(model="openai/new", fallback="none"))
    assert plan_of(OPENAI, request, {}, ()).unwrap().worst_cost_usd is None


def test_a_plan_passes_over_what_has_an_open_circuit() -> None:
    target = resolve(OPENAI, "gpt").unwrap()
    planned = plan_of(OPENAI, ASK, {}, ((target.key, 12.0),)).unwrap()
    assert planned.targets[0].skipped == CircuitOpen("gpt-6.1-terra", 12.0)
    assert planned.worst_attempts == 0


def test_a_plan_fails_as_the_request_would() -> None:
    assert isinstance(plan_of(LLMConfig(), ASK, {}, ()), Failure)
    assert isinstance(plan_of(OPENAI, ASK, {}, ()), Success)


TWO = (Secret("sk-canary-first-0123"), Secret("sk-canary-second-0123"))
ONE = LLMRequest(prompt="hello world!", preferences=Preferences(model="gpt-4o", fallback="none", max_tokens=100))
MOST = prompt_tokens(ONE, "gpt-4o").high
ONE_USD = (MOST * 2.5 + 100 * 10) / 1e6
REFUSED_S = QUEUE_S + CIRCUIT_S
"""How long a call waits at most for keys that rest and for a circuit to close, beside its pauses."""


def test_a_plan_tells_of_each_model_what_it_can_take_and_of_all_together() -> None:
    config = replace(OPENAI, models={"free": ModelSettings(provider="custom", prompt_usd=0, completion_usd=0)})
    config = replace(
        config, retry=RetrySettings(max_retries=2), timeouts=TimeoutSettings(attempt_s=1.0, total_s=10_000)
    )
    config = replace(config, routing=replace(config.routing, chains={"general": ("claude", "free")}))
    request = replace(ONE, preferences=replace(ONE.preferences, fallback="chain"))
    no_key = AuthenticationFailed("claude", message="no key for anthropic is configured: set ANTHROPIC_API_KEY")
    assert plan_of(config, request, {}, ()) == Success(
        RoutePlan(
            targets=(
                PlannedTarget(
                    model="gpt-4o",
                    provider="openai",
                    why="the caller's own choice",
                    worst_attempts=4,
                    worst_cost_usd=4 * ONE_USD,
                    worst_wait_s=2 * 66.0 + 2 * REFUSED_S,
                ),
                PlannedTarget(model="claude", provider="", why="in the chain for general", skipped=no_key),
                PlannedTarget(
                    model="free",
                    provider="custom",
                    why="in the chain for general",
                    worst_attempts=4,
                    worst_cost_usd=0.0,
                    worst_wait_s=2 * 66.0 + 2 * REFUSED_S,
                ),
            ),
            worst_attempts=8,
            worst_cost_usd=4 * ONE_USD,
            worst_latency_s=2 * (4 * 1.0 + 2 * 66.0 + 2 * REFUSED_S),
        )
    )


@pytest.mark.parametrize(("deadline_s", "worst_s"), [(None, 3600.0), (5.0, 5.0), (10_000.0, 3600.0)])
def test_everything_ends_at_the_deadline_and_at_the_configured_total(deadline_s: float | None, worst_s: float) -> None:
    assert plan_of(OPENAI, replace(ONE, deadline_s=deadline_s), {}, ()).unwrap().worst_latency_s == worst_s


def test_a_pause_is_as_long_as_the_longest_backoff_or_a_vendors_minute_and_a_tenth() -> None:
    slow = replace(OPENAI, retry=RetrySettings(max_retries=1, cap_s=90.0))
    assert plan_of(slow, ONE, {}, ()).unwrap().targets[0].worst_wait_s == 90.0 + REFUSED_S
    quick = replace(OPENAI, retry=RetrySettings(max_retries=1, cap_s=1.0))
    assert plan_of(quick, ONE, {}, ()).unwrap().targets[0].worst_wait_s == pytest.approx(66.0 + REFUSED_S)


def test_each_further_key_is_one_more_attempt_after_a_refusal() -> None:
    config = replace(OPENAI, keys=KeySettings(providers={"openai": TWO}))
    [target] = plan_of(config, ONE, {}, ()).unwrap().targets
    assert (target.worst_attempts, target.worst_cost_usd) == (5, 5 * ONE_USD)


def test_without_a_limit_an_answer_may_be_as_long_as_its_model_can_make_it() -> None:
    endless = replace(ONE, preferences=replace(ONE.preferences, max_tokens=None))
    cost = plan_of(OPENAI, endless, {}, ()).unwrap().worst_cost_usd
    assert cost == pytest.approx(4 * (MOST * 2.5 + 16_384 * 10) / 1e6)


GATEWAY = LLMConfig(
    keys=KeySettings(providers={"portkey": KEY, "anthropic": TWO, "gemini": ()}),
    http=HttpSettings(portkey=PortkeySettings(mode="fallback")),
)


def test_a_gateway_that_falls_back_by_itself_may_ask_and_bill_every_model() -> None:
    config = replace(GATEWAY, routing=replace(GATEWAY.routing, chains={"general": ("gpt-4o", "claude", "gemini")}))
    [target] = plan_of(config, replace(ONE, preferences=Preferences(max_tokens=100)), {}, ()).unwrap().targets
    assert (target.model, target.worst_attempts) == ("gpt-4o", 4 * 3)
    assert target.worst_cost_usd == pytest.approx(4 * 3 * ONE_USD)


def test_keys_are_leased_where_the_gateway_does_not_hold_them() -> None:
    gpt, claude, gemini = (resolve(GATEWAY, name).unwrap() for name in ("gpt-4o", "claude", "gemini"))
    assert [key_owner(GATEWAY, target) for target in (gpt, claude, gemini)] == [None, "anthropic", None]
    assert [keys_of(GATEWAY, target) for target in (gpt, claude, gemini)] == [1, 2, 1]
    assert alternate_keys(GATEWAY, replace(gpt, alternates=(claude, gemini))) == {"anthropic": TWO[0]}
    assert alternate_keys(GATEWAY, claude) == {}


LIMITED = LLMConfig(
    keys=KeySettings(providers={"openai": KEY}),
    models={"claude": ModelSettings(provider="openai", model="gpt-4o-mini", window_tokens=200)},
    retry=RetrySettings(max_retries=1, cap_s=10.0),
    rate_limit=LimiterSettings(requests_per_minute=60, max_wait_s=5.0),
    timeouts=TimeoutSettings(attempt_s=10.0),
)


def test_a_wait_has_the_pauses_between_tries_and_the_queue_before_each() -> None:
    request = replace(ASK, preferences=Preferences(model="gpt-4o", fallback="none"))
    [target] = plan_of(LIMITED, request, {}, ()).unwrap().targets
    assert target.worst_wait_s == pytest.approx(66.0 + REFUSED_S + (2 + TURNS) * (5.0 + SLACK_S))


def test_a_breaker_that_may_be_closed_when_its_turn_comes_is_told_and_not_skipped() -> None:
    config = replace(LIMITED, routing=RoutingSettings(chains={"general": ("gpt-4o", "claude")}))
    second = resolve(config, "claude").unwrap()
    before = plan_of(config, ASK, {}, ()).unwrap().targets[0]
    passed_s = before.worst_wait_s + before.worst_attempts * LIMITED.timeouts.attempt_s
    for open_s, is_skipped in ((passed_s - 1, False), (passed_s + CIRCUIT_S, False), (passed_s + CIRCUIT_S + 1, True)):
        planned = plan_of(config, ASK, {}, ((second.key, open_s),)).unwrap().targets[1]
        assert (planned.skipped is not None) == is_skipped
        assert ("its breaker is open for another" in planned.why) != is_skipped


def test_a_model_that_is_waited_for_when_all_others_have_failed_comes_last() -> None:
    config = replace(LIMITED, routing=RoutingSettings(chains={"general": ("gpt-4o", "claude")}))
    first = resolve(config, "gpt-4o").unwrap()
    planned = plan_of(config, ASK, {}, ((first.key, CIRCUIT_S),)).unwrap()
    assert [(target.model, target.skipped) for target in planned.targets] == [("gpt-4o-mini", None), ("gpt-4o", None)]
    alone = replace(ASK, preferences=Preferences(model="gpt-4o", fallback="none"))
    assert plan_of(config, alone, {}, ((first.key, CIRCUIT_S),)).unwrap().targets[0].skipped is None


def test_several_keys_have_a_limit_each_and_a_single_one_that_of_the_connections() -> None:
    gpt = resolve(OPENAI, "gpt-4o").unwrap()
    two = replace(OPENAI, keys=KeySettings(providers={"openai": TWO}))
    narrow = replace(two, http=HttpSettings(max_connections=7))
    assert [max_in_flight(config, gpt) for config in (OPENAI, two, narrow)] == [100, 10, 7]


def test_what_is_left_out_for_a_small_window_is_counted() -> None:
    said = tuple(Message(role="user", content="x" * 300) for _ in range(5))
    request = replace(ASK, messages=said, truncation="auto", preferences=Preferences(model="claude", fallback="none"))
    [target] = plan_of(LIMITED, request, {}, ()).unwrap().targets
    assert 0 < target.left_out_messages <= 5
    [whole] = plan_of(LIMITED, replace(request, messages=()), {}, ()).unwrap().targets
    assert whole.left_out_messages == 0


def test_what_costs_nothing_costs_nothing_however_long_its_answer() -> None:
    config = LLMConfig(http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:1"}))
    request = replace(ASK, preferences=Preferences(model="ollama/llama3.2", fallback="none"))
    assert plan_of(config, request, {}, ()).unwrap().worst_cost_usd == 0.0
