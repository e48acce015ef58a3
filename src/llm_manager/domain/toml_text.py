"""The text of a TOML file as data, or in words why it is none; in time that grows with its length and no faster."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Final, cast

from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome

MAX_BYTES: Final = 1024 * 1024
"""The largest file that is read: a configuration of ten thousand models is smaller."""

MAX_PARTS: Final = 32
"""The most parts of a dotted name, and the deepest nesting of tables."""

_PART: Final = r"""(?:[\w-]++|"(?:[^"\\\n]|\\.){0,64}+"|'[^'\n]{0,64}+')[ \t]{0,9}+\.[ \t]{0,9}+"""
_LONG_NAME: Final = re.compile(rf"""(?<![\w"'-])(?:{_PART}){{{MAX_PARTS}}}""")
"""Names for which Python's reader of TOML is slow. Text that looks like one is refused too."""


def parsed_toml(text: str) -> Outcome[Mapping[str, object], str]:
    """What *text* says; fails with what is wrong with it.

    >>> parsed_toml("[retry]\\nmax_retries = 3")
    <Success: {'retry': {'max_retries': 3}}>
    >>> parsed_toml("retry =")
    <Failure: is not TOML: Invalid value (at end of document)>
    """
    if len(text) > MAX_BYTES:
        return Failure(f"is longer than {MAX_BYTES:,} characters")
    if _LONG_NAME.search(text):
        return Failure(f"has a name of more than {MAX_PARTS} parts with dots between them")
    try:
        tree = tomllib.loads(text)
    except ValueError as bad:  # tomllib's own, and that of Python's reader of numbers
        return Failure(f"is not TOML: {bad}")
    except RecursionError:
        return Failure("is TOML nested too deep")
    return Failure("is TOML nested too deep") if _is_deep(tree) else Success(tree)


def _is_deep(tree: Mapping[str, object]) -> bool:
    tables: list[object] = [tree]
    for _ in range(MAX_PARTS):
        tables = [inner for table in tables for inner in _tables(table)]
        if not tables:
            return False
    return True


def _tables(value: object) -> list[object]:
    inside: list[object] = []
    if isinstance(value, dict):
        inside = list(cast("dict[str, object]", value).values())
    elif isinstance(value, list):
        inside = cast("list[object]", value)
    return [each for each in inside if isinstance(each, dict | list)]
