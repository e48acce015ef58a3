"""A schema in the form that providers hold a model to."""

from __future__ import annotations

import pytest

from llm_manager.domain.request import JsonObject, JsonSchema
from llm_manager.policies.strict_schema import answer_format, is_object, keywords

INTEGER = {"type": "integer"}


def test_a_schema_whose_fields_are_all_required_is_closed_and_strict() -> None:
    schema = {"type": "object", "properties": {"a": INTEGER}, "required": ["a"]}
    closed = {**schema, "additionalProperties": False}
    assert answer_format(schema, "mine") == JsonSchema(schema=closed, name="mine", strict=True)
    assert answer_format(schema).name == "answer"


def test_a_schema_is_closed_at_every_depth_and_what_it_says_itself_stays() -> None:
    closed = {"type": "object", "properties": {"a": INTEGER}, "required": ["a"], "additionalProperties": False}
    leaf = {"type": "object", "properties": {"a": INTEGER}, "required": ["a"]}
    open_ = {**leaf, "additionalProperties": True}
    schema = {
        "type": "object",
        "properties": {
            "any": {"anyOf": [leaf, {"type": "null"}]},
            "many": {"type": "array", "items": leaf},
            "o": open_,
        },
        "required": ["any", "many", "o"],
    }
    assert answer_format(schema).schema == {
        "type": "object",
        "properties": {
            "any": {"anyOf": [closed, {"type": "null"}]},
            "many": {"type": "array", "items": closed},
            "o": open_,
        },
        "required": ["any", "many", "o"],
        "additionalProperties": False,
    }


def test_only_an_object_that_names_its_properties_is_closed() -> None:
    anything, no_object = {"type": "object"}, {"type": "array", "properties": {"a": INTEGER}}
    schema = {"type": "object", "properties": {"x": anything, "y": no_object}, "required": ["x", "y"]}
    assert answer_format(schema).schema["properties"] == {"x": anything, "y": no_object}


OPTIONAL: JsonObject = {"type": "object", "properties": {"a": INTEGER}}
OPEN: JsonObject = {**OPTIONAL, "required": ["a"], "additionalProperties": {"type": "string"}}
CLOSED: JsonObject = {**OPTIONAL, "required": ["a"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        (OPTIONAL, False),
        (OPEN, False),
        ({"type": "object", "properties": {"a": CLOSED}, "required": ["a"]}, True),
        ({"type": "object", "properties": {"a": OPTIONAL}, "required": ["a"]}, False),
        ({"type": "array", "items": {"anyOf": [CLOSED, OPTIONAL]}}, False),
        ({"type": "array", "items": {"anyOf": [CLOSED, OPEN]}}, False),
        ({"type": "array", "items": {"anyOf": [CLOSED, {"type": "null"}]}}, True),
        ({"type": "object"}, True),
        ({"type": "object", "required": ["a"]}, False),
        ({"type": "array", "items": {"properties": {"a": INTEGER}}}, True),
    ],
)
def test_a_schema_is_strict_when_no_object_in_it_leaves_anything_open(schema: JsonObject, strict: bool) -> None:
    assert answer_format(schema).strict is strict


def test_a_schema_that_is_no_object_is_put_under_one() -> None:
    array, definitions = {"type": "array", "items": {"$ref": "#/$defs/A"}}, {"A": INTEGER}
    rooted = {
        "type": "object",
        "properties": {"value": array},
        "required": ["value"],
        "additionalProperties": False,
    }
    assert answer_format(array) == JsonSchema(schema=rooted, strict=True)
    defined = {**array, "$defs": definitions}
    assert answer_format(defined) == JsonSchema(schema={**rooted, "$defs": definitions}, strict=True)


def test_an_object_at_the_root_is_one_by_its_type() -> None:
    assert is_object({"type": "object"})
    assert not is_object({"type": "array"})
    assert not is_object({"anyOf": [{"type": "object"}]})


@pytest.mark.parametrize(
    ("schema", "used"),
    [
        ({"type": "integer", "minimum": 1}, {"type", "minimum"}),
        ({"items": {"minimum": 1}}, {"items", "minimum"}),
        ({"anyOf": [{"minimum": 1}, {"maxLength": 3}, {}]}, {"anyOf", "minimum", "maxLength"}),
        ({"properties": {"minimum": {"maximum": 1}, "a": {"pattern": "x"}}}, {"properties", "maximum", "pattern"}),
        ({"$defs": {"minimum": {}}, "definitions": {"minimum": {}}}, {"$defs", "definitions"}),
        (
            {"patternProperties": {"minimum": {}}, "dependentSchemas": {"minimum": {}}},
            {"patternProperties", "dependentSchemas"},
        ),
        ({"enum": [{"minimum": 1}], "const": {"minimum": 1}}, {"enum", "const"}),
        ({"default": {"minimum": 1}, "examples": [{"minimum": 1}]}, {"default", "examples"}),
    ],
)
def test_keywords_are_found_at_every_depth_and_names_and_values_are_none(schema: JsonObject, used: set[str]) -> None:
    assert keywords(schema) == used
