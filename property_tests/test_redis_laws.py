"""What is shared in Redis is what one process keeps: the same questions get the same answers; any bytes are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import BreakerSettings, LimiterSettings, LLMResponse, RedisSettings
from llm_manager.adapters.limits.breakers import MemoryBreakers
from llm_manager.adapters.limits.limiter import MemoryLimiter
from llm_manager.adapters.redis import breaker_text, cache_text
from llm_manager.adapters.redis.breakers import RedisBreakers
from llm_manager.adapters.redis.limiter import RedisLimiter
from llm_manager.adapters.redis.scripts import callers_time
from llm_manager.adapters.redis.wire import packed
from llm_manager.policies import breaker
from llm_manager.ports import Breakers, Cached, Limiter, Permit, Reservation
from llm_manager.testing import VirtualClock
from redis_lines import Blocking, Nobody
from redis_server import RedisServer

LIMITS = LimiterSettings(requests_per_minute=7, tokens_per_minute=600)
BREAKER = BreakerSettings(minimum_calls=6, failure_threshold=4, open_s=20.0, max_open_s=70.0, probe_s=8)
NOBODY: Any = Nobody()

on_redis = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def line(redis: RedisServer) -> Iterator[Blocking]:
    blocking = Blocking(redis)
    yield blocking
    blocking.close()


@dataclass(frozen=True)
class Step:
    """After *gap_s* somebody asks for *tokens*, or an earlier one's *end* comes."""

    gap_s: float
    tokens: int
    end: Literal["none", "settle", "release"]
    used: int


steps = st.builds(
    Step,
    gap_s=st.sampled_from([0.0, 0.25, 3.0, 17.0, 90.0]),
    tokens=st.integers(0, 600),
    end=st.sampled_from(["none", "settle", "release"]),
    used=st.integers(0, 1500),
)


async def limited(limits: Limiter, script: list[Step]) -> list[float | None]:
    """The wait that each was refused for, None for who was let through: nobody waits."""
    clock = VirtualClock()
    told: list[float | None] = []
    held: list[Reservation] = []
    for step in script:
        await clock.advance(step.gap_s)
        outcome = await limits.acquire("k", "m", step.tokens, 0, clock)
        if isinstance(outcome, Success):
            held.append(outcome.unwrap())
        told.append(outcome.failure().retry_after_s if isinstance(outcome, Failure) else None)
        if held and step.end == "settle":
            await limits.settle(held.pop(), step.used, clock.monotonic())
        elif held and step.end == "release":
            await limits.release(held.pop(), clock.monotonic())
    return told


@on_redis
@given(script=st.lists(steps, max_size=25))
def test_a_shared_limiter_answers_as_one_in_memory(line: Blocking, script: list[Step]) -> None:
    async def both() -> tuple[list[float | None], list[float | None]]:
        await line.call("FLUSHALL")
        shared = RedisLimiter(line, LIMITS, RedisSettings(), NOBODY, callers_time)
        return await limited(shared, script), await limited(MemoryLimiter(LIMITS), script)

    shared, own = anyio.run(both)
    assert shared == pytest.approx(own, abs=2e-6)


@dataclass(frozen=True)
class Arrival:
    """Somebody comes *gap_s* after the one before, waits at most *most_s*, leaves after *patience_s*, and uses a part.

    Nobody uses more than was reserved: when those in the queue hear of a debt is left to each limiter.
    """

    gap_s: float
    tokens: int
    most_s: float
    patience_s: float
    part: float


arrivals = st.builds(
    Arrival,
    gap_s=st.sampled_from([0.0, 0.1303, 1.0707, 12.0309, 45.0711]),  # nothing happens at the same moment by chance
    tokens=st.integers(0, 600),
    most_s=st.sampled_from([0.0, 10.0, 200.0]),
    patience_s=st.sampled_from([0.5017, 7.0019, 1e9]),
    part=st.sampled_from([0.0, 0.51, 1.0]),
)


async def queued(limits: Limiter, people: list[Arrival]) -> list[tuple[int, float, float | None]]:
    """Who was answered when, by the number in which they came, and the wait of those who were refused."""
    clock = VirtualClock()
    told: list[tuple[int, float, float | None]] = []

    async def come(number: int, person: Arrival) -> None:
        with clock.move_on_after(person.patience_s):
            outcome = await limits.acquire("k", "m", person.tokens, person.most_s, clock)
            refused = outcome.failure().retry_after_s if isinstance(outcome, Failure) else None
            told.append((number, clock.monotonic(), refused))
            if isinstance(outcome, Success):
                await clock.sleep(1.0013)
                await limits.settle(outcome.unwrap(), person.tokens * person.part, clock.monotonic())

    async with anyio.create_task_group() as group:
        for number, person in enumerate(people):
            await clock.advance(person.gap_s)
            group.start_soon(come, number, person)
            await clock.advance(0)
        await clock.advance(1_000)
    return sorted(told)


