"""One value, all values, or the whole text as a value."""

from __future__ import annotations

import json

from returns.result import Failure, Success

from llm_manager.domain.errors import ExtractionFailed
from llm_manager.extraction import Extracted, JsonValue, Repair, Span, extract_all, extract_json, recover_json


def test_a_text_that_is_json_is_returned_untouched() -> None:
    assert extract_json(' {"a": [1, "b\\n"]}\n') == Success(
        Extracted(value={"a": [1, "b\n"]}, span=Span(0, 19), whole_text=True)
    )


def test_json_in_prose_is_located_without_repair() -> None:
    assert extract_json('See [1]: {"a": 1} and [2].') == Success(Extracted(value={"a": 1}, span=Span(9, 17)))


def test_every_repair_is_named_with_its_place() -> None:
    assert extract_json("{'a': 1,}") == Success(
        Extracted(value={"a": 1}, span=Span(0, 9), repairs=(Repair("odd_quotes", 1), Repair("comma_dropped", 7)))
    )


def test_the_repair_of_a_key_stands_at_the_key_and_not_at_the_blank_before_it() -> None:
    answer = extract_json("{ a: {  'b': 1, c: 2} }").unwrap()
    assert answer.repairs == (Repair("bare_key", 2), Repair("odd_quotes", 8), Repair("bare_key", 16))


def test_confidence_falls_from_exact_to_guessed() -> None:
    texts = ('{"a": 1}', 'so: {"a": 1}', '{"a": 1,}', '{"a": 1', 'either {"a": 1} or {"a": 2}')
    assert [extract_json(text).unwrap().confidence for text in texts] == [
        "exact",
        "located",
        "repaired",
        "guessed",
        "guessed",
    ]


def test_lines_of_json_are_one_list_and_several_values() -> None:
    text = '{"a": 1}\n{"a": 2}\n'
    assert extract_json(text).unwrap().value == [{"a": 1}, {"a": 2}]
    assert [each.value for each in extract_all(text).unwrap()] == [{"a": 1}, {"a": 2}]


def test_a_text_without_a_value_says_why() -> None:
    assert extract_json("") == Failure(ExtractionFailed("", "empty", "the text is empty"))
    assert extract_json("I cannot [1].") == Failure(
        ExtractionFailed("I cannot [1].", "not_found", "no JSON value in the text")
    )
    assert extract_all("No.") == Failure(ExtractionFailed("No.", "not_found", "no JSON value in the text"))
    assert extract_json("[" * 300).failure().kind == "too_deep"
    assert recover_json("[" * 300).failure().kind == "too_deep"


def test_a_late_fault_in_a_long_list_costs_only_itself() -> None:
    records = [{"id": number, "face": "😀", "in": [{"n": number}]} for number in range(400)]
    for ascii_only in (True, False):
        text = json.dumps({"items": records}, ensure_ascii=ascii_only)
        at = text.rindex(', {"id": 399')
        found = extract_json(text[:at] + text[at + 1 :]).unwrap()
        assert (found.value, [repair.kind for repair in found.repairs]) == ({"items": records}, ["comma_added"])


def test_a_late_fault_deep_inside_a_long_item_is_found_too() -> None:
    parts = [{"n": number, "in": {"k": "v" * 20}} for number in range(400)]
    for count, broken in ((1, '{"a": [1 2]}'), (150, '{"a": [1 2]}')):
        text = json.dumps([parts[:count], {"deep": {"er": parts}}])[:-1] + f", {broken}]"
        assert extract_json(text).unwrap().value == [parts[:count], {"deep": {"er": parts}}, {"a": [1, 2]}]
        text = json.dumps([*parts[:count], {"deep": {"er": parts}}])[:-3] + ', "x" 1}}]'
        wanted = [*parts[:count], {"deep": {"er": parts, "x": 1}}]
        assert extract_json(text).unwrap().value == wanted


def test_recovery_takes_all_of_the_text_at_its_word() -> None:
    assert recover_json("{city: Paris").unwrap().value == {"city": "Paris"}
    assert recover_json("hello").unwrap().value == "hello"
    assert recover_json("'hello'").unwrap().value == "hello"
    assert recover_json("True").unwrap().value is True
    assert recover_json("[1,] and more").unwrap().repairs == (Repair("comma_dropped", 2), Repair("text_dropped", 4))


def test_what_is_too_deep_is_passed_over_and_the_answer_says_so() -> None:
    deep = "[" * 300 + "1" + "]" * 300
    found = extract_json(f'{deep} and {{"a": 1}}').unwrap()
    assert (found.value, found.confidence) == ({"a": 1}, "guessed")
    assert extract_json(deep).failure().kind == "too_deep"


def test_what_is_all_damage_is_given_up_and_the_failure_says_so() -> None:
    assert "given up" in extract_json("{a b: c d\x00{\n" * 20_000).failure().message


def test_valid_json_is_untouched_down_to_the_cap() -> None:
    for depth in (199, 200, 201, 253, 254, 255):
        value: JsonValue = 'a "quoted": [[[ and {\\'
        for _ in range(depth):
            value = [value]
        text = json.dumps({"deep": value})
        assert extract_json(text) == Success(Extracted(value={"deep": value}, span=Span(0, len(text)), whole_text=True))
        assert extract_json(f"Here: {text}.").unwrap().confidence == "located"
