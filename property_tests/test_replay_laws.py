"""Laws of recordings: what is played back is what happened, whatever happened at the same time."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Literal

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager import (
    AuthenticationFailed,
    BreakerSettings,
    CacheSettings,
    Context,
    KeySettings,
    Layer,
    LimiterSettings,
    LLMConfig,
    LLMRequest,
    LLMResponse,
    NetworkError,
    Op,
    Preferences,
    RateLimitExceeded,
    ReasoningDelta,
    ReportedCost,
    RetrySettings,
    RoutingSettings,
    Secret,
    ServerError,
    StreamBroken,
    TextDelta,
    ToolCall,
    Usage,
    collect,
    effect,
    generate,
    generate_stream,
    race,
    replacing,
    run,
    settle,
    timeout,
)
from llm_manager.domain.errors import AllModelsFailed, LLMError
from llm_manager.domain.events import Event
from llm_manager.domain.outcome import Outcome
from llm_manager.testing import (
    Line,
    Pause,
    Pieces,
    RecordingUnusable,
    ScriptedProvider,
    VirtualClock,
    record,
    replay,
    scripted,
)
from llm_manager.testing.strategies import json_objects, texts
from llm_manager.testing.tape.content import content_of, differences, distance, request_tree
from llm_manager.testing.tape.lines import Answered, Asked, Draw, Failed, Pulled, as_text, from_tree
from llm_manager.testing.tape.lines import Line as TapeLine
from llm_manager.testing.tape.script import Script, read_script

CONFIG = LLMConfig(
    cache=CacheSettings(enabled=False),
    routing=RoutingSettings(mid_stream="continue"),
    retry=RetrySettings(ambiguous=True, max_retries=2),
)
MODELS = ("gpt", "claude", "llama")

errors: st.SearchStrategy[LLMError] = st.sampled_from(
    [ServerError("m", 503), RateLimitExceeded("m", 2.0), NetworkError("m", cause="tls"), StreamBroken("m")]
)
seconds = st.sampled_from([0.0, 1.0, 1.0, 2.5, 200.0])
words = st.text("abc ", min_size=1, max_size=4)
pieces = st.builds(Pieces, st.lists(words, max_size=4).map(tuple), st.none() | errors, seconds)
said: st.SearchStrategy[Line] = st.one_of(words, errors, pieces).flatmap(
    lambda line: st.just(line) | st.builds(Pause, seconds, st.just(line))
)
scripts = st.fixed_dictionaries({model: st.lists(said, max_size=8) for model in MODELS})

Kind = Literal["call", "stream", "impatient", "race"]
parts = st.tuples(
    st.sampled_from(["call", "stream", "impatient", "race"]), st.sampled_from(MODELS), st.sampled_from("xyz")
)


Happened = tuple[object, list[str]]


class Ear:
    """Hears everything, as text."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def notify(self, event: Event, /) -> None:
        self.told.append(repr(event))


def ran(program: Callable[[Context], Awaitable[object]], layer: Layer[Context, Any, None], backend: str) -> Happened:
    """What *program* came back with, and what was told: at the same time in any order."""
    ear = Ear()

    async def main() -> object:
        async with layer | replacing(observer=ear) as context:
            return await program(context)

    return anyio.run(main, backend=backend), sorted(ear.told)


def op_of(part: tuple[str, str, str]) -> Op[LLMResponse]:
    kind, model, prompt = part
    request = LLMRequest(prompt=prompt, preferences=Preferences(model=model))
    match kind:
        case "call":
            return generate(request)
        case "impatient":
            return timeout(1.5)(generate(request))
        case "race":
            return race(request, MODELS)
        case _:

            async def reading(context: Context) -> Outcome[LLMResponse, LLMError]:
                opened = await run(generate_stream(request), context)
                return opened if isinstance(opened, Failure) else await collect(opened.unwrap())

            return effect(reading)


@settings(max_examples=25)
@given(scripts, st.lists(st.lists(parts, min_size=1, max_size=4), min_size=1, max_size=3), st.booleans())
def test_a_replay_is_its_recording_on_either_loop(
    script: dict[str, list[Line]], rounds: list[list[tuple[str, str, str]]], on_trio: bool
) -> None:
    """Rounds one after the other, and everything in a round at the same time; equal questions too."""

    async def program(context: Context) -> object:
        return tuple([await run(settle([op_of(part) for part in parts]), context) for parts in rounds])

    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        then = ran(program, record(scripted(script, config=CONFIG), path), "trio" if on_trio else "asyncio")
        for backend in ("asyncio", "trio"):
            assert ran(program, replay(path, strict=True), backend) == then


COMPETING = replace(
    CONFIG,
    cache=CacheSettings(),
    rate_limit=LimiterSettings(requests_per_minute=4),
    circuit_breaker=BreakerSettings(failure_threshold=2, open_s=3),
    keys=KeySettings(providers={"openai": (Secret("k" * 20), Secret("j" * 20))}, max_connections_per_key=1),
)


