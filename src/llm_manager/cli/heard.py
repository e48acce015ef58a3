"""What a pipe or a person says to a command on standard input: text, or in words why it is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from returns.result import Failure, Success

from llm_manager import Outcome

NO_TEXT: Final = "standard input is no text in the encoding of this terminal: convert it to UTF-8"


def heard() -> Outcome[str, str]:
    """All of it."""
    try:
        return _text(sys.stdin.read())
    except UnicodeDecodeError:
        return Failure(NO_TEXT)


def heard_lines() -> Iterator[Outcome[str, str]]:
    """Line by line, as they come; the first that is no text is the last."""
    while True:
        try:
            line = sys.stdin.readline()
        except UnicodeDecodeError:
            yield Failure(NO_TEXT)
            return
        if not line:
            return
        yield _text(line.removesuffix("\n"))


def _text(said: str) -> Outcome[str, str]:
    """*said*, unless it holds bytes that some locales let through as halves of characters (PEP 383)."""
    try:
        said.encode()
    except UnicodeEncodeError:
        return Failure(NO_TEXT)
    return Success(said)
