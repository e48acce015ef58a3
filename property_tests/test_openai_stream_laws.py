"""Laws of a streamed answer on the OpenAI wire, over streams as the simulator and others write them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure

from llm_manager.adapters.dialects.openai_stream import CompletionReader
from llm_manager.adapters.frames import Events
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.errors import LLMError, StreamBroken
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.stream import Delta, TextDelta
from llm_manager.domain.target import Target
from llm_manager.testing.simulator import CallTools, Say
from llm_manager.testing.simulator.asked import Asked
from llm_manager.testing.simulator.replies import Answered
from llm_manager.testing.simulator.wires.openai import WIRE

TARGET = Target(
    model="gpt-4o",
    provider=PROVIDERS["openai"],
    facts=ModelFacts(name="gpt-4o", provider="openai"),
    service="openai",
    base_url="https://api.openai.com/v1",
    key="k",
)


def recorded(reply: Answered) -> bytes:
    """A stream as it comes over the wire."""
    return b"".join(WIRE.events(Asked(model="gpt-4o", last_text="hi", streamed=True, usage_streamed=True), reply, 1))


STREAMS: dict[str, bytes] = {
    "text": recorded(Say("Grüße, 世界 😀: it scatters.", cached_tokens=3)),
    "reasoning": recorded(Say("Blue.", reasoning="Rayleigh, I think.")),
    "refusal": recorded(Say("I cannot.", refusal=True)),
    "tools": recorded(CallTools([("look", {"at": "sky"}), ("look", {"at": "sea"})])),
    "comments and CRLF": recorded(Say("one two")).replace(b"\n", b"\r\n").replace(b"data: [", b": ping\r\n\r\ndata: ["),
}

Read = tuple[list[Delta], Outcome[LLMResponse, LLMError]]


def read(chunks: Sequence[bytes]) -> Read:
    """What comes of *chunks* and then the end of the body."""
    frames, reader = Events(1_000_000), CompletionReader({"x-request-id": "req_1"}, TARGET)
    deltas: list[Delta] = []
    for chunk in chunks:
        for frame in frames.feed(chunk) or ():
            got = reader.read(frame)
            if isinstance(got, Failure):
                return deltas, got
            deltas.extend(got.unwrap())
            if reader.finished:
                return deltas, reader.end()
    return deltas, reader.end()


def text_of(deltas: Sequence[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_read_alike_when_it_is_cut_at_any_one_byte(name: str) -> None:
    stream = STREAMS[name]
    whole = read([stream])
    assert not isinstance(whole[1], Failure)
    for place in range(len(stream)):
        assert read([stream[:place], stream[place:]]) == whole
    assert read([bytes([byte]) for byte in stream]) == whole


@pytest.mark.parametrize("name", STREAMS)
def test_every_prefix_is_broken_with_its_text_until_the_answer_has_said_why_it_ended(name: str) -> None:
    stream = STREAMS[name]
    whole_deltas, whole = read([stream])
    response = whole.unwrap()
    for place in range(len(stream)):
        deltas, ended = read([stream[:place]])
        assert deltas == whole_deltas[: len(deltas)]
        if isinstance(ended, Failure):
            assert ended.failure() == StreamBroken("gpt-4o", text_of(deltas), "the stream ended before the answer did")
        else:  # all of it was said: only the usage and the terminator may be missing
            assert b'"finish_reason": "' in stream[:place]
            assert ended.unwrap().content == response.content
            assert ended.unwrap().tool_calls == response.tool_calls


@given(st.text(min_size=1).filter(str.strip), st.lists(st.integers(min_value=0), max_size=6))
def test_the_pieces_of_any_text_add_up_to_it(text: str, places: list[int]) -> None:
    stream = recorded(Say(text))
    marks = sorted({0, len(stream), *(place % len(stream) for place in places)})
    deltas, ended = read([stream[start:end] for start, end in pairwise(marks)])
    assert text_of(deltas) == text == ended.unwrap().content