def keyed(seed: int) -> Layer[Context, Any, None]:
    """Two keys for one call each, and models that take their time, no two the same."""
    chance, clock = Random(seed), VirtualClock(autojump=True)  # noqa: S311  # a script is no secret
    answers: list[Line] = ["a", ServerError("m", 503), NetworkError("m", cause="tls"), AuthenticationFailed("m")]

    def line() -> Line:
        piece = Pieces(("b", "c"), chance.choice([None, StreamBroken("m")]), chance.uniform(0.1, 3))
        return Pause(chance.choice([chance.uniform(0.1, 3), 200.0]), chance.choice([*answers, piece]))

    said = {model: [line() for _ in range(6)] for model in ("gpt-4o", *MODELS)}
    models = {"openai": ScriptedProvider(said, clock), "custom": ScriptedProvider(said, clock)}
    return scripted(dict.fromkeys(MODELS[1:], ()), config=COMPETING, clock=clock) | replacing(providers=models)


competing = st.tuples(
    st.sampled_from(["call", "stream", "impatient", "race"]),
    st.sampled_from(["gpt-4o", "claude"]),
    st.sampled_from("xy"),
)


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.lists(competing, min_size=2, max_size=5), st.none() | st.just(2))
def test_on_asyncio_runs_that_compete_for_keys_room_and_the_cache_are_replayed_as_they_were(
    seed: int, parts: list[tuple[str, str, str]], limit: int | None
) -> None:
    """Who comes first is up to the order in which tasks begin, which on trio is nobody's."""

    async def program(context: Context) -> object:
        return await run(settle([op_of(part) for part in parts], limit), context)

    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        then = ran(program, record(keyed(seed), path), "asyncio")
        assert ran(program, replay(path, strict=True), "asyncio") == then


usages = st.builds(Usage, prompt_tokens=st.none() | st.integers(0, 9), cost=st.builds(ReportedCost, st.floats(0, 1)))
responses = st.builds(
    LLMResponse,
    content=texts,
    model=texts,
    usage=usages,
    tool_calls=st.lists(st.builds(ToolCall, id=texts, name=texts, arguments=texts), max_size=2).map(tuple),
    reasoning=texts,
)
failures: st.SearchStrategy[LLMError] = st.one_of(
    st.builds(RateLimitExceeded, texts, st.none() | st.floats(allow_nan=False), texts),
    st.builds(StreamBroken, texts, texts, texts, usage=st.none() | usages),
    st.builds(AllModelsFailed, st.lists(st.tuples(texts, errors), max_size=3).map(tuple)),
)
deltas = st.lists(st.builds(TextDelta, texts) | st.builds(ReasoningDelta, texts), max_size=4).map(tuple)
times = st.floats(allow_nan=False)
written: st.SearchStrategy[TapeLine] = st.one_of(
    st.builds(Answered, exchange=st.integers(), at_s=times, response=responses),
    st.builds(Failed, exchange=st.integers(), at_s=times, error=failures),
    st.builds(Pulled, exchange=st.integers(), at_s=times, deltas=deltas, usage=st.none() | st.just(Usage())),
    st.builds(Draw, reader=texts, value=times),
)


@given(written)
def test_a_line_is_read_as_it_was_written_whatever_it_says(line: TapeLine) -> None:
    text = as_text(line)
    assert text.isascii()
    assert "\n" not in text
    assert from_tree(json.loads(text)) == line


requests = st.builds(LLMRequest, prompt=texts, context=json_objects, system_prompt=st.none() | texts)


def asked(request: LLMRequest) -> Asked:
    return Asked(
        exchange=1, at_s=0.0, how="complete", service="s", target={"model": "m"}, request=request_tree(request)
    )


@given(requests, requests)
def test_what_differs_has_differences_and_only_that(one: LLMRequest, other: LLMRequest) -> None:
    a, b = asked(one), asked(other)
    same = content_of(a) == content_of(b)
    assert (differences(a, b) == ()) == same
    assert (distance(a, b) == 0) == same
    swapped = {(each.path, each.asked, each.recorded) for each in differences(b, a)}
    assert {(each.path, each.recorded, each.asked) for each in differences(a, b)} == swapped


@given(requests)
def test_a_question_is_known_again_from_its_line(request: LLMRequest) -> None:
    line = asked(request)
    read = from_tree(json.loads(as_text(line)))
    assert isinstance(read, Asked)
    assert content_of(read) == content_of(line)
    assert differences(read, line) == ()


@cache
def sample() -> bytes:
    """A recording of a call, a stream and a failure."""

    async def program(context: Context) -> object:
        ops = [op_of(("call", "gpt", "x")), op_of(("stream", "claude", "y")), op_of(("call", "llama", "z"))]
        return await run(settle(ops), context)

    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        ran(program, record(scripted({"gpt": ["a"], "claude": [Pieces(["b", "c"])]}, config=CONFIG), path), "asyncio")
        return path.read_bytes()


def reading(content: bytes) -> Outcome[Script, RecordingUnusable]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.jsonl"
        path.write_bytes(content)
        return read_script(path)


@given(st.integers(0, 10**6))
def test_a_recording_that_was_cut_off_anywhere_says_so_or_is_that_of_a_killed_run(length: int) -> None:
    content = sample()[: length % len(sample())]
    read = reading(content)
    if isinstance(read, Failure):
        assert read.failure().reason == ("cut_off" if b"\n" in content else "foreign")
    else:
        assert content.endswith(b"\n")


@given(st.integers(0, 10**6), st.binary(max_size=4), st.integers(0, 40))
def test_damage_is_named_and_never_raised(at: int, other: bytes, gone: int) -> None:
    whole = sample()
    at %= len(whole)
    read = reading(whole[:at] + other + whole[at + gone :])
    assert isinstance(read, Success) or isinstance(read.failure(), RecordingUnusable)
