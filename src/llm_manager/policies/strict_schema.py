"""A JSON schema in the form that providers hold a model to.

OpenAI's strict mode wants an object at the root, ``additionalProperties: false`` and every property required
("Structured model outputs", checked 2026-11-21). What a schema leaves open is closed where that changes nothing; where
it would, the schema is sent as it is and not called strict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from llm_manager.domain.request import JsonObject, JsonSchema

WRAPPED = "value"
"""The property that holds a value whose schema is no object."""


def answer_format(schema: JsonObject, name: str = "answer") -> JsonSchema:
    """How to ask for a value of *schema*, under an object if it is none itself."""
    rooted = schema if is_object(schema) else _under_object(schema)
    return JsonSchema(schema=cast("JsonObject", _closed(rooted)), name=name, strict=_is_strict(rooted))


def is_object(schema: JsonObject) -> bool:
    """Does *schema* describe an object, as it stands at the root of an answer?"""
    return schema.get("type") == "object"


def _under_object(schema: JsonObject) -> JsonObject:
    inner = {key: part for key, part in schema.items() if key != "$defs"}
    rooted = {"type": "object", "properties": {WRAPPED: inner}, "required": [WRAPPED]}
    return {**rooted, "$defs": schema["$defs"]} if "$defs" in schema else rooted


def _parts(schema: object) -> list[object]:
    """Everything inside *schema*, itself first."""
    if isinstance(schema, Mapping):
        inside = list(cast("Mapping[str, object]", schema).values())
    else:
        inside = list(cast("list[object]", schema)) if isinstance(schema, list) else []
    return [schema, *(part for each in inside for part in _parts(each))]


def _is_strict(schema: JsonObject) -> bool:
    parts = [cast("JsonObject", part) for part in _parts(schema) if isinstance(part, Mapping)]
    objects = [part for part in parts if part.get("type") == "object"]
    return all(
        set(part.get("required", ())) == set(part.get("properties", {})) and not part.get("additionalProperties")
        for part in objects
    )


def keywords(schema: object) -> frozenset[str]:
    """Every keyword that *schema* uses, at any depth; the names of properties are none.

    >>> sorted(keywords({"type": "object", "properties": {"minimum": {"type": "integer", "maximum": 9}}}))
    ['maximum', 'properties', 'type']
    """
    found: set[str] = set()
    if isinstance(schema, list):
        for part in cast("list[object]", schema):
            found |= keywords(part)
    elif isinstance(schema, Mapping):
        for key, part in cast("Mapping[str, object]", schema).items():
            found.add(key)
            if key in _NAMED and isinstance(part, Mapping):
                found |= keywords(list(cast("Mapping[str, object]", part).values()))
            elif key not in _VALUES:
                found |= keywords(part)
    return frozenset(found)


_NAMED = ("properties", "$defs", "definitions", "patternProperties", "dependentSchemas")
"""Under these stand names, and a schema for each."""

_VALUES = ("enum", "const", "default", "examples")
"""Under these stand values and no schemas."""


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(part) for part in cast("list[object]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    fields = {key: _closed(part) for key, part in cast("JsonObject", schema).items()}
    if fields.get("type") == "object" and "properties" in fields:
        fields.setdefault("additionalProperties", False)
    return fields
