"""A sample satisfies the schema it was made for; another library is the judge."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from llm_manager.testing.simulator.samples import sample

RECURSIVE: dict[str, Any] = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name", "next", "children"],
        }
    },
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {},
        {"const": 5},
        {"enum": ["a", "b"]},
        {"type": ["null", "string"]},
        {"type": "boolean"},
        {"type": "integer", "minimum": 3},
        {"type": "integer", "exclusiveMinimum": 3},
        {"type": "integer", "minimum": 2.5, "maximum": 3.5},
        {"type": "integer", "maximum": -3},
        {"type": "integer", "exclusiveMaximum": 0},
        {"type": "integer", "minimum": 1, "multipleOf": 7},
        {"type": "integer", "maximum": -1, "multipleOf": 7},
        {"type": "integer", "minimum": -9, "maximum": 9, "exclusiveMinimum": -1},
        {"type": "number", "minimum": 0.25, "maximum": 0.25},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "minimum": 10},
        {"type": "number", "maximum": -10},
        {"type": "number", "multipleOf": 0.5, "minimum": 0.7},
        {"minimum": 4},
        {"type": "string", "minLength": 20},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "date-time"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"type": "string", "maxLength": 3}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2, "uniqueItems": True},
        {"type": "array", "items": {"type": "number"}, "minItems": 2, "uniqueItems": True},
        {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}, "minItems": 2, "uniqueItems": True},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "uniqueItems": True},
        {"type": "array", "maxItems": 0},
        {"items": {"type": "null"}},
        {"prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        {"properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
        {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
        {
            "allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"required": ["b"]}],
            "type": "object",
        },
        {"anyOf": [{"type": "integer"}, {"type": "string"}]},
        {"oneOf": [{"properties": {"kind": {"const": "a"}}, "required": ["kind"]}], "type": "object"},
        {"oneOf": [True]},
        {"$defs": {"a/b": {"type": "integer"}}, "$ref": "#/$defs/a~1b", "minimum": 5},
        RECURSIVE,
    ],
    ids=str,
)
def test_a_sample_satisfies_its_schema(schema: Any) -> None:
    jsonschema.validate(sample(schema), schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (False, "no value is valid"),
        ({"type": "integer", "minimum": 2, "maximum": 3, "multipleOf": 7}, "no multiple of 7"),
        ({"type": "tensor"}, "no type of JSON"),
        ({"properties": {"self": {"$ref": "#"}}, "required": ["self"]}, "without end"),
    ],
)
def test_a_schema_that_nothing_satisfies_is_named(schema: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        sample(schema)
