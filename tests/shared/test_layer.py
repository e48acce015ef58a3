"""Redis in a context: one variable turns all of it on, and what is wrong with it is told without a password."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import cast

import pytest

from llm_manager import (
    BreakerSettings,
    BudgetExceeded,
    BudgetSettings,
    CircuitOpen,
    ComputedCost,
    Context,
    HttpSettings,
    KeySettings,
    LayerFailed,
    LimiterSettings,
    LLMConfig,
    LLMRequest,
    ModelSettings,
    ObserveSettings,
    Preferences,
    RedisSettings,
    RetrySettings,
    Secret,
    custom,
    generate,
    get_status,
    live,
    parse_config,
    provide,
    redis_budget,
    redis_cache,
    replacing,
    run,
)
from llm_manager.adapters.limits.breakers import NoBreakers
from llm_manager.adapters.redis.breakers import RedisBreakers
from llm_manager.adapters.redis.cache import RedisCache
from llm_manager.adapters.redis.keys import RedisKeys
from llm_manager.adapters.redis.limiter import RedisLimiter
from llm_manager.adapters.redis.retry_budgets import RedisRetryBudgets
from llm_manager.cli.main import main
from llm_manager.domain.status import CacheStatus
from llm_manager.testing.simulator import Say, Simulator, Status
from redis_server import RedisServer

pytestmark = pytest.mark.anyio

MINI = Preferences(model="gpt-4o-mini", fallback="none")
ASK = LLMRequest(prompt="once is enough", preferences=MINI)
PATIENT = RedisSettings(timeout_s=10)
KEY = "sk-canary-0123456789"


def config(simulator: Simulator, redis: RedisSettings) -> LLMConfig:
    return LLMConfig(
        keys=KeySettings(providers={"openai": (Secret(KEY),)}),
        http=HttpSettings(base_urls={"openai": f"{simulator.url}/v1"}),
        rate_limit=LimiterSettings(requests_per_minute=100),
        retry=RetrySettings(max_retries=0),
        redis=redis,
    )


def services(context: Context) -> list[type]:
    all_of_them = (context.cache, context.limiter, context.breakers, context.retry_budgets, context.keys)
    return [type(each) for each in all_of_them]


async def test_redis_url_turns_it_all_on(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Simulator() as simulator:
        monkeypatch.setenv("REDIS_URL", redis.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{simulator.url}/v1")
        monkeypatch.setenv("MAX_REQUESTS_PER_MINUTE", "100")
        simulator.script("gpt-4o-mini", [Say("the only answer")])
        async with live() as context:
            assert services(context) == [RedisCache, RedisLimiter, RedisBreakers, RedisRetryBudgets, RedisKeys]
            first = (await run(generate(ASK), context)).unwrap()
        async with live() as context:
            second = (await run(generate(ASK), context)).unwrap()
        assert (first.content, first.metadata.cached) == ("the only answer", False)
        assert (second.content, second.metadata.cached) == ("the only answer", True)
        kinds = {key.split(b":")[1] for key in cast("list[bytes]", redis.ask("KEYS", "*"))}
        assert kinds == {b"cache", b"limit", b"breaker"}
        assert b"canary" not in cast("bytes", redis.ask("CLIENT", "LIST"))


async def test_a_breaker_that_one_context_opened_is_open_in_another(redis: RedisServer) -> None:
    async with Simulator() as simulator:
        settings = config(simulator, RedisSettings(url=Secret(redis.url), timeout_s=10))
        settings = replace(settings, circuit_breaker=BreakerSettings(open_s=60.0))
        simulator.script("gpt-4o-mini", [Status(500)] * 20)
        async with custom(settings) as mine, custom(settings) as theirs:
            for number in range(6):
                await run(generate(LLMRequest(prompt=str(number), preferences=MINI)), mine)
            refused = (await run(generate(LLMRequest(prompt="7", preferences=MINI)), theirs)).failure()
            assert isinstance(refused, CircuitOpen)
            reached = CacheStatus(enabled=True, entries=None, max_entries=None)
            assert (await run(get_status(), theirs)).unwrap().cache == reached


async def test_what_one_context_spent_another_cannot(redis: RedisServer) -> None:
    async with Simulator() as simulator:
        settings = config(simulator, RedisSettings(url=Secret(redis.url), timeout_s=10))
        settings = replace(
            settings,
            models={"gpt-4o-mini": ModelSettings(prompt_usd=1_000.0, completion_usd=1_000.0, window_tokens=10_000)},
            budget=BudgetSettings(limit_usd=0.93, name="2026-11"),
        )
        short = Preferences(model="gpt-4o-mini", fallback="none", max_tokens=900)
        async with custom(settings) as mine, custom(settings) as theirs:
            answer = (await run(generate(LLMRequest(prompt="dear", preferences=short)), mine)).unwrap()
            refused = (await run(generate(LLMRequest(prompt="dearer", preferences=short)), theirs)).failure()
            assert answer.usage.cost == ComputedCost(0.033)
            assert isinstance(refused, BudgetExceeded)
            assert refused.spent_usd == 0.033
        assert await redis_budget(redis.url, 0.93, name="2026-11").spent_usd() == 0.033


async def test_a_stream_pays_and_counts_as_one_call(redis: RedisServer) -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o-mini", [Say("piece by piece")])
        settings = config(simulator, RedisSettings(url=Secret(redis.url), timeout_s=10))
        async with custom(settings) as context:
            answer = (await run(generate(replace(ASK, streaming=True)), context)).unwrap()
    assert answer.content == "piece by piece"


async def test_a_program_whose_redis_is_away_does_its_work_and_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o-mini", [Say("all the same")])
        settings = config(simulator, RedisSettings(url=Secret("redis://:canary-0123456789@127.0.0.1:9")))
        settings = replace(settings, observe=ObserveSettings(log="json"))
        async with custom(settings) as context:
            assert (await run(generate(ASK), context)).unwrap().content == "all the same"
            unknown = CacheStatus(enabled=True, entries=None, max_entries=None)
            assert (await run(get_status(), context)).unwrap().cache == unknown
    logged = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    changes = [line for line in logged if line["event"] == "StoreChanged"]
    assert [(line["level"], line["store"], line["away"]) for line in changes] == [("warning", "redis", True)]
    assert "127.0.0.1:9: cannot be reached" in changes[0]["error"]
    assert "canary" not in str(logged)


async def test_one_service_can_be_swapped_alone(redis: RedisServer) -> None:
    async with Simulator() as simulator:
        simulator.script("gpt-4o-mini", [Say("kept"), Say("not asked for")])
        layer = custom(config(simulator, RedisSettings()))
        shared = layer | replacing(cache=redis_cache(redis.url, shared=PATIENT))
        assert [(await provide(generate(ASK), shared)).unwrap().content for _ in range(2)] == ["kept", "kept"]


async def test_breakers_that_are_off_stay_off(redis: RedisServer) -> None:
    off = LLMConfig(circuit_breaker=BreakerSettings(enabled=False), redis=RedisSettings(url=Secret(redis.url)))
    async with custom(off) as context:
        assert isinstance(context.breakers, NoBreakers)


async def test_a_url_that_is_none_fails_the_layer_and_is_not_shown() -> None:
    for url in ("http://canary@host", "redis://host/canary"):
        found = parse_config({"redis": {"url": url}}).failure().problems
        assert [problem.path for problem in found] == ["redis.url"]
        with pytest.raises(LayerFailed) as raised:
            async with custom(LLMConfig(redis=RedisSettings(url=Secret(url)))):
                pass
        assert "canary" not in str(found) + str(raised.value)
    shape = parse_config({"redis": {"url": ["redis://:canary@host"]}}).failure().problems
    assert "canary" not in str(shape)


@pytest.mark.parametrize("prefix", ["", "a b", "a{b", "a}b", "a\n"])
def test_a_prefix_must_be_a_plain_name(prefix: str) -> None:
    assert [each.path for each in parse_config({"redis": {"prefix": prefix}}).failure().problems] == ["redis.prefix"]


async def test_without_the_extra_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hiredis", None)  # as it is where nobody installed it
    with pytest.raises(LayerFailed, match=r"pip install 'llm-manager\[redis\]'"):
        async with custom(LLMConfig(redis=RedisSettings(url=Secret("redis://127.0.0.1:9")))):
            pass
    with pytest.raises(ValueError, match=r"pip install 'llm-manager\[redis\]'"):
        redis_cache("redis://127.0.0.1:9")


def test_the_command_line_shows_neither_the_url_nor_its_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://me:canary-0123456789@cache.example:6379/0")
    assert main(["config"]) == 0
    shown = capsys.readouterr().out
    assert "REDIS_URL" in shown
    assert "canary" not in shown
    assert "cache.example" not in shown
    monkeypatch.setenv("REDIS_URL", "redis://me:canary-0123456789@cache.example:6379/zero")
    assert main(["config"]) != 0
    failed = capsys.readouterr()
    assert "canary" not in failed.out + failed.err
