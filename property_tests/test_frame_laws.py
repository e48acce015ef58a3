"""Laws of the readers of streams: how a stream is cut on its way changes nothing, and what is missing is missed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.adapters.frames import Events, Frames, Texts

CAP = 1_000_000


def fed(frames: Frames, chunks: Sequence[bytes]) -> list[bytes]:
    """All that comes out of *chunks*."""
    found: list[bytes] = []
    for chunk in chunks:
        read = frames.feed(chunk)
        assert read is not None
        found.extend(read)
    return found


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """*data* in pieces."""
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(marks)]


line_ends = st.sampled_from([b"\n", b"\r\n", b"\r"])
lines = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
noise = st.sampled_from([b": a comment", b"event: message", b"id: 7", b"retry: 10", b":", b"unknown"])


@st.composite
def event_streams(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """The bytes of a stream of events, and the data of each."""
    end = draw(line_ends)
    stream = bytearray(draw(st.sampled_from([b"", b"\xef\xbb\xbf"])))
    data: list[bytes] = []
    for parts in draw(st.lists(st.lists(lines, min_size=1, max_size=3), max_size=6)):
        written = [part.encode() for part in parts]
        fields = [draw(st.sampled_from([b"data: ", b"data:"])) + part for part in written]
        # A space that the text begins with is kept only behind the one that may be left out.
        data.append(b"\n".join(field[5:].removeprefix(b" ") for field in fields))
        for each in (*draw(st.lists(noise, max_size=2)), *fields):
            stream += each + end
        stream += end
    return bytes(stream), data


@given(event_streams(), st.lists(st.integers(min_value=0), max_size=8))
def test_events_are_the_same_however_they_are_cut(stream: tuple[bytes, list[bytes]], places: list[int]) -> None:
    written, data = stream
    assert fed(Events(CAP), cut(written, places)) == data


@given(event_streams())
def test_events_are_the_same_byte_by_byte(stream: tuple[bytes, list[bytes]]) -> None:
    written, data = stream
    assert fed(Events(CAP), [bytes([byte]) for byte in written]) == data


@given(event_streams(), st.integers(min_value=0))
def test_a_prefix_gives_the_events_that_are_whole_in_it_and_no_other(
    stream: tuple[bytes, list[bytes]], place: int
) -> None:
    written, data = stream
    found = fed(Events(CAP), [written[: place % (len(written) + 1)]])
    assert found == data[: len(found)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3)
)


@given(st.lists(json_values, max_size=6), line_ends, st.lists(st.integers(min_value=0), max_size=8))
def test_texts_are_the_same_however_they_are_cut(values: list[object], end: bytes, places: list[int]) -> None:
    texts = [json.dumps(value).encode() for value in values]
    written = b"".join(text + end + end for text in texts)
    assert fed(Texts(CAP), cut(written, places)) == texts


@given(st.integers(min_value=1, max_value=50), st.integers(min_value=1, max_value=7))
def test_what_is_larger_than_the_cap_is_refused_however_it_comes(cap: int, step: int) -> None:
    line = b"data: " + b"x" * (cap + 8) + b"\n\n"
    for frames in (Events(cap), Texts(cap)):
        chunks = [line[start : start + step] for start in range(0, len(line), step)]
        assert any(frames.feed(chunk) is None for chunk in chunks)
