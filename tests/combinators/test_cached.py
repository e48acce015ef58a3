"""Not asking twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure, Success

from llm_manager import (
    Attempt,
    ComputedCost,
    LLMResponse,
    Outcome,
    ResponseMetadata,
    ServerError,
    StoreUnavailable,
    Usage,
    cached,
    provide,
    replacing,
    run,
    succeed,
)
from llm_manager.domain.events import CacheRead
from llm_manager.ports import Cached
from llm_manager.testing import scripted
from tests.combinators.saying import Listener, Saying

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)
LAYER = scripted({})


class Away:
    """A cache that cannot be reached."""

    async def get(self, _key: str, _now_s: float, /) -> Outcome[Cached | None, StoreUnavailable]:
        return Failure(StoreUnavailable("away"))

    async def put(self, _key: str, _value: object, _now_s: float, _ttl_s: float, /) -> Outcome[None, StoreUnavailable]:
        return Failure(StoreUnavailable("away"))

    async def status(self) -> Outcome[object, StoreUnavailable]:
        return Failure(StoreUnavailable("away"))


async def test_a_cached_value_is_not_asked_for_twice_until_its_time_is_over() -> None:
    saying = Saying(["one", "two"])
    async with LAYER as context:
        op = cached("k", 10)(saying.op)
        assert [(await run(op, context)).unwrap() for _ in range(2)] == ["one", "one"]
        await context.clock.sleep(10)
        assert (await run(op, context)).unwrap() == "two"


async def test_a_failure_and_what_is_not_to_be_kept_are_not_cached() -> None:
    async with LAYER as context:
        saying = Saying([BUSY, "one", "two"])
        op = cached("k", 10, keep=lambda value: value != "one")(saying.op)
        assert [await run(op, context) for _ in range(3)] == [Failure(BUSY), Success("one"), Success("two")]


async def test_a_cached_response_says_so_and_costs_nothing() -> None:
    response = LLMResponse(content="x", model="m", usage=Usage(cost=ComputedCost(1.0)))
    async with LAYER as context:
        op = cached("k", 10)(succeed(response))
        await run(op, context)
        again = (await run(op, context)).unwrap()
    assert isinstance(again, LLMResponse)
    assert again.metadata.cached
    assert again.usage.cost == ComputedCost(0.0)


async def test_a_cache_that_is_away_is_a_miss_and_not_a_failure() -> None:
    layer = LAYER | replacing(cache=Away())  # type: ignore[arg-type]  # its status is never asked for
    assert await provide(cached("k", 10)(Saying(["x"]).op), layer) == Success("x")


async def test_a_cached_response_took_no_time_and_no_attempt_of_its_second_asker() -> None:
    metadata = ResponseMetadata(
        latency_ms=5.0, retry_count=2, provider="openai", request_id="r", attempts=(Attempt(model="m", provider="p"),)
    )
    usage = Usage(prompt_tokens=1, completion_tokens=2, cost=ComputedCost(1.0))
    response = LLMResponse(content="x", model="m", usage=usage, metadata=metadata)
    async with LAYER as context:
        op = cached("k", 10)(succeed(response))
        assert await run(op, context) == Success(response)
        assert await run(op, context) == Success(
            replace(
                response,
                usage=replace(usage, cost=ComputedCost(0.0)),
                metadata=ResponseMetadata(cached=True, provider="openai", request_id="r"),
            )
        )


async def test_each_look_into_the_cache_is_told() -> None:
    listener = Listener()
    async with scripted({}, observer=listener) as context:
        op = cached("k", 10)(Saying(["x"], takes_s=2).op)
        await run(op, context)
        await run(op, context)
    assert listener.events == [CacheRead(at_s=0.0, key="k", hit=False), CacheRead(at_s=2.0, key="k", hit=True)]
