"""Faults after the first word of a stream: nothing is sent again, and the failure carries the text that had come."""

from __future__ import annotations

from dataclasses import replace

import pytest
from returns.result import Failure

from llm_manager import LLMError, LLMResponse, StreamEvent, StreamFailed, TextDelta, generate_stream, run
from llm_manager.domain.settings import MidStream
from tests.adapters.chosen import ENGINES
from tests.faults.later import LATER, WORD
from tests.faults.rows import FaultRow
from tests.faults.watched import (
    ASK,
    Counter,
    Marked,
    Tried,
    breaker_is_open,
    configured,
    fate_of_key,
    once,
    opened,
    plain,
    tried,
)

pytestmark = pytest.mark.anyio


def named(row: FaultRow) -> str:
    """What a case is called."""
    return row.name


@pytest.mark.parametrize("row", LATER, ids=named)
async def test_a_later_fault_is_the_end_of_the_stream_with_its_text_and_marked_as_the_matrix_says(
    row: FaultRow,
) -> None:
    async with row.opening() as place:
        config = once(configured(row, place, place.url, allowed=False))
        async with opened(place, config, Counter()) as context:
            request = replace(ASK, deadline_s=row.deadline_s, preferences=replace(ASK.preferences, fallback="none"))
            async with (await run(generate_stream(request), context)).unwrap() as stream:
                *pieces, last = [event async for event in stream]
            marks = Marked(_failure(last, partial=WORD), await breaker_is_open(context), await fate_of_key(context))
    assert pieces == [TextDelta(WORD)]
    assert marks == Marked(row.ended, row.breaker == "y", row.key)


@pytest.mark.parametrize("row", LATER, ids=named)
async def test_after_the_first_word_nothing_is_sent_again_whatever_is_allowed(row: FaultRow) -> None:
    assert await tried(row, "stream", allowed=True) == Tried(sent=1, fell_back=False)


@pytest.mark.parametrize("anyio_backend", ENGINES[:1], indirect=True, ids="-".join)
@pytest.mark.parametrize("mid_stream", ["restart", "continue"])
@pytest.mark.parametrize("row", LATER, ids=named)
async def test_another_model_takes_a_stream_over_where_the_matrix_lets_it_be_asked(
    row: FaultRow, mid_stream: MidStream
) -> None:
    expected = Tried(sent=1, fell_back=row.next_model != "n")
    assert await tried(row, "stream", allowed=True, mid_stream=mid_stream) == expected


def _failure(last: StreamEvent, *, partial: str) -> LLMError | LLMResponse:
    assert isinstance(last, StreamFailed)
    assert last.partial == partial
    return plain(Failure(last.error))
