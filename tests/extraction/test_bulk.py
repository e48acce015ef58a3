"""The widest lane reads long damaged documents; it must say what the narrow lanes say of short ones."""

from __future__ import annotations

from itertools import accumulate

import pytest

from llm_manager.extraction import Repair, recover_json
from llm_manager.extraction.cursor import LONG
from llm_manager.extraction.extracted import JsonValue

RECORD = (
    "{id: 7, 'name': 'a, b: c', \"tags\": ['x', \"y's\", plain,], "
    "ok: True, no: false, deep: {none: None, at: -1.5, }, }"
)
SAYS: JsonValue = {
    "id": 7,
    "name": "a, b: c",
    "tags": ["x", "y's", "plain"],
    "ok": True,
    "no": False,
    "deep": {"none": None, "at": -1.5},
}


def told(records: list[str], before: str = "[", gap: str = ", ", after: str = "]") -> tuple[JsonValue, list[Repair]]:
    """What a list of records says, by what each of them says when it is read alone."""
    alone = [recover_json(record).unwrap() for record in records]
    starts = accumulate((len(record) + len(gap) for record in records), initial=len(before))
    repairs = [
        Repair(kind, offset + start)
        for each, start in zip(alone, starts, strict=False)
        for kind, offset in each.repairs
    ]
    assert len(before + gap.join(records) + after) > 2 * LONG
    return [each.value for each in alone], repairs


def test_a_long_list_of_damaged_records_says_what_each_says_alone() -> None:
    records = [RECORD.replace("7", str(number)) for number in range(1_000)]
    value, repairs = told(records)
    answer = recover_json("[" + ", ".join(records) + "]").unwrap()
    assert (answer.value, list(answer.repairs), answer.complete) == (value, repairs, True)
    assert isinstance(value, list)
    assert value[7] == SAYS


@pytest.mark.parametrize(
    "odd",
    [
        "{id: 1 name: 'x'}",
        "{id: 1, id: 2}",
        "{id: 'it's'}",
        "{id: 0x1F, at: 1e5, n: NaN}",
        "{'a': 'b\\n', \"c\": \"\\u0041\"}",
        "{id: [1, 2}",
        "{'" + "long" * 20 + "': 1}",
        "{a-b: 1, c.d: 2}",
        "{id: 1, // a comment\n at: 2}",
        "{text: '" + "word " * 1_000 + "'}",
        "{, id: 1}",
        "{id: 1,, at: 2}",
        "{at: 12345678901234567890}",
        "{" + ", ".join(f"k{number}: {number}" for number in range(900)) + "}",
    ],
)
def test_a_record_that_takes_judgement_stops_it_and_no_more(odd: str) -> None:
    records = [*[RECORD] * 100, odd, *[RECORD] * 100]
    value, repairs = told(records)
    answer = recover_json("[" + ", ".join(records) + "]").unwrap()
    assert (answer.value, list(answer.repairs)) == (value, repairs)


def test_records_over_many_lines_are_read_as_records_on_one() -> None:
    pretty = RECORD.replace(", ", ",\n    ").replace("{", "{\n    ")
    value, repairs = told([pretty] * 200, "[\n  ", ",\n  ", ",\n]")
    answer = recover_json("[\n  " + ",\n  ".join([pretty] * 200) + ",\n]").unwrap()
    assert (answer.value, list(answer.repairs[:-1])) == (value, repairs)
    assert answer.repairs[-1].kind == "comma_dropped"


def test_the_members_of_one_long_object_are_read_as_well_and_the_last_of_two_alike_is_kept() -> None:
    members = [f"key{number}: 'value {number}'" for number in range(500)]
    answer = recover_json("{" + ", ".join([*members, "key7: 'again'"]) + "}").unwrap()
    assert answer.value == {f"key{number}": f"value {number}" for number in range(500)} | {"key7": "again"}
    assert [repair.kind for repair in answer.repairs].count("duplicate_key") == 1
    assert len(answer.repairs) == 2 * 501 + 1


def test_a_long_document_that_was_cut_off_keeps_all_that_had_arrived() -> None:
    answer = recover_json("[" + ", ".join([RECORD] * 300) + ", {id: 'half").unwrap()
    assert (answer.value, answer.complete) == ([SAYS] * 300 + [{"id": "half"}], False)
