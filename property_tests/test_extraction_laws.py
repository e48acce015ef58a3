"""What holds of extraction for every text and every value."""

from __future__ import annotations

import json
from itertools import combinations, pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_core import to_json
from returns.result import Failure, Success

from llm_manager.extraction import Extracted, JsonValue, PartialJson, Span, extract_all, extract_json, recover_json
from llm_manager.extraction.scan import Scan
from llm_manager.extraction.strict import Read, read_whole
from llm_manager.testing.strategies import (
    FAULTS,
    WRAPPERS,
    Fault,
    json_objects,
    json_values,
    plain_objects,
    raw_line_breaks_lost,
    texts,
    written,
)

MARKS = ['"', "'", "{", "}", "[", "]", ":", ",", "\\", "a", "```", "//", "/*", "*/", "#", "1", "-", "true", "None"]
MORE_MARKS = ["“", "”", "(", ")", "...", "<think>", "</think>", "\\u", "é", "=", "=>", ";", "+", "&quot;", "e5", "NaN"]
marks = st.lists(
    st.sampled_from([*MARKS, *MORE_MARKS, " ", "\n", "```json\n", '{"a": ', '"b": ', '\\"', "\ud83d", "\x00"]),
    max_size=40,
).map("".join)


def found(text: str) -> JsonValue:
    return extract_json(text).unwrap().value


def is_prefix(part: JsonValue, whole: JsonValue) -> bool:
    """Whether *part* is the beginning of *whole*: what is open may grow, what is closed is the same."""
    match part, whole:
        case str(), str():
            return whole.startswith(part)
        case list(), list():
            return len(part) <= len(whole) and all(map(is_prefix, part, whole))
        case dict(), dict():
            return list(part) == list(whole)[: len(part)] and all(is_prefix(part[key], whole[key]) for key in part)
        case _:
            return type(part) is type(whole) and part == whole


@given(value=json_values, indent=st.sampled_from([None, 1, 2]), ascii_only=st.booleans())
def test_valid_json_is_returned_untouched(value: JsonValue, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert extract_json(text) == Success(Extracted(value=value, span=Span(0, len(text)), whole_text=True))
    assert recover_json(text) == extract_json(text)


@pytest.mark.parametrize("wrapper", WRAPPERS)
@given(value=json_objects)
def test_no_wrapper_changes_the_value(wrapper: str, value: JsonValue) -> None:
    text = WRAPPERS[wrapper](json.dumps(value))
    answer = extract_json(text).unwrap()
    assert (answer.value, answer.repairs) == (value, ())


@given(text=st.one_of(texts, marks))
@example("\ud83d\x00\ufeff{'a': \ude00")
def test_any_text_is_answered_and_always_alike(text: str) -> None:
    for ask in (extract_json, extract_all, recover_json):
        answer = ask(text)
        assert isinstance(answer, Success | Failure)
        assert answer == ask(text)


@given(text=st.one_of(texts, marks))
def test_what_is_found_is_writable_its_span_lies_inside_and_no_repair_means_json(text: str) -> None:
    for answer in extract_all(text).value_or(()):
        to_json(answer.value)
        assert 0 <= answer.span.start <= answer.span.end <= len(text)
        inside = text[answer.span.start : answer.span.end]
        assert isinstance(read_whole(inside), Read) == (answer.repairs == ())


@given(text=st.one_of(texts, marks))
def test_extraction_is_idempotent(text: str) -> None:
    match extract_json(text):
        case Success(answer):
            assert found(json.dumps(answer.value)) == answer.value
        case Failure(_):
            pass


@pytest.mark.parametrize("fault", FAULTS)
@given(value=plain_objects)
def test_a_fault_that_loses_nothing_changes_nothing(fault: Fault, value: JsonValue) -> None:
    check_faults(value, frozenset({fault}))


COMPATIBLE = [
    frozenset(pair)
    for pair in combinations(FAULTS, 2)
    if set(pair) not in ({"missing_commas", "double_commas"}, {"single_quotes", "typographic_quotes"})
]


@given(value=plain_objects, faults=st.sampled_from(COMPATIBLE))
def test_two_faults_that_lose_nothing_change_nothing(value: JsonValue, faults: frozenset[Fault]) -> None:
    check_faults(value, faults)


def check_faults(value: JsonValue, faults: frozenset[Fault]) -> None:
    wanted = raw_line_breaks_lost(value) if "raw_line_breaks" in faults else value
    assert found(written(value, faults)) == wanted
    assert found(WRAPPERS["a block with prose"](written(value, faults))) == wanted


@given(value=json_objects, cuts=st.lists(st.integers(0, 400), max_size=12), wrapper=st.sampled_from(sorted(WRAPPERS)))
def test_every_view_of_a_growing_text_is_a_prefix_and_chunking_does_not_matter(
    value: JsonValue, cuts: list[int], wrapper: str
) -> None:
    text = WRAPPERS[wrapper](json.dumps(value))
    check_stream(text, cuts)


@given(text=marks, cuts=st.lists(st.integers(0, 80), max_size=8))
def test_closing_a_stream_of_any_text_says_what_the_whole_text_says(text: str, cuts: list[int]) -> None:
    partial = PartialJson()
    for chunk in chunks(text, cuts):
        partial.feed(chunk)
    assert partial.close() == extract_json(text)


@given(value=plain_objects, fault=st.sampled_from(FAULTS), cuts=st.lists(st.integers(0, 200), max_size=12))
def test_views_of_damaged_text_are_prefixes_too(value: JsonValue, fault: Fault, cuts: list[int]) -> None:
    check_stream(written(value, frozenset({fault})), cuts)


def chunks(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def check_stream(text: str, cuts: list[int]) -> None:
    partial, views = PartialJson(), [""]
    for chunk in chunks(text, cuts):
        partial.feed(chunk)
        if partial.started:
            views.append(json.dumps(partial.value))
    final = partial.close()
    assert final == extract_json(text)
    for view in views[1:]:
        assert is_prefix(json.loads(view), final.unwrap().value)


@given(value=json_objects, cut=st.integers(1, 400))
def test_cutting_a_text_off_invents_no_key_no_literal_and_no_string(value: JsonValue, cut: int) -> None:
    text = json.dumps(value, ensure_ascii=False)
    answer = extract_json(text[:cut])
    if isinstance(answer, Success):
        assert is_cut_of(answer.unwrap().value, value)


def is_cut_of(part: JsonValue, whole: JsonValue) -> bool:
    """Like a prefix, but the last number may have lost digits: it is kept, and the value is marked as cut off."""
    match part, whole:
        case bool(), _:
            return part is whole
        case ((int() | float()), (int() | float())):
            return True
        case list(), list():
            return len(part) <= len(whole) and all(map(is_cut_of, part, whole))
        case dict(), dict():
            return list(part) == list(whole)[: len(part)] and all(is_cut_of(part[key], whole[key]) for key in part)
        case _:
            return is_prefix(part, whole)


@given(unit=st.lists(marks, min_size=1, max_size=3).map("".join).filter(bool))
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
