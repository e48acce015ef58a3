"""Whatever raises while a request is under way, what was taken for it comes back: key, money, probe and place.

One method of one service raises once, at a moment of its choosing; then the same request must be answered, in a context
in which one key, one place, one probe and the money for one request are all there is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import (
    BreakerSettings,
    BudgetSettings,
    CacheSettings,
    Context,
    HttpSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    Outcome,
    Preferences,
    RetrySettings,
    Secret,
    ServerError,
    Usage,
    bulkhead,
    collect,
    generate,
    generate_stream,
    replacing,
    run,
)
from llm_manager.domain.stream import Delta, TextDelta
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch, Incoming
from llm_manager.testing import VirtualClock, scripted

REQUEST = LLMRequest(prompt="hi", preferences=Preferences(model="gpt-4o", fallback="none", max_tokens=100))
CONFIG = LLMConfig(
    models={"gpt-4o": ModelSettings(prompt_usd=0.0, completion_usd=1000.0)},  # a request costs 0.1 at most
    keys=KeySettings(providers={"openai": (Secret("the-only-key-there-is"),)}),
    http=HttpSettings(max_connections=1),
    circuit_breaker=BreakerSettings(failure_threshold=1, open_s=2.0),
    budget=BudgetSettings(limit_usd=0.35),
    retry=RetrySettings(max_retries=0),
    cache=CacheSettings(enabled=True),
)
USED = Usage(prompt_tokens=1, completion_tokens=3, total_tokens=4)


class Bug(Exception):
    """What no library raises."""


@dataclass
class Plan:
    """Raises at call number *nth* (from 0) of *method*, once."""

    method: str
    nth: int
    calls: int = 0
    is_on: bool = False

    def pass_by(self, method: str) -> None:
        if self.is_on and method == self.method:
            self.calls += 1
            if self.calls == self.nth + 1:
                raise Bug(method)


@dataclass
class Watched:
    """*inner*, each call of whose methods passes by the plan first."""

    inner: object
    name: str
    plan: Plan

    def __getattr__(self, method: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self.inner, method)

        def call(*args: object, **named: object) -> object:
            self.plan.pass_by(f"{self.name}.{method}")
            return found(*args, **named)

        return call


@dataclass
class Answer:
    """An answer in three pieces."""

    plan: Plan
    left: list[str] = field(default_factory=lambda: ["a", "b", "c"])
    longest_pull_s: float | None = None

    async def pull(self) -> Outcome[Sequence[Delta] | LLMResponse, LLMError]:
        self.plan.pass_by("incoming.pull")
        if self.left:
            return Success((TextDelta(self.left.pop(0)),))
        return Success(LLMResponse(content="abc", model="gpt-4o", finish_reason="stop", usage=USED))

    @property
    def usage(self) -> Usage:
        self.plan.pass_by("incoming.usage")
        return USED

    async def aclose(self) -> None:
        self.plan.pass_by("incoming.aclose")


@dataclass
class Vendor:
    plan: Plan
    is_well: bool = False

    async def complete(self, _dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        self.plan.pass_by("provider.complete")
        if not self.is_well:
            return Failure(ServerError("gpt-4o", 503))
        return Success(LLMResponse(content="abc", model="gpt-4o", finish_reason="stop", usage=USED))

    async def stream(self, _dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        self.plan.pass_by("provider.stream")
        return Success(Answer(self.plan))

    async def models(self, _target: Target, _keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        return Success(())


METHODS = (
    "provider.complete",
    "provider.stream",
    "incoming.pull",
    "incoming.usage",
    "incoming.aclose",
    "cache.get",
    "cache.put",
    "latencies.record",
    "latencies.lately",
    "observer.notify",
    "metrics.notify",
    "retry_budgets.earn",
)


async def asked(context: Context, mode: Literal["whole", "read", "left"], request: LLMRequest) -> object:
    one_at_a_time = bulkhead(1, key="one")
    if mode == "whole":
        return await run(one_at_a_time(generate(request)), context)
    opened = await run(one_at_a_time(generate_stream(request)), context)
    if isinstance(opened, Failure):
        return opened
    if mode == "read":
        return await collect(opened.unwrap())
    async with opened.unwrap() as stream:
        return await anext(stream)


async def outlives(plan: Plan, mode: Literal["whole", "read", "left"]) -> None:
    clock, vendor = VirtualClock(autojump=True), Vendor(plan)
    async with scripted({}, config=CONFIG) | replacing(clock=clock, providers={"openai": vendor}) as plain:
        watched: Any = {
            name: Watched(getattr(plain, name), name, plan)
            for name in ("cache", "latencies", "observer", "metrics", "retry_budgets")
        }
        context = replace(plain, **watched)
        assert isinstance(await run(generate(replace(REQUEST, prompt="opens the circuit")), context), Failure)
        await clock.sleep(3.0)  # the next one is the probe
        vendor.is_well = plan.is_on = True
        with suppress(Bug):
            await asked(context, mode, REQUEST)
        plan.is_on = False
        with clock.move_on_after(600.0):
            answer = await asked(context, "whole", replace(REQUEST, prompt="again"))
            assert isinstance(answer, Success), answer
            return
        raise AssertionError("something was kept")


@given(
    method=st.sampled_from(METHODS),
    nth=st.integers(0, 5),
    mode=st.sampled_from(("whole", "read", "left")),
    backend=st.sampled_from(("asyncio", "trio")),
)
@settings(deadline=None)
def test_whatever_raises_all_that_was_taken_comes_back(
    method: str, nth: int, mode: Literal["whole", "read", "left"], backend: Literal["asyncio", "trio"]
) -> None:
    anyio.run(outlives, Plan(method, nth), mode, backend=backend)
