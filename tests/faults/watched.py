"""One request through the whole live stack into a fault, and everything that can be seen of it from outside."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

import anyio
import anyio.lowlevel
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    BreakerSettings,
    CacheSettings,
    Context,
    HttpSettings,
    InvalidRequest,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    ModelSettings,
    Outcome,
    Preferences,
    QuotaExhausted,
    RateLimitExceeded,
    RequestTimedOut,
    RetrySettings,
    RoutingSettings,
    Secret,
    TimeoutSettings,
    collect,
    custom,
    generate,
    generate_stream,
    replacing,
    run,
)
from llm_manager.domain.events import AttemptStarted, Event
from llm_manager.domain.response import ResponseMetadata, UnknownCost
from llm_manager.domain.settings import MidStream
from llm_manager.policies.key_ring import QUOTA_REST_S, REFUSED_REST_S
from llm_manager.policies.targets import resolve
from llm_manager.ports import Lease
from llm_manager.testing.simulator import Simulator
from tests.adapters.chosen import CHOSEN
from tests.faults.places import MODEL, OCCUPIER, Place
from tests.faults.rows import CAP_BYTES, RETRIES, WAIT_S, FaultRow, Key, Way
from tests.paid import unpaid

PATIENT_S = 30.0
ONCE_S = 6.0
"""Too short to wait for a key that has to rest for seven seconds."""
TRIES_AT_A_DEADLINE = 4
"""More tries for a machine that is busy: one that wakes too late has no time left for last words."""
ASK = LLMRequest(prompt="hi", preferences=Preferences(model="first"))


class SkippingClock:
    """Real time, but nobody sleeps: a pause is over at once, and the clock shows that it has passed."""

    def __init__(self) -> None:
        self.pauses_s: list[float] = []

    def monotonic(self) -> float:
        return time.monotonic() + sum(self.pauses_s)

    def unix_s(self) -> float:
        return time.time()

    async def sleep(self, seconds: float, /) -> None:
        self.pauses_s.append(seconds)
        await anyio.lowlevel.checkpoint()

    def move_on_after(self, seconds: float, /) -> AbstractContextManager[anyio.CancelScope, bool | None]:
        return anyio.move_on_after(seconds)


class Counter:
    """How often each model was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def notify(self, event: Event, /) -> None:
        if isinstance(event, AttemptStarted):
            self.asked.append(event.model)


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one request with retries and a second model at hand."""

    sent: int
    fell_back: bool


@dataclass(frozen=True, slots=True)
class Marked:
    """What one try left behind."""

    ended: LLMError | LLMResponse
    breaker_counted: bool
    key: Key


async def tried(
    row: FaultRow,
    way: Way,
    *,
    allowed: bool,
    mid_stream: MidStream = "fail",
    fallback: Literal["chain", "none"] = "chain",
) -> Tried:
    """Ask with two keys, retries and, unless there is no *fallback*, a second model; *allowed* are all opt-ins but
    *mid_stream*, and what is only allowed while it is not switched off."""
    async with row.opening() as place, Simulator() as healthy:
        config = configured(row, place, healthy.url, allowed=allowed, mid_stream=mid_stream)
        counter = Counter()
        async with opened(place, config, counter, occupied=row.occupied) as context:
            request = replace(ASK, preferences=replace(ASK.preferences, fallback=fallback), deadline_s=row.deadline_s)
            await _asked(request, way, context)
            sent, fell_back = counter.asked.count(MODEL), bool(healthy.received)
        if place.received is not None:
            assert place.received(MODEL) == (0 if row.occupied else sent), "what was sent is what arrived"
    return Tried(sent, fell_back)


async def marked(row: FaultRow, way: Way) -> Marked:
    """Ask once with one key, under a breaker that opens at the first failure."""
    async with row.opening() as place:
        config = once(configured(row, place, place.url, allowed=False))
        async with opened(place, config, Counter(), occupied=row.occupied) as context:
            alone = replace(ASK.preferences, fallback="none")
            ended = await _asked(replace(ASK, preferences=alone, deadline_s=row.deadline_s), way, context)
            return Marked(plain(ended), await breaker_is_open(context), await fate_of_key(context))


def once(config: LLMConfig) -> LLMConfig:
    """No retry, one key that nobody has the time to wait for, and a breaker that opens at the first failure."""
    return replace(
        config,
        timeouts=replace(config.timeouts, total_s=ONCE_S),
        retry=RetrySettings(max_retries=0),
        circuit_breaker=BreakerSettings(failure_threshold=1),
        keys=replace(config.keys, providers={**config.keys.providers, "openai": (Secret("the-only-key-there-is"),)}),
    )


def configured(
    row: FaultRow, place: Place, second_url: str, *, allowed: bool, mid_stream: MidStream = "fail"
) -> LLMConfig:
    """Two models at two providers; only what *row* says is short, and everything is as it comes otherwise."""
    patient = TimeoutSettings(connect_s=PATIENT_S, first_byte_s=PATIENT_S, idle_s=PATIENT_S, attempt_s=PATIENT_S)
    return LLMConfig(
        models={
            "first": ModelSettings(provider="openai", model=MODEL),
            "occupier": ModelSettings(provider="lm_studio", model=OCCUPIER),
            "second": ModelSettings(provider="groq", model="second", window_tokens=row.second_window_tokens),
        },
        routing=RoutingSettings(chains={"general": ("second",)}, after_filter=allowed, mid_stream=mid_stream),
        keys=KeySettings(
            providers={
                "openai": (Secret("the-first-key-of-two"), Secret("the-second-key-of-two")),
                "groq": (Secret("another-key-altogether"),),
                "lm_studio": (Secret("a-key-with-a-queue-of-its-own"),),
            }
        ),
        http=HttpSettings(
            engine=CHOSEN.engine,
            base_urls={"openai": place.url, "lm_studio": place.url, "groq": f"{second_url}/openai/v1"},
            max_connections=1 if row.occupied else 100,
            max_body_bytes=CAP_BYTES,
        ),
        retry=RetrySettings(max_retries=RETRIES, ambiguous=allowed),
        cache=CacheSettings(enabled=False),
        timeouts=patient if row.waits is None else replace(patient, **{row.waits: WAIT_S}),
    )


@asynccontextmanager
async def opened(
    place: Place, config: LLMConfig, counter: Counter, *, occupied: bool = False
) -> AsyncGenerator[Context, None]:
    async with custom(config) | replacing(clock=SkippingClock(), observer=counter) as context:
        if not occupied:
            yield context
            return
        async with anyio.create_task_group() as group:
            group.start_soon(_occupy, context)
            while place.received is not None and not place.received(OCCUPIER):
                await anyio.lowlevel.checkpoint()
            yield context
            group.cancel_scope.cancel()


async def _occupy(context: Context) -> None:
    """Hold the only connection."""
    preferences = Preferences(model="occupier", fallback="none")
    await run(generate(LLMRequest(prompt="hi", preferences=preferences)), context)


async def _asked(request: LLMRequest, way: Way, context: Context) -> Outcome[LLMResponse, LLMError]:
    if way == "whole":
        return await run(generate(request), context)
    opened = await run(generate_stream(request), context)
    return opened if isinstance(opened, Failure) else await collect(opened.unwrap())


async def breaker_is_open(context: Context) -> bool:
    """Has the breaker of the first model opened?"""
    key = resolve(context.config, "first").unwrap().key
    return (await context.breakers.state(key, context.clock.monotonic()))[0] == "open"


A_WHILE_S = 5.0
"""Longer than a test takes."""


async def fate_of_key(context: Context) -> Key:
    """What the next one who wants the only key of the first model is told."""
    leased = await _leased(context, MODEL)
    match leased:
        case Success(lease):
            await context.keys.give_back(lease, None, context.clock.monotonic())
            return "-"
        case Failure(AuthenticationFailed(forbidden=True)):
            assert isinstance(await _leased(context, "another model"), Success)
            return "disabled for the model"
        case Failure(RateLimitExceeded(retry_after_s=rest_s)):
            return math.ceil(rest_s or 0.0)
        case Failure(AuthenticationFailed() | QuotaExhausted() as why):
            rest_s = QUOTA_REST_S if isinstance(why, QuotaExhausted) else REFUSED_REST_S
            await context.clock.sleep(rest_s - A_WHILE_S)
            assert isinstance(await _leased(context, MODEL), Failure)
            await context.clock.sleep(A_WHILE_S)
            assert isinstance(await _leased(context, MODEL), Success)
            return rest_s
        case _:
            raise AssertionError(leased)


async def _leased(context: Context, model: str) -> Outcome[Lease, LLMError]:
    return await context.keys.lease("openai", model, 0.0, context.clock)


def plain(ended: Outcome[LLMResponse, LLMError]) -> LLMError | LLMResponse:
    """Without what only people read, what no two runs have in common, and what it cost."""
    if isinstance(ended, Success):
        answer = ended.unwrap()
        usage = replace(answer.usage, cost=UnknownCost())
        return replace(answer, metadata=ResponseMetadata(), usage=usage)
    error = unpaid(replace(ended.failure(), message=""))
    match error:
        case InvalidRequest():
            return replace(error, problems=())
        case RateLimitExceeded(retry_after_s=float(wait_s)):
            return replace(error, retry_after_s=float(math.ceil(wait_s)))  # by the pool, which has counted since
        case RequestTimedOut(phase="total", timeout_s=limit_s):
            return replace(error, timeout_s=math.ceil(limit_s * 10) / 10)  # what was left when the try began
        case _:
            return error
