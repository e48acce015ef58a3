"""What each model may be asked: its own limits, its own number of calls at once, and its weight in a pool."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
from returns.result import Failure, Success

from llm_manager import (
    ConfigurationError,
    Context,
    HttpSettings,
    LimiterSettings,
    LLMConfig,
    LLMRequest,
    ModelSettings,
    Preferences,
    Problem,
    RateLimitExceeded,
    RetrySettings,
    RoutingSettings,
    ServerError,
    generate,
    parse_config,
    plan,
    replacing,
    run,
    settle,
)
from llm_manager.domain.events import AttemptStarted
from llm_manager.policies.model_limits import limits_of, max_connections_of
from llm_manager.policies.targets import resolve
from llm_manager.testing import Line, Pause, VirtualClock, scripted
from llm_manager.testing.scripted import ScriptedProvider
from tests.operations.asking import Listener

pytestmark = pytest.mark.anyio

ONE = LimiterSettings(requests_per_minute=1)
UNCACHED = parse_config({"cache": {"enabled": False}}).unwrap()


def only(model: str, prompt: str = "hi") -> LLMRequest:
    return LLMRequest(prompt=prompt, preferences=Preferences(model=model, fallback="none"))


async def moments(context: Context, listener: Listener, requests: list[LLMRequest]) -> list[tuple[str, float]]:
    await run(settle([generate(request) for request in requests]), context)
    return sorted((event.model, event.at_s) for event in listener.events if isinstance(event, AttemptStarted))


async def test_each_model_keeps_its_own_limit_and_the_others_the_global_one() -> None:
    models = {"a": ModelSettings(rate_limit=ONE), "b": ModelSettings(rate_limit=LimiterSettings())}
    config = replace(UNCACHED, models=models, rate_limit=LimiterSettings(requests_per_minute=2))
    listener = Listener()
    script: dict[str, list[Line]] = {name: ["x"] * 3 for name in "abc"}
    async with scripted(script, config=config, observer=listener) as context:
        came = await moments(context, listener, [only(name) for name in "aabbbccc"])
    assert [(model, round(at_s)) for model, at_s in came] == [
        ("a", 0),
        ("a", 60),
        ("b", 0),
        ("b", 0),
        ("b", 0),
        ("c", 0),
        ("c", 0),
        ("c", 30),
    ]


async def test_a_wait_longer_than_the_models_own_is_refused_at_once() -> None:
    own = LimiterSettings(requests_per_minute=1, max_wait_s=5.0)
    config = replace(UNCACHED, models={"a": ModelSettings(rate_limit=own)})
    async with scripted({"a": ["x", "y"]}, config=config) as context:
        await run(generate(only("a")), context)
        refused = (await run(generate(only("a")), context)).failure()
        assert isinstance(refused, RateLimitExceeded)
        assert (refused.local, context.clock.monotonic()) == (True, 0.0)


async def test_a_machine_of_ones_own_has_no_limit_but_its_own() -> None:
    config = replace(
        UNCACHED,
        rate_limit=ONE,
        http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:1", "lm_studio": "http://127.0.0.1:2"}),
        models={"slow": ModelSettings(provider="lm_studio", rate_limit=LimiterSettings(requests_per_minute=4))},
    )
    clock, listener = VirtualClock(autojump=True), Listener()
    local = ScriptedProvider({"llama3.2": ["x"] * 3}, clock)
    layer = scripted({}, config=config, clock=clock, observer=listener) | replacing(providers={"ollama": local})
    async with layer as context:
        came = await moments(context, listener, [only("ollama/llama3.2")] * 3)
    assert came == [("llama3.2", 0.0)] * 3
    limits = [limits_of(config, resolve(config, name).unwrap().key) for name in ("ollama/llama3.2", "slow")]
    assert limits == [LimiterSettings(), LimiterSettings(requests_per_minute=4)]


def test_a_limit_belongs_to_the_model_whatever_name_led_to_it() -> None:
    config = parse_config(
        {
            "keys": {"providers": {"openai": ["any-key-will-do-here"]}},
            "models": {
                "gpt-4o": {"rate_limit": {"requests_per_minute": 9, "tokens_per_minute": 500}, "max_connections": 3},
                "mine": {"model": "gpt-4o", "rate_limit": {"requests_per_minute": 7}, "max_connections": 2},
            },
        }
    ).unwrap()
    found = {name: resolve(config, name).unwrap().key for name in ("gpt-4o", "mine", "openai/gpt-4o", "gpt-4o-mini")}
    both = LimiterSettings(requests_per_minute=7, tokens_per_minute=500)
    assert {name: limits_of(config, key) for name, key in found.items()} == {
        "gpt-4o": both,
        "mine": both,
        "openai/gpt-4o": both,
        "gpt-4o-mini": LimiterSettings(),
    }
    assert [max_connections_of(config, key) for key in found.values()] == [2, 2, 2, None]


async def test_a_model_has_no_more_calls_under_way_than_it_may() -> None:
    models = {"a": ModelSettings(max_connections=2)}
    listener = Listener()
    script: dict[str, list[Line]] = {"a": [Pause(10, "x")] * 5, "b": [Pause(10, "x")] * 3}
    async with scripted(script, config=replace(UNCACHED, models=models), observer=listener) as context:
        came = await moments(context, listener, [only(name, str(at)) for at, name in enumerate("aaaaabbb")])
    assert [at_s for model, at_s in came if model == "a"] == [0, 0, 10, 10, 20]
    assert [at_s for model, at_s in came if model == "b"] == [0, 0, 0]


async def test_a_plan_knows_that_a_place_may_be_waited_for_until_the_deadline() -> None:
    models = {"a": ModelSettings(max_connections=1)}
    async with scripted({"a": [], "b": []}, config=LLMConfig(models=models)) as context:
        held, free = [(await run(plan(only(name)), context)).unwrap().targets[0].worst_wait_s for name in "ab"]
    assert held - free == LLMConfig().timeouts.total_s


POOL = {
    "east": ModelSettings(weight=1.0),
    "west": ModelSettings(weight=3.0),
    "chat": ModelSettings(pool=("east", "west")),
}


async def answered(context: Context, times: int) -> Counter[str]:
    found = [await run(generate(only("chat", str(at))), context) for at in range(times)]
    return Counter(each.unwrap().model if isinstance(each, Success) else "none" for each in found)


async def test_calls_are_spread_over_a_pool_by_weight() -> None:
    script: dict[str, list[Line]] = {"east": ["x"] * 400, "west": ["x"] * 400}
    async with scripted(script, config=LLMConfig(models=POOL), seed=7) as context:
        came = await answered(context, 400)
    assert came["east"] + came["west"] == 400
    assert 70 <= came["east"] <= 130


async def test_the_rest_of_a_pool_stays_as_a_fallback_and_inside_the_plan() -> None:
    config = LLMConfig(models=POOL, retry=RetrySettings(max_retries=0))
    script: dict[str, list[Line]] = {"east": [ServerError("east", 500)] * 30, "west": ["x"] * 30}
    async with scripted(script, config=config, seed=3) as context:
        planned = (await run(plan(only("chat")), context)).unwrap()
        came = await answered(context, 20)
    assert [(each.model, each.skipped) for each in planned.targets] == [("west", None), ("east", None)]
    assert came == Counter(west=20)


async def test_one_run_of_an_operation_draws_anew_and_the_cache_knows_it_all_the_same() -> None:
    script: dict[str, list[Line]] = {"east": ["x"] * 9, "west": ["x"] * 9}
    asked = generate(only("chat"))
    async with scripted(script, config=LLMConfig(models=POOL)) as context:
        answers = [(await run(asked, context)).unwrap() for _ in range(8)]
    assert [each.metadata.cached for each in answers] == [False] + [True] * 7
    async with scripted(script, config=replace(UNCACHED, models=POOL)) as context:
        models = {(await run(asked, context)).unwrap().model for _ in range(8)}
    assert models == {"east", "west"}


def test_a_pool_states_nothing_beside_its_members() -> None:
    found = parse_config({"models": {"chat": {"pool": ["gpt", "claude"], "weight": 2.0}}})
    said = "makes the name stand for several models: write what is to hold for one of them under its own name"
    assert found == Failure(ConfigurationError((Problem("models.chat.pool", said),)))
    assert isinstance(parse_config({"models": {"chat": {"pool": ["gpt", "claude"]}}}), Success)


async def test_a_pool_in_a_chain_is_drawn_from_too() -> None:
    routing = RoutingSettings(chains={"general": ("chat",)})
    script: dict[str, list[Line]] = {"east": ["x"] * 40, "west": ["x"] * 40}
    async with scripted(script, config=replace(UNCACHED, models=POOL, routing=routing)) as context:
        ask = partial(run, generate(LLMRequest(prompt="hi")), context)
        models = {(await ask()).unwrap().model for _ in range(20)}
    assert models == {"east", "west"}