@on_redis
@given(people=st.lists(arrivals, max_size=6))
def test_a_shared_queue_serves_and_refuses_as_one_in_memory(line: Blocking, people: list[Arrival]) -> None:
    async def both() -> tuple[list[tuple[int, float, float | None]], list[tuple[int, float, float | None]]]:
        await line.call("FLUSHALL")
        shared = RedisLimiter(line, LIMITS, RedisSettings(), NOBODY, callers_time)
        return await queued(shared, people), await queued(MemoryLimiter(LIMITS), people)

    shared, own = anyio.run(both)
    assert [number for number, _, _ in shared] == [number for number, _, _ in own]
    assert [at_s for _, at_s, _ in shared] == pytest.approx([at_s for _, at_s, _ in own], abs=1e-3)
    assert [wait_s for _, _, wait_s in shared] == pytest.approx([wait_s for _, _, wait_s in own], abs=1e-3)


moves = st.tuples(
    st.sampled_from([0.0, 0.5, 3.0, 8.0, 20.0, 30.0, 77.0]),
    st.sampled_from(["admit", "success", "failure", "neither", "state"]),
    st.integers(0, 5),
)


async def broken(breakers: Breakers, script: list[tuple[float, str, int]]) -> list[object]:
    """Everything that is answered, permits as what they say."""
    now_s, answers, permits = 0.0, list[object](), list[Permit]()
    for gap_s, move, which in script:
        now_s += gap_s
        if move == "admit":
            outcome = await breakers.admit("k", "m", now_s)
            if isinstance(outcome, Success):
                permits.append(outcome.unwrap())
                answers.append((permits[-1].generation, permits[-1].probe))
            else:
                answers.append(outcome.failure())
        elif move == "state":
            answers.append(await breakers.state("k", now_s))
        elif permits:
            verdict: Any = move
            await breakers.record(permits[which % len(permits)], verdict, now_s, 0.5)
    return answers


@on_redis
@given(script=st.lists(moves, max_size=60))
def test_shared_breakers_answer_as_those_in_memory(line: Blocking, script: list[tuple[float, str, int]]) -> None:
    async def both() -> tuple[list[object], list[object]]:
        await line.call("FLUSHALL")
        shared = RedisBreakers(line, BREAKER, RedisSettings(), NOBODY, callers_time)
        return await broken(shared, script), await broken(MemoryBreakers(BREAKER), script)

    shared, own = anyio.run(both)
    assert shared == own


counts = st.integers(0, 10**9)
times = st.floats(0, 2e9)
states = (
    st.builds(breaker.Open, counts, times, st.floats(20, 70))
    | st.builds(breaker.HalfOpen, counts, st.floats(20, 70), counts, times | st.none())
    | st.builds(breaker.Closed, counts, st.just(()), counts, failed_s=times | st.none())
)


@given(state=states)
def test_the_text_of_a_state_is_read_as_that_state(state: breaker.State) -> None:
    assert breaker_text.state_of(breaker_text.text_of(state).encode(), 2e9, BREAKER) == state


@given(text=st.binary() | st.text().map(str.encode), now_s=times)
def test_any_bytes_are_a_breaker_that_lets_a_call_through_before_long(text: bytes, now_s: float) -> None:
    state = breaker_text.state_of(text, now_s, BREAKER)
    later_s = now_s + BREAKER.max_open_s * (1 + breaker.JITTER) + BREAKER.probe_s
    assert isinstance(breaker.admit(state, later_s, BREAKER)[1], breaker.Admitted)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(value=plain | st.builds(LLMResponse, content=st.text(), model=st.text()))
def test_what_is_stored_comes_back_equal(value: object) -> None:
    text = cache_text.text_of(value)
    assert text is not None
    assert cache_text.value_of(text.encode()) == Cached(value)


@given(text=st.binary(), head=st.sampled_from([b"", cache_text.DATA.encode(), cache_text.RESPONSE.encode()]))
def test_any_bytes_are_a_value_that_could_be_stored_or_a_miss(text: bytes, head: bytes) -> None:
    found = cache_text.value_of(head + text)
    assert found is None or cache_text.text_of(found.value) is not None


@given(words=st.lists(st.binary() | st.text() | st.integers(), min_size=1))
def test_words_arrive_as_they_were_sent(words: list[bytes | str | int]) -> None:
    rest = packed(words)
    count, _, rest = rest.partition(b"\r\n")
    arrived: list[bytes] = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size[1:])
        arrived.append(rest[:length])
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]
    assert int(count[1:]) == len(arrived)
    assert arrived == [word if isinstance(word, bytes) else str(word).encode(errors="surrogatepass") for word in words]
