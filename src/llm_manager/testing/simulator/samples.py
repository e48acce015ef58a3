"""The smallest value that a JSON schema allows: what a simulated model answers when it is held to one."""

from __future__ import annotations

from typing import Any


def sample(schema: Any, root: Any = None) -> Any:
    """A value for *schema*; references into *root* are followed."""
    root = schema if root is None else root
    if "$ref" in schema:
        return sample(_resolved(schema["$ref"], root), root)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return sample(schema[key][0], root)
    return _of_type(schema, root)


def _resolved(reference: str, root: Any) -> Any:
    for step in reference.removeprefix("#/").split("/"):
        root = root[step]
    return root


def _of_type(schema: Any, root: Any) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    match kind if isinstance(kind, str) else kind[0]:
        case "object":
            return {name: sample(each, root) for name, each in schema.get("properties", {}).items()}
        case "array":
            return [sample(schema.get("items", {}), root)] * max(schema.get("minItems", 1), 1)
        case "integer":
            return int(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
        case "number":
            return float(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 0.5))
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "sample".ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", 1000)]
