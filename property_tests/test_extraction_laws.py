"""What holds of extraction for every text and every value."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_manager.extraction import JsonValue, PartialJson, extract_all, extract_json, recover_json
from llm_manager.extraction.scan import Scan
from llm_manager.extraction.strict import Read, read_whole
from llm_manager.testing.laws import Law, extractor_laws, reader_laws
from llm_manager.testing.laws.extraction import total, untouched, writable
from llm_manager.testing.strategies import json_values, model_texts, texts


@pytest.mark.parametrize("law", extractor_laws(extract_json), ids=str)
def test_extraction(law: Law) -> None:
    law()


@pytest.mark.parametrize("law", reader_laws(PartialJson), ids=str)
def test_reading_in_pieces(law: Law) -> None:
    law()


@given(text=st.one_of(texts, model_texts))
def test_recovery_answers_any_text(text: str) -> None:
    total(recover_json, text)
    writable(recover_json, text)


@given(value=json_values)
def test_recovery_leaves_valid_json_alone(value: JsonValue) -> None:
    untouched(recover_json, value)


@given(text=st.one_of(texts, model_texts))
def test_every_span_lies_inside_and_no_repair_means_json(text: str) -> None:
    assert extract_all(text) == extract_all(text)
    for answer in extract_all(text).value_or(()):
        assert 0 <= answer.span.start <= answer.span.end <= len(text)
        inside = text[answer.span.start : answer.span.end]
        assert isinstance(read_whole(inside), Read) == (answer.repairs == ())


@given(unit=st.lists(model_texts, min_size=1, max_size=3).map("".join).filter(bool))
@example('{"a" ')
@example('["a"“)')
@example("```json\n{")
@example("{a: x ")
@example('{"a":"x","a":"y" ')
@example('<json>{"')
def test_four_times_the_text_costs_at_most_six_times_the_steps(unit: str) -> None:
    size = max(1, 4_000 // len(unit))
    small, large = (Scan(unit * count).run().steps for count in (size, 4 * size))
    assert large < 6 * small + 40_000
