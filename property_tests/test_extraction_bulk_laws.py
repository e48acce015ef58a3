"""The law of the widest lane: what it reads of many records is what the narrow ones read of each."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.extraction import JsonValue, Repair, recover_json
from llm_manager.extraction.cursor import LONG

NAMES = st.sampled_from(["id", "name", "x_1", "Key", "true", "None"])
TEXTS = st.text("ab ,:{}[]/#", max_size=12)
WORDS = st.sampled_from(["true", "False", "None", "NaN", "nil", "plain", "a.b-c", "0", "-7", "1.25", "-0.5"])
QUOTES = st.sampled_from(["'", '"'])
GAPS = st.sampled_from(["", " ", "\n    ", "\r\n\t"])


@st.composite
def records(draw: st.DrawFn, depth: int = 2) -> str:
    """An object with ordinary damage at any turn, whose keys differ."""
    gap = draw(GAPS)
    keys = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    members = [f"{_key(draw, key)}: {_value(draw, depth)}" for key in keys]
    return "{" + gap + f",{gap}".join(members) + draw(st.sampled_from(["", ",", f",{gap}"])) + gap + "}"


def _key(draw: st.DrawFn, name: str) -> str:
    quote = draw(st.sampled_from(["", "'", '"']))
    return f"{quote}{name}{quote}"


def _value(draw: st.DrawFn, depth: int) -> str:
    match draw(st.integers(0, 3 if depth else 1)):
        case 0:
            return draw(WORDS)
        case 1:
            return draw(TEXTS).join(2 * [draw(QUOTES)])
        case 2:
            return draw(records(depth - 1))
        case _:
            items = [_value(draw, depth - 1) for _ in range(draw(st.integers(1, 3)))]
            return "[" + ", ".join(items) + draw(st.sampled_from(["", ",", ", "])) + "]"


@given(st.lists(records(), min_size=1, max_size=6))
def test_many_records_say_what_each_of_them_says(each: list[str]) -> None:
    length = len(", ".join(each))
    many = each * (1 + 3 * LONG // length)
    alone: dict[str, tuple[JsonValue, tuple[Repair, ...]]] = {}
    for record in each:
        answer = recover_json(record).unwrap()
        alone[record] = answer.value, answer.repairs
    starts = accumulate((len(record) + 2 for record in many), initial=1)
    answer = recover_json("[" + ", ".join(many) + "]").unwrap()
    assert answer.value == [alone[record][0] for record in many]
    assert list(answer.repairs) == [
        Repair(kind, offset + start)
        for record, start in zip(many, starts, strict=False)
        for kind, offset in alone[record][1]
    ]
