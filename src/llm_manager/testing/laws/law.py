"""A law: what holds of something for every input, in a form that any test runner can run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Law:
    """A *name* that reads as a sentence, and a check that tries it on many inputs.

    >>> Law("one is one", lambda: None)()
    """

    name: str
    check: Callable[[], None] = field(repr=False)

    def __call__(self) -> None:
        """Try it. Hypothesis shrinks what breaks it, and raises ``AssertionError``."""
        self.check()

    def __str__(self) -> str:
        return self.name


def same(claim: str, found: Any, wanted: Any) -> None:
    """Raise ``AssertionError``, with both in its text, when they differ; unlike ``assert``, under ``python -O`` too."""
    if found != wanted:
        raise AssertionError(f"{claim}\n  found:  {found!r}\n  wanted: {wanted!r}")


def holds(claim: str, *, is_true: bool, of: Any) -> None:
    """Raise ``AssertionError``, with what it was claimed *of*, when it is not true."""
    if not is_true:
        raise AssertionError(f"{claim}\n  not so for: {of!r}")
