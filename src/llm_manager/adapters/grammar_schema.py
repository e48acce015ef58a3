r"""Schemas as llama.cpp makes a grammar of them, which the sampler cannot leave.

Of some patterns it makes none, and says so on standard error, whatever its log level: those that may begin or end
anywhere, and what its converter does not support (``\b``, ``\p``, looking around). Of a text that must be long it makes
a rule too large to read, and refuses the request. Both are left out here, so the grammar holds all the rest, and
whoever asked for a value of a type has it checked against the whole schema afterwards (xllamacpp 2026.10).
"""

from __future__ import annotations

import re
from typing import Any, Final

from llm_manager.adapters.dialects.json_values import as_list, as_object

LONGEST_REPEAT: Final = 2_000
"""Its grammar refuses a part that is repeated more often."""

_VALUES: Final = ("enum", "const", "default", "examples")
"""Under these stand values and no schemas."""

_TO_REPEAT: Final = ("minLength", "maxLength", "minItems", "maxItems")

_BEYOND: Final = re.compile(r"\\[^\\\[\](){}.*+?|^$/\-]|\(\?")
"""An escape that stands for more than its character (a class, a border, a reference back), or a group with a flag."""


def grammar_schema(schema: Any) -> Any:
    """*schema* without what no grammar is made of, at any depth.

    >>> grammar_schema({"properties": {"pattern": {"type": "string", "pattern": "abc"}}})
    {'properties': {'pattern': {'type': 'string'}}}
    >>> grammar_schema({"pattern": "^[a-z]{2,8}$", "minLength": 3000})
    {'pattern': '^[a-z]{2,8}$'}
    """
    if isinstance(schema, list):
        return [grammar_schema(part) for part in as_list(schema)]  # pyright: ignore[reportUnknownArgumentType]
    if not isinstance(schema, dict):
        return schema
    return {
        name: part if name in _VALUES else grammar_schema(part)
        for name, part in as_object(schema).items()  # pyright: ignore[reportUnknownArgumentType]
        if not _is_beyond(name, part)
    }


def _is_beyond(name: str, part: object) -> bool:
    """A property may have the name of a keyword: then its *part* is a schema, and neither text nor number."""
    if name == "pattern" and isinstance(part, str):
        return not (part.startswith("^") and part.endswith("$")) or _BEYOND.search(part) is not None
    return name in _TO_REPEAT and isinstance(part, int | float) and part > LONGEST_REPEAT
