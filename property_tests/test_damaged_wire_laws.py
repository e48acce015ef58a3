"""Laws of what comes over the wire: no body and no stream, however damaged, is anything but an answer or an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from property_tests.wire_claims import WAYS, Choices, frame_claims


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@given(data=st.binary(max_size=60))
def test_whatever_comes_over_the_wire_is_an_answer_or_an_error(way: Callable[[Choices], None], data: bytes) -> None:
    way(Choices(data))


@example(data=[b"data", b"\r", b"\n", b"\n"], step=1, cap=1_000_000)  # found by the fuzzer: the last end was lost
@given(
    data=st.lists(st.sampled_from([b"data", b":", b" ", b"\n", b"\r", b"\xef\xbb\xbf", b"{}", b"event: x", b"\x0b"])),
    step=st.integers(min_value=1, max_value=9),
    cap=st.sampled_from([1, 7, 1_000_000]),
)
def test_frames_are_what_the_standard_says(data: list[bytes], step: int, cap: int) -> None:
    frame_claims(b"".join(data), step, cap)
