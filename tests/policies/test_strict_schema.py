"""A schema in the form that providers hold a model to."""

from __future__ import annotations

from llm_manager.policies.strict_schema import answer_format


def test_a_schema_whose_fields_are_all_required_is_closed_and_strict() -> None:
    asked = answer_format({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})
    assert asked.strict
    assert asked.schema["additionalProperties"] is False


def test_a_schema_with_an_optional_field_is_not_called_strict() -> None:
    assert not answer_format({"type": "object", "properties": {"a": {"type": "integer"}}}).strict


def test_a_schema_that_is_no_object_is_put_under_one() -> None:
    asked = answer_format({"type": "array", "items": {"$ref": "#/$defs/A"}, "$defs": {"A": {"type": "integer"}}})
    assert asked.schema["properties"] == {"value": {"type": "array", "items": {"$ref": "#/$defs/A"}}}
    assert asked.schema["$defs"] == {"A": {"type": "integer"}}
    assert answer_format({"type": "boolean"}).strict
