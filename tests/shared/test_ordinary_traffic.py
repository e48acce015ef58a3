"""Ordinary traffic with keys and money shared over Redis: what is waited for in one process is waited for here."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest
from returns.result import Failure

from llm_manager import (
    Context,
    Layer,
    LLMConfig,
    LLMError,
    ModelSettings,
    RateLimitExceeded,
    redis_budget,
    redis_keys,
    replacing,
)
from llm_manager.adapters.system import SystemClock
from llm_manager.ports import Dispatch
from llm_manager.testing import scripted
from redis_server import RedisServer
from tests.promises.test_ordinary_traffic import ALONE, at_once, failures, fed, question
from tests.promises.vendors import Answer, Vendor
from tests.shared.situations import PATIENT

pytestmark = pytest.mark.anyio


def shared(vendor: Vendor, redis: RedisServer, config: LLMConfig = ALONE) -> Layer[Context, LLMError, None]:
    """The vendor behind keys in *redis*, and time as it is: Redis has a clock of its own."""
    keys = redis_keys(redis.url, config.keys, shared=PATIENT)
    return scripted({}, config=config) | replacing(providers={"openai": vendor}, clock=vendor.clock, keys=keys)


async def test_one_rate_limit_among_fifty_calls_costs_a_moment_and_no_call(redis: RedisServer) -> None:
    def first_alone(number: int, _dispatch: Dispatch, _now_s: float) -> Answer:
        return "fine" if number else RateLimitExceeded("gpt-4o", 0.2)

    vendor = Vendor(first_alone, SystemClock(), takes_s=0.01)
    async with shared(vendor, redis) as context:
        outcomes = await at_once(context, [question(number) for number in range(50)])
    assert failures(outcomes) == {}
    assert len(vendor.sent) == 51


async def test_a_batch_that_is_told_to_wait_now_and_then_loses_no_row(redis: RedisServer) -> None:
    def now_and_then(number: int, _dispatch: Dispatch, _now_s: float) -> Answer:
        return RateLimitExceeded("gpt-4o", 0.1) if number % 40 == 7 else "fine"

    vendor = Vendor(now_and_then, SystemClock(), takes_s=0.01)
    async with shared(vendor, redis) as context:
        outcomes = await fed(context, 100, concurrency=20)
    assert failures(outcomes) == {}


async def test_money_that_others_have_reserved_is_waited_for(redis: RedisServer) -> None:
    config = replace(ALONE, models={"gpt-4o": ModelSettings(prompt_usd=1.0, completion_usd=100.0)})
    vendor = Vendor(lambda _, __, ___: "fine", SystemClock(), takes_s=0.01)
    budget = redis_budget(redis.url, 0.02, shared=PATIENT)
    async with shared(vendor, redis, config) as context:
        calls = [question(number, max_tokens=29) for number in range(50)]
        outcomes = await at_once(replace(context, budget=budget), calls)
        spent_usd = await budget.spent_usd()
    assert len(vendor.sent) == 9
    assert spent_usd == pytest.approx(9 * 0.00201)
    assert sum(isinstance(outcome, Failure) for outcome in outcomes) == 41


async def test_callers_that_give_up_in_the_queue_leave_the_key_to_the_others(redis: RedisServer) -> None:
    narrow = replace(ALONE, http=replace(ALONE.http, max_connections=1))
    vendor = Vendor(lambda _, __, ___: "fine", SystemClock(), takes_s=0.05)
    keys = redis_keys(redis.url, narrow.keys, shared=PATIENT, max_connections=1)
    async with shared(vendor, redis, narrow) as context:
        one_by_one = replace(context, keys=keys)
        async with anyio.create_task_group() as group:
            group.start_soon(at_once, one_by_one, [question(number) for number in range(5)])
            with anyio.move_on_after(0.02):
                await at_once(one_by_one, [question(number) for number in range(5, 10)])
    assert len(vendor.sent) <= 6
