"""Laws of streamed answers on every wire, over streams as the simulator and others write them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.domain.errors import StreamBroken
from llm_manager.domain.stream import Delta, TextDelta
from llm_manager.testing.simulator import Say
from property_tests.recorded_streams import STREAMS, WIRES, read, recorded, target


def text_of(deltas: Sequence[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


@pytest.mark.parametrize(("name", "answer"), STREAMS)
def test_a_stream_is_read_alike_when_it_is_cut_at_any_one_byte(name: str, answer: str) -> None:
    stream = STREAMS[name, answer]
    whole = read(name, [stream])
    assert not isinstance(whole[1], Failure)
    for place in range(len(stream)):
        assert read(name, [stream[:place], stream[place:]]) == whole
    assert read(name, [bytes([byte]) for byte in stream]) == whole


@pytest.mark.parametrize(("name", "answer"), STREAMS)
def test_every_prefix_is_broken_with_its_text_until_the_answer_has_said_why_it_ended(name: str, answer: str) -> None:
    stream = STREAMS[name, answer]
    whole_deltas, whole = read(name, [stream])
    response = whole.unwrap()
    broken = 0
    for place in range(len(stream)):
        deltas, ended = read(name, [stream[:place]])
        assert deltas == whole_deltas[: len(deltas)]
        if isinstance(ended, Failure):
            broken += 1
            assert ended.failure() == StreamBroken("m", text_of(deltas), "the stream ended before the answer did")
        else:  # all of it was said: only the usage and the terminator may be missing
            assert deltas == whole_deltas
            found = ended.unwrap()
            assert (found.content, found.tool_calls) == (response.content, response.tool_calls)
            assert found.finish_reason == response.finish_reason
    assert broken > len(stream) * 0.4


@pytest.mark.parametrize("name", WIRES)
@given(text=st.text(min_size=1).filter(str.strip), places=st.lists(st.integers(min_value=0), max_size=6))
def test_the_pieces_of_any_text_add_up_to_it(name: str, text: str, places: list[int]) -> None:
    stream = recorded(WIRES[name][1], Say(text))
    marks = sorted({0, len(stream), *(place % len(stream) for place in places)})
    deltas, ended = read(name, [stream[start:end] for start, end in pairwise(marks)])
    assert text_of(deltas) == text == ended.unwrap().content


@pytest.mark.parametrize("name", WIRES)
@given(frame=st.binary(max_size=40) | st.sampled_from([b"{}", b"[]", b"null", b'{"error": 7}', b'{"message": []}']))
def test_no_frame_makes_a_reader_raise(name: str, frame: bytes) -> None:
    reader = WIRES[name][0].reader({}, target(name))
    assert isinstance(reader.read(frame), Success | Failure)
    assert isinstance(reader.end(), Success | Failure)


@pytest.mark.parametrize("name", WIRES)
@pytest.mark.parametrize(
    "frame",
    [b"[" * 100_000, b'{"choices": NaN}', b"\xff\xfe", b'{"a": ' + b"9" * 5_000 + b"}"],
    ids=["deep", "no number", "no UTF-8", "a long integer"],
)
def test_a_frame_that_is_no_json_we_could_trust_is_malformed(name: str, frame: bytes) -> None:
    got = WIRES[name][0].reader({}, target(name)).read(frame)
    assert isinstance(got, Failure)
    assert got.failure().tag == "MalformedResponse"
