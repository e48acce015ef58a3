"""One thing that is wrong with input, where it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at *path*, a dotted path into the input; *source* names the file or variable it came from."""

    path: str
    message: str
    source: str | None = None

    def __str__(self) -> str:
        where = f"{self.path} ({self.source})" if self.path and self.source else self.path or self.source
        return f"{where}: {self.message}" if where else self.message


def listed(problems: Iterable[Problem]) -> str:
    """All problems in one line.

    >>> listed([Problem("a", "is missing"), Problem("b.0", "is not a number", "file.toml")])
    'a: is missing; b.0 (file.toml): is not a number'
    """
    return "; ".join(map(str, problems))
