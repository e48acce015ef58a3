"""Reading a value while it is being written."""

from __future__ import annotations

import json

import pytest

from llm_manager.extraction import JsonValue, PartialJson, Path, extract_json


def views(*chunks: str) -> list[str]:
    partial, seen = PartialJson(), list[str]()
    for chunk in chunks:
        partial.feed(chunk)
        seen.append(json.dumps(partial.value) if partial.started else "-")
    return seen


def fed(text: str) -> PartialJson:
    partial = PartialJson()
    for character in text:
        partial.feed(character)
    return partial


def test_keys_numbers_and_literals_appear_whole_and_strings_grow() -> None:
    assert views('{"a', '": 1', "2", ', "b": tr', 'ue, "c": "x', 'y"', "}") == [
        "{}",
        "{}",
        "{}",
        '{"a": 12}',
        '{"a": 12, "b": true, "c": "x"}',
        '{"a": 12, "b": true, "c": "xy"}',
        '{"a": 12, "b": true, "c": "xy"}',
    ]


def test_an_escape_appears_when_all_of_it_is_there() -> None:
    assert views('["a\\', "u00", "e9\\ud83d", "\\ude00", "\\n", '"]') == [
        '["a"]',
        '["a"]',
        '["a\\u00e9"]',
        '["a\\u00e9\\ud83d\\ude00"]',
        '["a\\u00e9\\ud83d\\ude00\\n"]',
        '["a\\u00e9\\ud83d\\ude00\\n"]',
    ]


FINISHED: list[tuple[str, JsonValue]] = [
    ('Sure [1] {name}: {"a": [1, {"b": null}], "c": {}} done', {"a": [1, {"b": None}], "c": {}}),
    ('<think>{"x": 1}</think>[{"a": 1}]', [{"a": 1}]),
    ("```json\n[1, 2, 3]\n```", [1, 2, 3]),
    ('a < b <i> {"a": "x",}', {"a": "x"}),
    ('The list: ["x", [true, false]]', ["x", [True, False]]),
    ('{"\\u0061\\n": 1}', {"a\n": 1}),
    ("[]", []),
    ("[{}, []]", [{}, []]),
    ('{"a": "\\ud83dx", "b": 1.5e3}', {"a": "\ufffdx", "b": 1500.0}),
]


@pytest.mark.parametrize(("text", "value"), FINISHED)
def test_a_finished_value_is_seen_before_the_end(text: str, value: JsonValue) -> None:
    partial = fed(text)
    assert (partial.value, partial.complete, partial.open_path) == (value, True, None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1 "b": 2}', {}),
        ('{"a": "x "y" z", "b": 1}', {"a": "x "}),
        ('{"a": 1, "a": 2}', {"a": 1}),
        ('{"a": 1, b: 2}', {}),
        ('{"a": [1, 2}, "b": 3}', {"a": [1]}),
        ('{"a": {"b": 1}, c: 2}', {"a": {"b": 1}}),
        ('{"a": {"b": 1} "c": 2}', {"a": {"b": 1}}),
        ('{"a": 1,234, "b": 1}', {}),
        ('{"a": [{"b": 1}, x]}', {"a": [{"b": 1}]}),
        ('{"\\ud83d": 1}', {}),
        ("{'a': {\"b\": 1}}", None),
        ("{a: [[1]]}", None),
        ("['x', [\"y\"]]", None),
        ("[{a: 1}]", None),
        ("just prose [x] {y} and more", None),
        ("a <b", None),
        ("[ \n", None),
        ('{"a": ' + "1" * 5000, {}),
    ],
)
def test_the_view_stands_still_where_the_text_stops_being_json(text: str, value: JsonValue) -> None:
    partial = fed(text)
    partial.feed("more")
    assert (partial.value, partial.complete) == (value, False)


def test_too_deep_a_text_stands_still() -> None:
    partial = PartialJson()
    partial.feed('{"a": ' * 300)
    assert partial.started
    assert not partial.complete
    assert partial.close().failure().kind == "too_deep"


def test_closing_says_what_the_whole_text_says() -> None:
    text = "Here: {'a': 1, b: [1, 2"
    assert fed(text).close() == extract_json(text)


def test_a_path_is_final_when_nothing_can_change_it() -> None:
    partial = PartialJson()
    assert not partial.is_final()
    partial.feed('{"a": {"b": [1, 2]}, "c": "x')
    assert partial.open_path == ("c",)
    assert [partial.is_final(*path) for path in ((), ("a",), ("a", "b", 1), ("c",), ("a", 0), ("a", "b", 5))] == [
        False,
        True,
        True,
        False,
        False,
        False,
    ]
    paths: list[Path | None] = []
    for chunk in ('y", ', '"', 'd": [1', "]}"):
        partial.feed(chunk)
        paths.append(partial.open_path)
    assert paths == [("c",), (), ("d",), None]
    assert partial.is_final()


def test_the_work_of_many_small_pieces_is_linear() -> None:
    text = json.dumps({"long": "word " * 40_000, "items": list(range(5_000))})
    partial = PartialJson()
    for start in range(0, len(text), 7):
        partial.feed(text[start : start + 7])
    assert partial.value == json.loads(text)
