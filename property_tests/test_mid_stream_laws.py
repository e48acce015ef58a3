"""Laws of streams that break in the middle, whatever breaks and whoever takes over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_manager import (
    AllModelsFailed,
    CacheSettings,
    LLMConfig,
    LLMRequest,
    Preferences,
    RateLimitExceeded,
    RetrySettings,
    RoutingSettings,
    StreamBroken,
    StreamEvent,
    StreamFailed,
    StreamFinished,
    StreamResumed,
    TextDelta,
    generate_stream,
    run,
)
from llm_manager.domain.settings import MidStream
from llm_manager.testing import Line, Pieces, scripted

MODELS = ("gpt", "claude", "llama")

errors = st.sampled_from(
    [None, StreamBroken("m"), RateLimitExceeded("m", 3600), StreamBroken("m", message="cut")],
)
answers = st.builds(Pieces, st.lists(st.text("ab c.\u00fc", min_size=1, max_size=12), min_size=1, max_size=5), errors)
scripts = st.tuples(answers, answers, answers)


def told(script: Sequence[Pieces], policy: MidStream, backend: str) -> list[StreamEvent]:
    """Everything that a stream of *script*, one answer for each model, tells."""
    lines: dict[str, list[Line]] = {model: [answer] for model, answer in zip(MODELS, script, strict=True)}
    config = LLMConfig(
        cache=CacheSettings(enabled=False),
        routing=RoutingSettings(mid_stream=policy, chains={"general": MODELS}),
        retry=RetrySettings(max_retries=0),
    )

    async def reading() -> list[StreamEvent]:
        async with scripted(lines, config=config) as context:
            opened = await run(generate_stream(LLMRequest(prompt="hi", preferences=Preferences(seed=1))), context)
            async with opened.unwrap() as stream:
                return [event async for event in stream]

    return anyio.run(reading, backend=backend)


def texts_of(events: Sequence[StreamEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


policies = st.sampled_from(["fail", "restart", "continue"])
backends = st.sampled_from(["asyncio", "trio"])


@given(backends, scripts, policies)
def test_every_stream_ends_in_exactly_one_end(
    backend: str, script: tuple[Pieces, Pieces, Pieces], policy: MidStream
) -> None:
    events = told(script, policy, backend)
    ends = [event for event in events if isinstance(event, StreamFinished | StreamFailed)]
    assert ends == [events[-1]]


@given(backends, scripts)
def test_without_failover_the_first_model_alone_is_heard(backend: str, script: tuple[Pieces, Pieces, Pieces]) -> None:
    *pieces, last = told(script, "fail", backend)
    assert texts_of(pieces) == "".join(script[0].texts)
    assert not any(isinstance(event, StreamResumed) for event in pieces)
    assert isinstance(last, StreamFinished) == (script[0].error is None)


@given(backends, scripts)
def test_a_restarted_stream_is_the_whole_answer_of_the_first_model_that_does_not_break(
    backend: str, script: tuple[Pieces, Pieces, Pieces]
) -> None:
    *pieces, last = told(script, "restart", backend)
    whole = [index for index, answer in enumerate(script) if answer.error is None]
    heard = script[whole[0]] if whole else script[-1]
    restarts = [index for index, event in enumerate(pieces) if isinstance(event, StreamResumed)]
    assert [pieces[index] for index in restarts] == [
        StreamResumed(model, restarted=True) for model in MODELS[1 : 1 + len(restarts)]
    ]
    since = texts_of(pieces[restarts[-1] :] if restarts else pieces)
    assert since == "".join(heard.texts)
    if isinstance(last, StreamFinished):
        assert (last.response.content, bool(whole)) == (since, True)
    else:
        assert isinstance(last, StreamFailed)
        assert (last.partial, bool(whole)) == (since, False)


@given(backends, scripts)
def test_a_continued_stream_only_ever_adds_to_what_had_been_said(
    backend: str, script: tuple[Pieces, Pieces, Pieces]
) -> None:
    """All deltas together are the answer: it begins with what the first model said, and nothing is said again."""
    *pieces, last = told(script, "continue", backend)
    said = texts_of(pieces)
    assert said.startswith("".join(script[0].texts))
    assert len(said) <= sum(len("".join(answer.texts)) for answer in script)
    assert not any(isinstance(event, StreamResumed) and event.restarted for event in pieces)
    if isinstance(last, StreamFinished):
        assert last.response.content == said
    else:
        assert isinstance(last, StreamFailed)
        assert last.partial == said


@given(backends, st.lists(st.text("ab c.", min_size=1, max_size=12), min_size=1, max_size=5))
def test_a_model_that_says_the_whole_again_adds_only_what_is_new(backend: str, texts: list[str]) -> None:
    cut = Pieces(texts[:1], StreamBroken("gpt"))
    *pieces, last = told((cut, Pieces(texts), Pieces(["never"])), "continue", backend)
    assert texts_of(pieces) == "".join(texts)
    assert isinstance(last, StreamFinished)


@pytest.mark.parametrize("policy", ["restart", "continue"])
def test_when_all_break_the_failure_names_everybody_in_order(backend: str, policy: MidStream) -> None:
    cuts = [StreamBroken(model) for model in MODELS]
    *_, last = told((Pieces(["a"], cuts[0]), Pieces(["b"], cuts[1]), Pieces(["c"], cuts[2])), policy, backend)
    assert isinstance(last, StreamFailed)
    assert isinstance(last.error, AllModelsFailed)
    broken = [(model, error) for model, error in last.error.failures if isinstance(error, StreamBroken)]
    assert [(model, replace(error, usage=None)) for model, error in broken] == list(zip(MODELS, cuts, strict=True))
