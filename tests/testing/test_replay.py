"""The same program meets the same answers, times and numbers, on either event loop, recorded on either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    BreakerSettings,
    CacheSettings,
    Context,
    LimiterSettings,
    LLMConfig,
    LLMError,
    LLMResponse,
    NetworkError,
    Op,
    Outcome,
    PortkeySettings,
    RateLimitExceeded,
    RetrySettings,
    RoutingSettings,
    Secret,
    ServerError,
    StreamBroken,
    TimeoutSettings,
    bulkhead,
    collect,
    continue_conversation,
    continue_conversation_stream,
    custom,
    effect,
    gather,
    generate,
    generate_stream,
    get_conversation,
    get_status,
    hedged,
    observed,
    query_multiple,
    query_with_schema,
    race,
    replacing,
    run,
    settle,
    start_conversation,
    stream_with_schema,
    texts,
    timeout,
)
from llm_manager.domain.events import GatewayTimed, SpanFinished
from llm_manager.domain.target import Target
from llm_manager.ports import Dispatch, Incoming
from llm_manager.testing import Line, Pause, Pieces, record, scripted
from llm_manager.testing.simulator import Fault, Reply, Say, Simulator, Status
from tests.providers.providers import PROVIDERS
from tests.testing.taping import BACKENDS, Program, ask, collected, heard, of, recorded, replayed

UNCACHED = LLMConfig(cache=CacheSettings(enabled=False))
BUSY = ServerError("gpt", 503, "busy")


@dataclass(frozen=True)
class Scene:
    """A *program*, what its models say, and how it is configured."""

    program: Program
    lines: Mapping[str, Sequence[Line]]
    config: LLMConfig = UNCACHED


def read(prompt: str = "hi") -> Program:
    return lambda context: collected(context, ask(prompt))


async def left_early(context: Context) -> object:
    async with (await run(generate_stream(ask()), context)).unwrap() as stream:
        async for text in texts(stream):
            return text, await run(generate(ask()), context)
    return None


async def one_after_the_other(context: Context) -> object:
    return tuple([await run(generate(ask(str(number))), context) for number in range(5)])


async def twice(context: Context) -> object:
    return await run(generate(ask()), context), await run(generate(ask()), context)


async def conversing(context: Context) -> object:
    """Ids are drawn and times are read off a calendar: both come back."""
    id_ = (await run(start_conversation("Be brief."), context)).unwrap()
    await run(continue_conversation(id_, ask()), context)
    async with (await run(continue_conversation_stream(id_, ask("more")), context)).unwrap() as stream:
        await collect(stream)
    return await run(get_conversation(id_), context)


async def of_a_list(context: Context) -> object:
    opened = await run(stream_with_schema(ask(), list[int]), context)
    return await collect(opened.unwrap())


async def with_its_own_time(context: Context) -> object:
    """Concurrent parts that read, draw and wait by themselves, each as it likes."""

    def part(number: int) -> Op[float]:
        async def going(inner: Context) -> Outcome[float, LLMError]:
            started_s = inner.clock.monotonic()
            await inner.clock.sleep(inner.random.random() * (3 - number))
            with inner.clock.move_on_after(0.01 if number % 2 else 10) as scope:
                await inner.clock.sleep(5)
            lasted_s = inner.clock.monotonic() - started_s + inner.random.random() + scope.cancelled_caught
            return Success(lasted_s)

        return effect(going)

    return await run(gather([observed(f"part {number}")(part(number)) for number in range(4)]), context)


def with_lines(*lines: Line) -> Mapping[str, Sequence[Line]]:
    return {"gpt": lines}


SCENES: Mapping[str, Scene] = {
    "an answer": Scene(of(generate(ask())), with_lines(Pause(1.5, "fine"))),
    "an answer from the cache": Scene(twice, with_lines("fine"), LLMConfig()),
    "retries with jitter": Scene(of(generate(ask())), with_lines(BUSY, BUSY, Pause(0.1, BUSY), "at last")),
    "a vendor's wish to wait": Scene(of(generate(ask())), with_lines(RateLimitExceeded("gpt", 7.5), "at last")),
    "another model": Scene(
        of(generate(ask())), {"gpt": [NetworkError("gpt", cause="tls")], "claude": [Pause(2, "here")]}
    ),
    "nobody": Scene(of(generate(ask())), {"gpt": [NetworkError("gpt", cause="tls")], "claude": [BUSY] * 9}),
    "a try that takes too long": Scene(
        of(generate(ask())),
        with_lines(Pause(500, "too late"), "at last"),
        replace(UNCACHED, retry=RetrySettings(ambiguous=True)),
    ),
    "a run that takes too long": Scene(of(timeout(3)(generate(ask()))), with_lines(BUSY, Pause(500, "too late"))),
    "several models": Scene(
        of(query_multiple(ask(), ["gpt", "claude"])), {"gpt": [Pause(3, "slow")], "claude": [BUSY, Pause(1, "fast")]}
    ),
    "a race": Scene(
        of(race(ask(), ["gpt", "claude", "llama"])),
        {"gpt": [Pause(3, "slow")], "claude": [Pause(1, "fast")], "llama": [Pause(2, BUSY)]},
    ),
    "a hedge that pays": Scene(
        of(hedged(1)(generate(ask()))),
        with_lines(Pause(9, "slow"), Pause(0.5, "fast")),
    ),
    "a breaker that opens": Scene(
        one_after_the_other,
        with_lines(*[NetworkError("gpt", cause="tls")] * 9),
        replace(UNCACHED, circuit_breaker=BreakerSettings(failure_threshold=2)),
    ),
    "a limiter that holds back": Scene(
        one_after_the_other, with_lines(*"abcde"), replace(UNCACHED, rate_limit=LimiterSettings(requests_per_minute=2))
    ),
    "equal questions with different answers": Scene(
        of(settle([generate(ask())] * 4)), with_lines(Pause(3, "a"), Pause(1, BUSY), "c", Pause(2, "d"), "e")
    ),
    "a stream": Scene(read(), with_lines(Pieces(["It ", "", "scatters."], gap_s=0.25))),
    "a stream that breaks": Scene(read(), with_lines(Pieces(["It ", "scat"], StreamBroken("gpt", message="cut")))),
    "a stream that never begins": Scene(read(), with_lines(*[BUSY] * 9)),
    "a stream that another goes on with": Scene(
        read(),
        {"gpt": [Pieces(["It ", "scat"], BUSY, gap_s=1)], "claude": [Pieces(["It scat", "ters."], gap_s=1)]},
        replace(UNCACHED, routing=RoutingSettings(mid_stream="continue")),
    ),
    "a stream that takes too long": Scene(
        read(),
        with_lines(Pieces(["a", "b", "c", "d"], gap_s=3)),
        replace(UNCACHED, timeouts=TimeoutSettings(total_s=10)),
    ),
    "a stream that is left": Scene(left_early, with_lines(Pieces(["a", "b"], gap_s=1), "next")),
    "a stream of a value": Scene(of_a_list, with_lines(Pieces(["[1, ", "2, 3", "]"], gap_s=1))),
    "a schema asked for again": Scene(
        of(query_with_schema(ask(), list[int])), with_lines("[1, 'two']", BUSY, "no", "[1, 2]")
    ),
    "a conversation": Scene(conversing, with_lines(Pause(1.5, "fine"), Pieces(["and ", "more"], gap_s=0.5))),
    "the state of things": Scene(of(get_status()), {"gpt": [], "claude": []}),
    "a program with its own time": Scene(with_its_own_time, {}),
}


COMPETING: Mapping[str, Scene] = {
    "one flight for all": Scene(of(settle([generate(ask())] * 3)), with_lines(Pause(2, "fine")), LLMConfig()),
    "places for two": Scene(
        of(settle([bulkhead(2, "two")(generate(ask(model=model))) for model in ("gpt", "claude", "llama")])),
        {"gpt": [Pause(2, "a")], "claude": [Pause(1, "b")], "llama": [Pause(1, "c")]},
    ),
}
"""Who comes first decides here, and on trio that is chance."""


@pytest.mark.parametrize("recorded_on", BACKENDS)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_a_program_comes_back_with_the_same_bytes_on_either_event_loop(
    scene: Scene, recorded_on: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    then = recorded(scene.program, scripted(scene.lines, config=scene.config), path, recorded_on)
    assert [replayed(scene.program, path, backend) for backend in BACKENDS * 2] == [then] * 4


@pytest.mark.parametrize("scene", COMPETING.values(), ids=COMPETING)
def test_on_asyncio_who_came_first_does_so_again(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    then = recorded(scene.program, scripted(scene.lines, config=scene.config), path)
    assert replayed(scene.program, path) == then


REPLIES: Sequence[Reply] = [
    Say("fine", after_s=0.02),
    Status(503),
    Say("after a retry"),
    Say("a stream", gap_s=0.01),
    Fault("stream_without_end"),
    Fault("reset"),
    Fault("hang"),
    Say("the rest"),
]


def over_the_wire(model: str) -> Program:
    """Calls and streams that go well, fail, break off and run out of time, and then several at once."""

    async def program(context: Context) -> object:
        seen: list[object] = [await run(generate(ask("one")), context), await run(generate(ask("two")), context)]
        seen += [await read("three")(context), await read("four")(context), await run(generate(ask("five")), context)]
        seen.append(await run(timeout(0.1)(generate(ask("six"))), context))
        seen.append(await run(settle([generate(ask(str(number), model)) for number in range(6)]), context))
        seen.append(await run(race(*[generate(ask(str(number), model)) for number in "abc"]), context))
        return (*seen, await run(get_status(), context))

    return program


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PROVIDERS)
def test_what_came_over_a_wire_comes_back_without_one_and_without_a_key(
    name: str, backend: str, tmp_path: Path
) -> None:
    provider, path = PROVIDERS[name], tmp_path / "run.jsonl"
    program = over_the_wire("mine")

    async def main() -> tuple[str, list[str]]:
        async with Simulator() as simulator:
            simulator.script(provider.model, REPLIES)
            config = replace(
                provider.config(simulator.url),
                retry=RetrySettings(base_s=0.01, ambiguous=False),
                cache=CacheSettings(enabled=False),
                routing=RoutingSettings(chains={"general": ("mine",)}),
            )
            timings = replace(config, http=replace(config.http, portkey=PortkeySettings(timings=True)))
            return await heard(program, record(custom(timings), path))

    then = anyio.run(main, backend=backend)
    assert [replayed(program, path, other) for other in BACKENDS] == [then] * 2


class Away:
    """A provider that is not there, and says what only it knows."""

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        timed = GatewayTimed(
            at_s=1.0, model="m", trace_id="t", latency_ms=2.0, retries=0, option_index=None, cache_status=None
        )
        dispatch.observer.notify(SpanFinished(at_s=1.0, name="its own", latency_ms=1.0, error=None))
        dispatch.observer.notify(timed)
        return Failure(BUSY)

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        outcome = await self.complete(dispatch)
        return Failure(outcome.failure())

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        return Failure(BUSY)


@pytest.mark.parametrize("program", [of(generate(ask())), read(), of(get_status())], ids=["call", "stream", "list"])
def test_what_a_provider_tells_of_a_gateway_is_told_again_and_its_failures_come_back(
    program: Program, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    config = replace(UNCACHED, retry=RetrySettings(max_retries=0))
    layer = scripted({"gpt": []}, config=config) | replacing(providers={"custom": Away()})
    outcome, told = recorded(program, layer, path)
    again, told_again = replayed(program, path)
    assert again == outcome
    assert told_again == [each for each in told if "its own" not in each], "what is not of the gateway is not kept"
