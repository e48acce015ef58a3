"""How outcomes look: tables for people, JSON for programs, one line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TextIO

from llm_manager import ConfigurationError, InvalidRequest, LLMError, describe, to_json
from llm_manager.cli.cells import cells, padded
from llm_manager.domain.sanitize import escape_control_chars
from llm_manager.testing import NotRecorded, RecordingUnusable

FAILED, USAGE, INTERRUPTED = 1, 2, 130
"""Exit codes; the last is 128 and SIGINT, as shells have it."""


def failed(error: LLMError | RecordingUnusable | NotRecorded, *, as_json: bool) -> int:
    """Print *error*; the exit code says whose it is: 2 when the request, the settings or a file are wrong, else 1."""
    if isinstance(error, NotRecorded):
        differences = [asdict(each) for each in error.differences]
        said, told = str(error), json.dumps({"tag": "NotRecorded", "message": str(error), "differences": differences})
    else:
        said, told = str(error) if isinstance(error, RecordingUnusable) else describe(error), to_json(error)
    if as_json:
        print_line(told)
    else:
        print_line(f"llm-manager: {said}", sys.stderr)
    return USAGE if isinstance(error, InvalidRequest | ConfigurationError | RecordingUnusable) else FAILED


def misused(said: str) -> int:
    """Print what is wrong with the arguments."""
    print_line(f"llm-manager: {said}", sys.stderr)
    return USAGE


def shown(text: str, stream: TextIO) -> str:
    """*text* as *stream* may have it: nothing to obey on a terminal, and what its encoding lacks replaced."""
    safe = escape_control_chars(text) if stream.isatty() else text
    encoding = stream.encoding or "utf-8"
    return safe.encode(encoding, "replace").decode(encoding)


def print_line(text: str, stream: TextIO | None = None) -> None:
    """Write *text* and a line break, as :func:`shown` has it."""
    out = sys.stdout if stream is None else stream
    out.write(shown(text, out) + "\n")


def print_text(text: str) -> None:
    """Write *text* as :func:`print_line` does, without a line break, and have it seen at once."""
    sys.stdout.write(shown(text, sys.stdout))
    sys.stdout.flush()


def print_painted(text: str, stream: TextIO | None = None) -> None:
    """Write *text* and a line break as they are. It may hold colours of ours, so what others wrote is for the caller
    to make :func:`~llm_manager.domain.sanitize.escape_control_chars` of."""
    out = sys.stdout if stream is None else stream
    encoding = out.encoding or "utf-8"
    out.write(text.encode(encoding, "replace").decode(encoding) + "\n")


def print_json(value: object) -> None:
    """One JSON document; a record is an object of its fields."""
    print_line(json.dumps(value, ensure_ascii=False, default=lambda record: json.loads(to_json(record))))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they must be, two spaces apart; the last one is not padded. No cell steers a terminal,
    or ends its line."""
    rows = [[escape_control_chars(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(cells(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()

    return "\n".join((line(head), line(["-" * width for width in widths]), *map(line, rows)))


def seconds(count: float) -> str:
    """A time for people.

    >>> seconds(0.0123), seconds(4.2), seconds(300)
    ('12 ms', '4.2 s', '300 s')
    """
    return f"{count * 1000:.0f} ms" if count < 1 else f"{count:.1f} s" if count < 100 else f"{count:.0f} s"


def dollars(usd: float | None) -> str:
    """An amount for people; what is not known is a question mark, never 0, and neither is a little.

    >>> dollars(None), dollars(0.0), dollars(0.000004), dollars(0.25), dollars(12)
    ('?', '$0.0000', '<$0.0001', '$0.2500', '$12.00')
    """
    if usd is None:
        return "?"
    if 0 < usd < 0.00005:
        return "<$0.0001"
    return f"${usd:.4f}" if usd < 1 else f"${usd:.2f}"


def number(count: int | None) -> str:
    """A count for people; what is not known is a question mark, never 0.

    >>> number(12345), number(None)
    ('12,345', '?')
    """
    return "?" if count is None else f"{count:,}"


def local_time(at: float, form: str = "%Y-%m-%d %H:%M") -> str:
    """A time in Unix seconds, where the user is."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime(form)
