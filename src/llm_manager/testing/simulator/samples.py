"""A value that a JSON schema allows: what a simulated model answers when it is held to one.

The rule: the same schema gives the same value, the value is valid, and it is small. A keyword is one function here.
A ``pattern`` cannot be turned into text without a dependency: a schema that uses one is answered from a script.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, cast

Schema: TypeAlias = Mapping[str, object]

_DEEP = 4
"""From this depth on only what is required is filled, so that a recursive schema has an end."""

_DEEPEST = 64

_FORMATS = {
    "date-time": "2026-01-02T03:04:05Z",
    "date": "2026-01-02",
    "time": "03:04:05Z",
    "duration": "PT1S",
    "email": "sample@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the value we are: under which *root* schema, how deep, and the how-manieth of equal neighbours."""

    root: object
    depth: int = 0
    turn: int = 0


def sample(schema: object) -> object:
    """The value for *schema*; ValueError if there is none or it has no end.

    >>> sample({"type": "object", "properties": {"sky": {"enum": ["blue", "grey"]}, "degrees": {"type": "integer"}}})
    {'sky': 'blue', 'degrees': 0}
    >>> sample({"type": "array", "items": {"type": "integer", "minimum": 3}, "minItems": 2, "uniqueItems": True})
    [3, 4]
    """
    return _value(schema, _Place(schema))


def _value(schema: object, place: _Place) -> object:
    if schema is True:
        return "sample"
    if not isinstance(schema, Mapping):
        raise ValueError(f"no value is valid for the schema {schema!r}")
    if place.depth > _DEEPEST:
        raise ValueError("the schema requires a value inside itself without end")
    flat = _flat(cast("Schema", schema), place.root)
    if "const" in flat:
        return flat["const"]
    if "enum" in flat:
        choices = cast("Sequence[object]", flat["enum"])
        return choices[place.turn % len(choices)]
    for keyword in ("anyOf", "oneOf"):
        if keyword in flat:
            return _either(cast("Sequence[object]", flat[keyword]), flat, keyword, place)
    return _typed(flat, place)


def _flat(schema: Schema, root: object) -> Schema:
    """*schema* with its reference and its ``allOf`` written out."""
    rest = {key: part for key, part in schema.items() if key not in {"$ref", "allOf"}}
    parts: list[object] = list(cast("Sequence[object]", schema.get("allOf", ())))
    if "$ref" in schema:
        parts.append(_referred(str(schema["$ref"]), root))
    for part in parts:
        rest = _merged(_flat(cast("Schema", part), root), rest)
    return rest


def _referred(reference: str, root: object) -> object:
    found = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = cast("Schema", found)[step.replace("~1", "/").replace("~0", "~")]
    return found


def _merged(one: Schema, two: Schema) -> dict[str, object]:
    merged = {**one, **two}
    if "properties" in one and "properties" in two:
        merged["properties"] = {**cast("Schema", one["properties"]), **cast("Schema", two["properties"])}
    if "required" in one and "required" in two:
        names = (*cast("Sequence[str]", one["required"]), *cast("Sequence[str]", two["required"]))
        merged["required"] = list(dict.fromkeys(names))
    return merged


def _either(options: Sequence[object], flat: Schema, keyword: str, place: _Place) -> object:
    """The first option, or far down the first that is shallow."""
    beside = {key: part for key, part in flat.items() if key != keyword}
    ordered = sorted(options, key=_is_nested) if place.depth >= _DEEP else options
    option = ordered[0]
    return _value(_merged(beside, cast("Schema", option)) if isinstance(option, Mapping) else option, place)


def _is_nested(schema: object) -> bool:
    return "$ref" in str(schema) or "object" in str(schema) or "array" in str(schema)


def _typed(schema: Schema, place: _Place) -> object:
    match _kind(schema):
        case "object":
            return _object(schema, place)
        case "array":
            return _array(schema, place)
        case "integer":
            return _integer(schema, place.turn)
        case "number":
            return _number(schema, place.turn)
        case "boolean":
            return place.turn % 2 == 0
        case "null":
            return None
        case "string":
            return _text(schema, place.turn)
        case unknown:
            raise ValueError(f"the schema names no type of JSON: {unknown!r}")


def _kind(schema: Schema) -> object:
    kind = schema.get("type")
    if isinstance(kind, list):
        return cast("list[object]", kind)[0]
    if kind is not None:
        return kind
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    return "number" if "minimum" in schema or "maximum" in schema else "string"


def _object(schema: Schema, place: _Place) -> dict[str, object]:
    properties = cast("Schema", schema.get("properties", {}))
    required = cast("Sequence[str]", schema.get("required", ()))
    names = required if place.depth >= _DEEP else [*properties, *(name for name in required if name not in properties)]
    others = schema.get("additionalProperties", True)
    missing = range(len(names), cast("int", schema.get("minProperties", 0)))
    below = replace(place, depth=place.depth + 1)
    filled = {name: _value(properties.get(name, others), below) for name in names}
    return filled | {f"sample_{index}": _value(others, below) for index in missing}


def _array(schema: Schema, place: _Place) -> list[object]:
    prefix = cast("Sequence[object]", schema.get("prefixItems", ()))
    wanted = 0 if place.depth >= _DEEP else max(1, len(prefix))
    least, most = cast("int", schema.get("minItems", 0)), cast("float", schema.get("maxItems", math.inf))
    count = int(min(max(wanted, least), most))
    items = [*prefix, *[schema.get("items", True)] * count][:count]
    return [_value(item, replace(place, depth=place.depth + 1, turn=turn)) for turn, item in enumerate(items)]


def _integer(schema: Schema, turn: int) -> int:
    return round(_multiple(schema, cast("int", schema.get("multipleOf", 1)), turn))


def _multiple(schema: Schema, step: float, turn: int) -> float:
    """The multiple of *step* within bounds that is nearest to zero, or the *turn*-th after it."""
    low, high = _bounds(schema)
    first = math.ceil(low / step) if low > 0 else math.floor(min(high, 0) / step)
    onward = -1 if high <= 0 else 1
    found = [value for n in range(turn + 2) if _is_within(schema, value := (first + n * onward) * step)]
    if not found:
        raise ValueError(f"no multiple of {step} lies within the bounds of {dict(schema)!r}")
    return found[turn % len(found)]


def _number(schema: Schema, turn: int) -> float:
    if "multipleOf" in schema:
        return _multiple(schema, cast("float", schema["multipleOf"]), turn)
    low, high = _bounds(schema)
    if math.isinf(high):
        return 0.5 + turn if math.isinf(low) else low + 0.5 + turn
    if low == high:
        return low
    return high - 0.5 - turn if math.isinf(low) else low + (high - low) / (turn + 2)


def _bounds(schema: Schema) -> tuple[float, float]:
    low = max(cast("float", schema.get(key, -math.inf)) for key in ("minimum", "exclusiveMinimum"))
    high = min(cast("float", schema.get(key, math.inf)) for key in ("maximum", "exclusiveMaximum"))
    return low, high


def _is_within(schema: Schema, value: float) -> bool:
    low, high = _bounds(schema)
    return low <= value <= high and value not in {schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")}


def _text(schema: Schema, turn: int) -> str:
    known = _FORMATS.get(str(schema.get("format")))
    if known is not None:
        return known
    text = f"sample {turn}" if turn else "sample"
    least, most = cast("int", schema.get("minLength", 0)), cast("int | None", schema.get("maxLength"))
    return text.ljust(least, ".")[:most] if turn == 0 or most is None else text.rjust(least, ".")[-most:]
