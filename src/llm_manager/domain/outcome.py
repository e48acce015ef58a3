"""What work comes back with: the two containers of ``returns``, as a closed union."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

from returns.result import Failure, Success

A = TypeVar("A")
E = TypeVar("E")

Outcome: TypeAlias = Success[A] | Failure[E]
"""A success or a failure. A closed union, so that ``match`` is exhaustive in every checker."""
