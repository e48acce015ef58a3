"""A model that a request may go to, or one that is passed over and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from llm_manager.domain.errors import LLMError
from llm_manager.domain.target import Target


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model to ask, and why it stands where it does; *pool* is the name under which it was drawn by *weight*."""

    target: Target
    why: str
    pool: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Skipped:
    """A model that is passed over, and the error it would give."""

    name: str
    provider: str
    error: LLMError
    why: str


Candidate: TypeAlias = Chosen | Skipped


def weight_in_pool(candidate: Candidate) -> float:
    """The weight of *candidate* in a draw; one that is passed over has none."""
    return candidate.weight if isinstance(candidate, Chosen) else 0.0


def pool_of(candidate: Candidate) -> str | None:
    """The pool that *candidate* was put in by, None for a model alone."""
    return candidate.pool if isinstance(candidate, Chosen) else None
