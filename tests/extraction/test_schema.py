"""From a text to a value of a type."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum
from typing import Annotated, Literal, get_args

import pytest
from pydantic import BaseModel, Field, TypeAdapter
from returns.result import Failure, Success
from typing_extensions import TypedDict

from llm_manager.domain.errors import ExtractionFailed, SchemaMismatch
from llm_manager.domain.problem import Problem
from llm_manager.extraction import (
    Coercion,
    JsonValue,
    decode_text,
    extract_with_schema,
    json_schema,
    reask,
    validate,
    validate_text,
)
from llm_manager.extraction.coerce import CoercionKind, coerced
from llm_manager.extraction.extract import LONGEST_TEXT
from llm_manager.extraction.problems import shown


class Color(Enum):
    RED = "red"
    DARK_BLUE = "dark-blue"


class Item(BaseModel, extra="forbid"):
    name: str
    price: float
    color: Color = Color.RED
    tags: list[str] = []
    note: str | None = None


@dataclass(frozen=True)
class Trip:
    start: date
    stops: tuple[str, ...]


class Point(TypedDict):
    x: int
    y: int


class Wrapped(BaseModel):
    names: list[str]


class Node(BaseModel):
    value: int
    children: list[Node] = []


class Answer(BaseModel):
    verdict: Literal["yes", "no"]
    why: str | None


def test_a_value_of_any_type_is_read() -> None:
    assert extract_with_schema('{"name": "x", "price": 1}', Item) == Success(Item(name="x", price=1))
    assert extract_with_schema("{'start': '2024-05-01', 'stops': ('a', 'b')}", Trip) == Success(
        Trip(date(2024, 5, 1), ("a", "b"))
    )
    assert extract_with_schema('so {"x": 1, "y": 2}', Point) == Success({"x": 1, "y": 2})
    assert extract_with_schema("```json\n[1, 2]\n```", list[int]) == Success([1, 2])
    assert extract_with_schema("42", TypeAdapter[int | str](int | str)) == Success(42)
    assert extract_with_schema('"red"', Color) == Success(Color.RED)


def test_no_value_and_a_wrong_value_are_different_failures() -> None:
    assert extract_with_schema("no", Item) == Failure(ExtractionFailed("no", "not_found", "no JSON value in the text"))
    text = '{"name": 1, "cost": 2, "color": "green"}'
    problems = (
        Problem("name", "found 1; wanted a valid string"),
        Problem("price", "is missing; a value is required"),
        Problem("color", "found \"green\"; wanted 'red' or 'dark-blue'"),
        Problem("cost", "is not a known field; leave it out"),
    )
    assert extract_with_schema(text, Item) == Failure(
        SchemaMismatch(text, problems, "; ".join(str(problem) for problem in problems))
    )


def test_a_string_without_json_in_it_stays_a_string() -> None:
    assert extract_with_schema('"hello"', list[int]).failure().tag == "SchemaMismatch"
    assert extract_with_schema('"hello"', list[int], coerce=True).failure().tag == "SchemaMismatch"


def test_a_text_too_long_is_refused_before_it_is_read() -> None:
    assert extract_with_schema("[" + " " * LONGEST_TEXT, list[int]).failure().tag == "ExtractionFailed"


def test_a_reask_has_one_short_line_for_each_problem() -> None:
    values: list[JsonValue] = [{"x": "a" * 500}] * 30
    problems = validate(values, list[dict[str, int]]).failure()
    lines = reask(problems).splitlines()
    assert len(lines) == 22
    assert max(map(len, lines)) <= 220
    assert lines[-1] == "- and 10 more problems"


def test_what_was_found_is_shown_in_a_few_characters() -> None:
    assert [shown("x"), shown([1] * 99)[-5:], shown(object()), len(shown("y" * 99))] == ['"x"', "1, 1…", "a object", 61]


def test_values_and_texts_are_validated_in_json_mode() -> None:
    assert validate({"start": "2024-05-01", "stops": []}, Trip) == Success(Trip(date(2024, 5, 1), ()))
    assert validate_text('{"x": 1, "y": 2}', Point) == Success({"x": 1, "y": 2})
    assert validate_text("{", Point).failure()[0].path == ""
    assert validate("\ud83d", str).failure()[0].message.startswith("cannot be written as JSON")


def test_the_json_schema_is_what_a_provider_is_sent() -> None:
    assert json_schema(Point) == {
        "properties": {"x": {"title": "X", "type": "integer"}, "y": {"title": "Y", "type": "integer"}},
        "required": ["x", "y"],
        "title": "Point",
        "type": "object",
    }
    assert json_schema(Annotated[int, Field(json_schema_extra={"examples": [1]}), []]) == {  # type: ignore[arg-type]  # a type that cannot be hashed
        "examples": [1],
        "type": "integer",
    }


@pytest.mark.parametrize(
    ("text", "schema", "value", "coercions"),
    [
        ('{"names": "Ada"}', Wrapped, Wrapped(names=["Ada"]), (Coercion("list_of_one", "names"),)),
        ('["Ada"]', Wrapped, Wrapped(names=["Ada"]), (Coercion("wrapped_field", ""),)),
        (
            '{"name": ["x"], "price": "$1,234.50", "color": "Dark Blue"}',
            Item,
            Item(name="x", price=1234.5, color=Color.DARK_BLUE),
            (Coercion("only_item", "name"), Coercion("number_in_text", "price"), Coercion("enum_by_case", "color")),
        ),
        (
            '{"verdict": "YES"}',
            Answer,
            Answer(verdict="yes", why=None),
            (Coercion("enum_by_case", "verdict"), Coercion("null_for_missing", "why")),
        ),
        (
            '{"value": 1, "children": {"value": "2 000"}}',
            Node,
            Node(value=1, children=[Node(value=2000)]),
            (Coercion("list_of_one", "children"), Coercion("number_in_text", "children.0.value")),
        ),
    ],
)
def test_every_coercion_is_opted_in_and_listed(
    text: str, schema: type[BaseModel], value: BaseModel, coercions: tuple[Coercion, ...]
) -> None:
    assert extract_with_schema(text, schema).failure().tag == "SchemaMismatch"
    decoded = decode_text(text, schema, coerce=True).unwrap()
    assert decoded.value == value
    assert sorted(map(str, decoded.coercions)) == sorted(map(str, coercions))


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "x", "price": "4.5 stars"}',
        '{"name": "x", "price": 1, "color": "a red one"}',
        '{"name": null, "price": 1}',
    ],
)
def test_a_coercion_never_guesses(text: str) -> None:
    assert extract_with_schema(text, Item, coerce=True).failure().tag == "SchemaMismatch"


def test_of_several_candidates_the_cheapest_coercion_wins() -> None:
    text = 'First {"x": "1", "y": ["2"]}, or {"x": "$1", "y": 5} then {"z": 1}'
    assert decode_text(text, Point, coerce=True).unwrap().value == {"x": 1, "y": 5}


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({"a": 1}, {"properties": {"b": {"type": "string"}}, "required": ["b"]}),
        ("1.5", {"type": "integer"}),
        ("maybe", {"const": "yes"}),
        ([1, 2], {"type": "integer"}),
        (None, {"type": "array"}),
        (True, {"type": "boolean"}),
        (["x"], {"type": "integer"}),
        (1.5, {"anyOf": [{"type": "null"}, {"type": "number"}]}),
        (1, {"type": "number"}),
    ],
)
def test_what_no_rule_applies_to_stays_as_it_is(value: JsonValue, schema: dict[str, object]) -> None:
    assert coerced(value, schema) == (value, ())


def test_coercion_ends_where_references_go_round() -> None:
    deep: JsonValue = "1"
    for _ in range(100):
        deep = {"n": deep}
    loop = {"$ref": "#/$defs/N", "$defs": {"N": {"$ref": "#/$defs/N"}}}
    assert coerced("x", loop) == ("x", ())
    tree = {"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}}}
    assert coerced(deep, tree) == (deep, ())


class Palette(Enum):
    RED = "#f00"
    DARK_BLUE = "#00f"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@pytest.mark.parametrize(
    ("text", "schema", "value", "kind"),
    [
        ('"dark blue"', Palette, Palette.DARK_BLUE, "enum_by_name"),
        ('"#F00"', Palette, Palette.RED, "enum_by_case"),
        ('"high"', Level, Level.HIGH, "enum_by_name"),
    ],
)
def test_a_member_of_an_enum_is_known_by_value_and_by_name(
    text: str, schema: type[Enum], value: Enum, kind: str
) -> None:
    assert isinstance(decode_text(text, schema).failure(), SchemaMismatch)
    decoded = decode_text(text, schema, coerce=True).unwrap()
    assert (decoded.value, [each.kind for each in decoded.coercions]) == (value, [kind])


def test_every_coercion_can_be_explained() -> None:
    kinds = get_args(CoercionKind)
    assert len({Coercion(kind, "a").said for kind in kinds}) == len(kinds)


def test_a_schema_does_not_hide_that_a_part_was_not_read() -> None:
    text = "[" * 300 + "]" * 300 + ' and {"a": 1}'
    assert decode_text(text, dict[str, int]).unwrap().source.confidence == "guessed"
