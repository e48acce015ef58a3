"""Bending a value towards a schema, where the caller opted in: every bend is listed, with what it costs.

The rule: a coercion may change the form of what was said, never guess at its meaning. ``"1,234"`` is a number where one
is wanted; ``"4.5 stars"`` is not, and no word is searched for inside a longer text. A rule is one function in
``_RULES``: it answers with the bent value, or None when it has nothing to say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from llm_manager.extraction.extracted import JsonValue

CoercionKind: TypeAlias = Literal[
    "list_of_one", "only_item", "number_in_text", "enum_by_case", "enum_by_name", "wrapped_field", "null_for_missing"
]
JsonSchemaObject: TypeAlias = Mapping[str, Any]

_COSTS: Final[dict[CoercionKind, int]] = {
    "enum_by_case": 1,
    "enum_by_name": 1,
    "null_for_missing": 1,
    "number_in_text": 2,
    "list_of_one": 2,
    "only_item": 3,
    "wrapped_field": 3,
}
_NUMBER: Final = re.compile(
    r"\s*+([+-]?)\s?+[$€£¥]?\s?+"
    r"([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?:[ _'\u00a0\u2009\u202f][0-9]{3})+|[0-9]{1,300}+)(\.[0-9]{1,300}+)?"
    r"\s?+[$€£¥]?\s*+"
)
_DEEPEST: Final = 64
ENUM_NAMES: Final = "x-enum-varnames"
"""Where a schema names the members of an enum, as OpenAPI generators do: a second word for each value."""


@dataclass(frozen=True, slots=True)
class Coercion:
    """One bend at *path*, a dotted path into the value."""

    kind: CoercionKind
    path: str

    @property
    def cost(self) -> int:
        """How much was taken for granted; of two candidates the cheaper one wins."""
        return _COSTS[self.kind]

    @property
    def said(self) -> str:
        """What was done, in words, for people."""
        return _SAID[self.kind]


_SAID: Final[dict[CoercionKind, str]] = {
    "enum_by_case": "took a word for the one that differs in case, spaces or dashes alone",
    "enum_by_name": "took the name of a member for its value",
    "list_of_one": "made a list of a single value",
    "null_for_missing": "read what was left out, and may be null, as null",
    "number_in_text": "read a text as the number it spells",
    "only_item": "took the only item out of a list",
    "wrapped_field": "put a bare value into the only field of its object",
}


class Bent(NamedTuple):
    """A value after coercion, and what was done to it."""

    value: JsonValue
    coercions: tuple[Coercion, ...]


def coerced(value: JsonValue, schema: JsonSchemaObject) -> Bent:
    """*value* bent towards a JSON schema as far as the rules go; it may still not fit.

    >>> bent = coerced({"tags": "red"}, {"properties": {"tags": {"type": "array"}}})
    >>> bent.value, bent.coercions
    ({'tags': ['red']}, (Coercion(kind='list_of_one', path='tags'),))
    """
    bends: list[Coercion] = []
    return Bent(_bend(value, schema, _Bending(schema, bends), ""), tuple(bends))


class _Bending(NamedTuple):
    root: JsonSchemaObject
    bends: list[Coercion]

    def note(self, kind: CoercionKind, path: str) -> None:
        self.bends.append(Coercion(kind, path))


def _bend(value: JsonValue, schema: JsonSchemaObject, work: _Bending, path: str) -> JsonValue:
    if path.count(".") > _DEEPEST:
        return value
    schema = _resolved(schema, work.root)
    for option in _options(schema):
        if _fits_shape(value, _resolved(option, work.root)):
            return _inside(value, _resolved(option, work.root), work, path)
    for option in _options(schema):
        resolved = _resolved(option, work.root)
        for rule in _RULES:
            before = len(work.bends)
            bent = rule(value, resolved, work, path)
            if bent is not None:
                return bent.value
            del work.bends[before:]
    return value


def _resolved(schema: JsonSchemaObject, root: JsonSchemaObject) -> JsonSchemaObject:
    for _ in range(_DEEPEST):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
            break
        schema = cast("JsonSchemaObject", root.get("$defs", {}).get(reference.removeprefix("#/$defs/"), {}))
    return schema


def _options(schema: JsonSchemaObject) -> list[JsonSchemaObject]:
    return cast("list[JsonSchemaObject]", schema.get("anyOf") or schema.get("oneOf") or [schema])


def _type_name(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"


def _fits_shape(value: JsonValue, schema: JsonSchemaObject) -> bool:
    if "enum" in schema or "const" in schema:
        return value in schema.get("enum", [schema.get("const")])
    wanted = schema.get("type")
    if wanted is None:
        return "properties" not in schema or isinstance(value, dict)
    named = _type_name(value)
    if named != wanted and not (named == "integer" and wanted == "number"):
        return False
    return not isinstance(value, dict) or _is_tagged_so(value, schema)


def _is_tagged_so(value: dict[str, JsonValue], schema: JsonSchemaObject) -> bool:
    """Whether the fields of which the schema allows one value alone, such as the tag of a union, have it."""
    fields = cast("Mapping[str, JsonSchemaObject]", schema.get("properties", {}))
    return all(value.get(name, rule["const"]) == rule["const"] for name, rule in fields.items() if "const" in rule)


def _inside(value: JsonValue, schema: JsonSchemaObject, work: _Bending, path: str) -> JsonValue:
    dot = f"{path}." if path else ""
    if isinstance(value, list):
        places = cast("list[JsonSchemaObject]", schema.get("prefixItems", []))
        rest = _rule(schema.get("items"))
        return [
            _bend(item, places[index] if index < len(places) else rest, work, f"{dot}{index}")
            for index, item in enumerate(value)
        ]
    if isinstance(value, dict):
        known = cast("Mapping[str, JsonSchemaObject]", schema.get("properties", {}))
        rest = _rule(schema.get("additionalProperties"))
        bent = {key: _bend(item, known.get(key, rest), work, f"{dot}{key}") for key, item in value.items()}
        return _completed(bent, schema, known, work, dot)
    return value


def _rule(found: object) -> JsonSchemaObject:
    """The schema of what is not named; one that wants nothing where there is none."""
    return cast("JsonSchemaObject", found) if isinstance(found, Mapping) else {}


def _completed(
    value: dict[str, JsonValue],
    schema: JsonSchemaObject,
    known: Mapping[str, JsonSchemaObject],
    work: _Bending,
    dot: str,
) -> dict[str, JsonValue]:
    """Null for what is required but may be null and was left out."""
    for name in cast("list[str]", schema.get("required", [])):
        if name not in value and name in known:
            options = [_resolved(option, work.root) for option in _options(_resolved(known[name], work.root))]
            if any(option.get("type") == "null" for option in options):
                work.note("null_for_missing", f"{dot}{name}")
                value[name] = None
    return value


class _Said(NamedTuple):
    value: JsonValue


def _list_of_one(value: JsonValue, schema: JsonSchemaObject, work: _Bending, path: str) -> _Said | None:
    if schema.get("type") != "array" or isinstance(value, list) or value is None:
        return None
    work.note("list_of_one", path)
    return _Said(_inside([value], schema, work, path))


def _only_item(value: JsonValue, schema: JsonSchemaObject, work: _Bending, path: str) -> _Said | None:
    if not isinstance(value, list) or len(value) != 1 or schema.get("type") == "array":
        return None
    work.note("only_item", path)
    bent = _bend(value[0], schema, work, path)
    return _Said(bent) if _fits_shape(bent, schema) else None


def _number_in_text(value: JsonValue, schema: JsonSchemaObject, work: _Bending, path: str) -> _Said | None:
    if not isinstance(value, str) or schema.get("type") not in {"integer", "number"}:
        return None
    found = _NUMBER.fullmatch(value)
    if found is None or (found[3] and schema.get("type") == "integer") or _two_currencies(value):
        return None
    work.note("number_in_text", path)
    digits = found[1] + re.sub("[^0-9]", "", found[2])
    return _Said(float(digits + found[3]) if found[3] else int(digits))


def _two_currencies(text: str) -> bool:
    return sum(text.count(sign) for sign in "$€£¥") > 1


def _enum_by_case(value: JsonValue, schema: JsonSchemaObject, work: _Bending, path: str) -> _Said | None:
    if not isinstance(value, str) or not ("enum" in schema or "const" in schema):
        return None
    members = cast("list[JsonValue]", schema.get("enum", [schema.get("const")]))
    same = [member for member in members if isinstance(member, str) and _folded(member) == _folded(value)]
    names = cast("list[str]", schema.get(ENUM_NAMES, []))
    named = [member for name, member in zip(names, members, strict=False) if _folded(name) == _folded(value)]
    if len(same or named) != 1:
        return None
    work.note("enum_by_case" if same else "enum_by_name", path)
    return _Said((same or named)[0])


def _folded(word: str) -> str:
    return re.sub(r"[\s_-]+", "_", word.strip().casefold())


def _wrapped_field(value: JsonValue, schema: JsonSchemaObject, work: _Bending, path: str) -> _Said | None:
    """A bare value where an object with a single field is wanted."""
    properties = schema.get("properties")
    if isinstance(value, dict) or value is None or not isinstance(properties, Mapping):
        return None
    fields = cast("Mapping[str, JsonSchemaObject]", properties)
    if len(fields) != 1:
        return None
    [(name, rule)] = fields.items()
    holds_objects = isinstance(value, list) and any(isinstance(item, dict) for item in value)
    if holds_objects and _resolved(rule, work.root).get("type") != "array":
        return None
    work.note("wrapped_field", path)
    return _Said({name: _bend(value, rule, work, f"{path}.{name}" if path else name)})


_Rule: TypeAlias = Callable[[JsonValue, JsonSchemaObject, _Bending, str], _Said | None]
_RULES: Final[tuple[_Rule, ...]] = (_enum_by_case, _number_in_text, _wrapped_field, _only_item, _list_of_one)
