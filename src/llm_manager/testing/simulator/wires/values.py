"""What every wire does with values: reach into a request that may hold anything, and cut an answer into pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

Fields: TypeAlias = Mapping[str, object]

FRAGMENT = 7
"""Characters of a tool's arguments in one piece of a stream."""


def object_in(body: bytes) -> Fields | None:
    """The JSON object that *body* is, None if it is none."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return cast("Fields", value) if isinstance(value, dict) else None


def fields_in(fields: Fields, name: str) -> Fields:
    """The object under *name*, empty if there is none."""
    found = fields.get(name)
    return cast("Fields", found) if isinstance(found, dict) else {}


def rows_in(fields: Fields, name: str) -> Sequence[Fields]:
    """The objects in the list under *name*."""
    found = fields.get(name)
    rows = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Fields", row) for row in rows if isinstance(row, dict)]


def as_bytes(value: object) -> bytes:
    """*value* as JSON. Text is sent as UTF-8 and not as escapes."""
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half of a surrogate pair has no UTF-8, and an escape
        return json.dumps(value).encode()


def words(text: str) -> list[str]:
    """*text* word by word, each with the space behind it.

    >>> words("It scatters.")
    ['It ', 'scatters.']
    """
    return re.findall(r"[^ ]* |[^ ]+", text)


def fragments(text: str) -> list[str]:
    """*text* in pieces of a few characters."""
    return [text[start : start + FRAGMENT] for start in range(0, len(text), FRAGMENT)]


def keywords_of(schema: object) -> set[str]:
    """Every keyword of a JSON *schema*, at any depth."""
    if isinstance(schema, list):
        return {word for part in cast("list[object]", schema) for word in keywords_of(part)}
    if not isinstance(schema, dict):
        return set()
    found: set[str] = set()
    for name, part in cast("Fields", schema).items():
        found.add(name)
        if name in {"properties", "$defs"} and isinstance(part, dict):
            found |= {word for inner in cast("Fields", part).values() for word in keywords_of(inner)}
        elif name not in {"enum", "const", "default"}:
            found |= keywords_of(part)
    return found


def open_objects(schema: object) -> bool:
    """Does *schema* describe, at any depth, an object that may have other properties?"""
    if isinstance(schema, list):
        return any(open_objects(part) for part in cast("list[object]", schema))
    if not isinstance(schema, dict):
        return False
    fields = cast("Fields", schema)
    if fields.get("type") == "object" and fields.get("additionalProperties") is not False:
        return True
    return any(open_objects(part) for part in fields.values())
