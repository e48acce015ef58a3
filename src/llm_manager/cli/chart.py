"""Numbers over time as rows of blocks: a column for each part of the time, one scale for what is to be compared."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, TextIO, TypeAlias

from llm_manager.domain.sanitize import escape_control_chars

Colour: TypeAlias = Literal["plain", "bold", "dim", "red", "green", "yellow"]

_CODES: Final[Mapping[Colour, str]] = {"plain": "", "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}

Paint: TypeAlias = Callable[[str, Colour], str]
"""Text in a colour, or as it is."""

BLOCKS, LETTERS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"
"""Eight heights above nothing; the second is for terminals that have no blocks."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a chart: what it is called, its numbers, the number that is as high as a line, and what to say at
    its end."""

    name: str
    numbers: Sequence[float]
    full: float
    remark: str = ""
    colour: Colour = "plain"


def paint_for(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Paint:
    """Colours where a person looks at a terminal that has some (https://no-color.org)."""
    if not stream.isatty() or environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return lambda text, _colour: text
    return lambda text, colour: f"\033[{_CODES[colour]}m{text}\033[0m" if _CODES[colour] and text.strip() else text


def ramp_for(stream: TextIO) -> str:
    """The heights that *stream* can write."""
    try:
        BLOCKS.encode(stream.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return LETTERS
    return BLOCKS


def chart(rows: Sequence[Row], ends_s: float, ramp: str, paint: Paint) -> str:
    """The *rows* over the same time, which begins at 0 and ends at *ends_s*."""
    rows = [replace(row, name=escape_control_chars(row.name)) for row in rows]
    names = max((len(row.name) for row in rows), default=0)
    lines = [f"{'':{names}}  {axis(len(rows[0].numbers), ends_s)}".rstrip()] if rows else []
    for row in rows:
        drawn = paint(bar(row.numbers, row.full, ramp), row.colour)
        lines.append(f"{row.name:{names}}  {drawn}  {row.remark}".rstrip())
    return "\n".join(lines)


def bar(numbers: Sequence[float], full: float, ramp: str = BLOCKS) -> str:
    """*numbers* as heights of which the highest is *full*; only nothing looks like nothing.

    >>> bar([0, 1, 50, 100], 100)
    ' ▁▄█'
    """
    top = len(ramp) - 1

    def height(number: float) -> int:
        return 0 if number <= 0 else min(max(int(number / full * top + 0.5), 1), top)

    return "".join(ramp[height(number)] for number in numbers)


def axis(columns: int, ends_s: float) -> str:
    """The time under which each quarter of the *columns* begins, and the end.

    >>> axis(24, 86400.0)
    '0s    6h    12h   18h   24h'
    """
    quarter = columns // 4
    marks = (span(ends_s * part / 4).ljust(quarter) for part in range(4))
    return "".join(marks) + span(ends_s)


def span(seconds: float) -> str:
    """A time as scenarios write it, to the second.

    >>> span(0), span(0.25), span(90), span(5400), span(86400), span(32516.7)
    ('0s', '250ms', '1m30s', '1h30m', '24h', '9h1m57s')
    """
    if 0 < seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (left, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
