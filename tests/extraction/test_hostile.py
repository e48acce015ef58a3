"""Text made to break parsers: answered, at once, in linear work."""

from __future__ import annotations

from typing import get_args

import pytest
from returns.result import Failure, Success

from llm_manager.extraction import decode_text, explain, extract_all, extract_json, recover_json
from llm_manager.extraction.extract import LONGEST_TEXT
from llm_manager.extraction.extracted import Repair, RepairKind
from llm_manager.extraction.scan import Scan

UNITS = [
    *[
        "{",
        "[",
        "[[]",
        '{"a":',
        '["',
        '"',
        "\\",
        "`",
        "```json\n{",
        '{"a" ',
        '["a"“)',
        "{“",
        "{a: x ",
        "{a:x, ",
        "<think>",
    ],
    *[
        "[1] ",
        '{\\"',
        "{&quot;",
        '{"a":"b","',
        "{'",
        "[1,",
        '{"a":1,}\n',
        "{//",
        "{/*",
        " ",
        "{\n",
        "[,",
        "...",
        "<json>{",
    ],
    *["[(", "[ab(", '{"a":1}}, "b": ', '["""', "{}", "{]", "[}", '{"', '{"\\', '{"a":"\\ud83d', "[-", "[1e", "{a:x;}"],
    *['"a" "b" ', "[1, 2} ", "]", "x", "\x00", "\ud83d"],
]


@pytest.mark.parametrize("before", ["", '{"a": ', '["', "{a: "])
@pytest.mark.parametrize("unit", UNITS)
def test_four_times_the_text_is_at_most_four_times_the_work(unit: str, before: str) -> None:
    small, large = (Scan(before + unit * (size // len(unit))).run().steps for size in (5_000, 20_000))
    assert large <= 5 * small + 1_000
    assert large <= 40 * 20_000


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        '{"a": ' * 1_000_000,
        '"' * 100_000,
        "9" * 5_000,
        "\ud83d\x00\ufeff{'a': \ude00",
        "{'a'" * 50_000,
    ],
    ids=["a million brackets", "a million objects", "quotes", "digits", "halves", "keys"],
)
def test_the_worst_texts_are_answered(text: str) -> None:
    assert isinstance(extract_json(text), Success | Failure)
    assert isinstance(recover_json(text), Success | Failure)


def test_a_text_that_is_all_faults_is_not_a_value() -> None:
    assert recover_json("[" + "{}}" * 3_000).failure().kind == "not_found"


def test_a_text_too_large_is_refused() -> None:
    assert extract_json(" " * (LONGEST_TEXT + 1)).failure().kind == "too_large"


def test_every_repair_can_be_explained() -> None:
    kinds = get_args(RepairKind)
    assert len({explain(Repair(kind, 3)) for kind in kinds}) == len(kinds)


@pytest.mark.parametrize(
    "line", ['{"a":1,}', "{'a':1}", "{a:b c}", '{"a": [1, 2}', '{"k": "v" "l": 1}', "{a: true b: 1}"]
)
def test_many_small_damaged_values_are_all_found(line: str) -> None:
    found = extract_all(f"{line}\n" * 10_000).unwrap()
    assert len(found) == 10_000
    assert len({repr(each.value) for each in found}) == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"a": x' + "," * 300_000 + " z",
        "{a: x" + ", " * 150_000,
        "```\n{x}" * 60_000,
        "<think>" * 60_000 + "</think>" * 60_000,
        '{\\"a\\": 1}\n' * 20_000,
    ],
    ids=["commas", "commas and blanks", "blocks that do not end", "thoughts", "escaped lines"],
)
def test_what_is_looked_for_is_looked_for_once(text: str) -> None:
    """Each of these took hours when the end was looked for from every place, which no count of steps would tell."""
    assert isinstance(extract_json(text), Success | Failure)
    assert isinstance(recover_json(text), Success | Failure)


def test_the_candidates_of_a_schema_are_not_compared_with_each_other() -> None:
    assert isinstance(decode_text('{"a":1} {"a":2} x ' * 20_000, list[str]), Failure)


def test_what_is_json_is_found_even_when_all_work_has_been_done() -> None:
    lines = '{\\"a\\": 1}\n' * 12
    assert extract_json(f'{lines}\n\n```json\n{{"ok": true}}\n```').unwrap().value == {"ok": True}
    found = extract_json("x {a b: c d\x00{\n" * 3_000 + '\n\n```json\n{"ok": true}\n```').unwrap()
    assert (found.value, found.confidence) == ({"ok": True}, "guessed")


@pytest.mark.parametrize(
    "number",
    ["1e400", "1E+309", "1e0400", "9" * 309 + ".5", "1" * 250 + "e99", "9" * 250 + "e+60", "9" * 308 + ".0e1"],
    ids=["exponent", "plus", "zeros in front", "digits", "digits and exponent", "digits and plus", "one too many"],
)
def test_a_number_too_large_for_a_float_is_null_and_said_to_be(number: str) -> None:
    answer = extract_json(f"[{number}]").unwrap()
    assert (answer.value, answer.repairs) == ([None], (Repair("non_finite", 1),))


@pytest.mark.parametrize("number", ["1" * 200 + "e99", "0." + "0" * 400 + "1e500", "1e308", "1e-400", "1e5"])
def test_a_number_with_many_digits_or_an_exponent_that_a_float_holds_is_read_as_it_is(number: str) -> None:
    answer = extract_json(f"[{number}]").unwrap()
    assert (answer.value, answer.confidence) == ([float(number)], "exact")
