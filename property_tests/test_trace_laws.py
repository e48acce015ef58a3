"""One script and one seed give one trace, on asyncio and on trio, whatever goes on side by side in a pipeline.

A program is a tree of races, gathers, hedges, retries and time-outs over requests and streams. Everything that is told
to an observer, and what comes back, is written down as text; both event loops must write the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Failure

from llm_manager import (
    Context,
    LLMConfig,
    LLMRequest,
    NetworkError,
    Op,
    Preferences,
    RateLimitExceeded,
    RetrySettings,
    ServerError,
    collect,
    effect,
    gather,
    generate,
    generate_stream,
    hedged,
    race,
    run,
    settle,
    timeout,
)
from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import Event
from llm_manager.domain.outcome import Outcome
from llm_manager.testing import Line, Pause, Pieces, VirtualClock, run_in_turns, scripted
from llm_manager.testing.simulation import trace_line

MODELS = ("gpt", "claude", "llama")
CONFIG = LLMConfig(retry=RetrySettings(ambiguous=True, max_retries=2))
FAULTS: tuple[LLMError, ...] = (ServerError("m", 500), NetworkError("m"), RateLimitExceeded("m", 2.0))

seconds = st.sampled_from([0.0, 0.5, 1.0, 2.0, 7.0])
faults = st.sampled_from(FAULTS)
said: st.SearchStrategy[Line] = st.one_of(
    st.just("an answer"),
    faults,
    st.builds(Pieces, st.lists(st.just("word "), max_size=3), st.one_of(st.none(), faults), seconds),
)
lines = st.one_of(said, st.builds(Pause, seconds, said))
scripts = st.fixed_dictionaries({model: st.lists(lines, min_size=2, max_size=12) for model in MODELS})


def asked(model: str, prompt: str) -> LLMRequest:
    return LLMRequest(prompt=prompt, preferences=Preferences(model=model, fallback="chain"))


def read(request: LLMRequest) -> Op[object]:
    """A stream, read to its end."""

    async def reading(context: Context) -> Outcome[object, LLMError]:
        opened = await run(generate_stream(request), context)
        return opened if isinstance(opened, Failure) else await collect(opened.unwrap())

    return effect(reading)


@dataclass(frozen=True)
class Ask:
    """One request, for a whole answer or for a stream."""

    model: str
    prompt: str
    streamed: bool


@dataclass(frozen=True)
class Together:
    """Several programs side by side."""

    how: Literal["race", "gather", "settle"]
    parts: tuple[Program, ...]


@dataclass(frozen=True)
class Within:
    """A program with a second try beside it after so long, or none of it after that."""

    how: Literal["hedged", "timeout"]
    seconds: float
    inner: Program


Program: TypeAlias = "Ask | Together | Within"
asks: st.SearchStrategy[Program] = st.builds(
    Ask, st.sampled_from(MODELS), st.sampled_from(["x", "y", "z"]), st.booleans()
)


def grown(inner: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Together, st.sampled_from(["race", "gather", "settle"]), several),
        st.builds(Within, st.sampled_from(["hedged", "timeout"]), seconds, inner),
    )


programs = st.recursive(asks, grown, max_leaves=6)


def op_of(program: Program) -> Op[object]:
    match program:
        case Ask(model, prompt, streamed):
            request = asked(model, prompt)
            return read(request) if streamed else generate(request)
        case Together("race", parts):
            return race(*map(op_of, parts))
        case Together("gather", parts):
            return gather([op_of(part) for part in parts])
        case Together("settle", parts):
            return settle([op_of(part) for part in parts])
        case Within("hedged", after_s, inner):
            return hedged(after_s)(op_of(inner))
        case Within("timeout", within_s, inner):
            return timeout(within_s)(op_of(inner))
        case _:
            raise AssertionError(program)


class Writer:
    """An observer that writes down all it hears."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def notify(self, event: Event, /) -> None:
        self.lines.append(trace_line(0, event))


def trace_of(program: Program, script: dict[str, list[Line]], seed: int, backend: str) -> list[str]:
    """All that was told, what came back, and when."""
    writer = Writer()

    async def playing() -> None:
        async with scripted(script, config=CONFIG, observer=writer, seed=seed, clock=VirtualClock()) as context:
            outcome = await run_in_turns(op_of(program), context)
            writer.lines.append(f"{context.clock.monotonic()!r} {outcome!r}")

    anyio.run(playing, backend=backend)
    return writer.lines


@settings(max_examples=150)
@given(program=programs, script=scripts, seed=st.integers(0, 2**32))
def test_one_script_and_one_seed_give_one_trace_on_every_event_loop(
    program: Program, script: dict[str, list[Line]], seed: int
) -> None:
    first = trace_of(program, script, seed, "asyncio")
    assert trace_of(program, script, seed, "asyncio") == first
    assert trace_of(program, script, seed, "trio") == first
