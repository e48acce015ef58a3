"""A batch at its vendor: what is handed in, what is asked about it and what the vendor says of it.

A vendor's own batch is asked for at once and answered within a day, at a lower price. The rule of this room: these are
values of no wire; how each vendor writes them is in ``adapters/batches``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.response import LLMResponse
from llm_manager.domain.secret import Secret
from llm_manager.domain.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Who is asked, and with which keys, by provider name. A batch belongs to the account of the key it came with."""

    target: Target
    keys: Mapping[str, Secret] = field(default_factory=dict[str, Secret])


@dataclass(frozen=True, slots=True)
class Load:
    """Requests to hand in, each as the wire has it. *tag* is our own name for the batch, by which it is found again."""

    tag: str
    lines: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Upload:
    """What was handed in before as the file *id*; now to become a batch."""

    tag: str
    id: str


Submission: TypeAlias = Load | Upload


@dataclass(frozen=True, slots=True)
class Uploaded:
    """The lines are at the vendor as the file *id*; nothing is done with them before it becomes an :class:`Upload`."""

    id: str


@dataclass(frozen=True, slots=True)
class Look:
    """How is this one?"""

    id: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Begin no more of this one. What is done is done, and paid."""

    id: str


@dataclass(frozen=True, slots=True)
class Recent:
    """The account's batches, newest first, from behind the one called *after*."""

    after: str | None = None


Inquiry: TypeAlias = Look | Cancel | Recent


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorBatch:
    """What the vendor says of one batch.

    *status* is its own word; *ended* says that nothing of it will change. Counts are None where the vendor does not
    tell them, and some tell them at the end alone. *tag* is ours, None on a wire that has no place for it. The results
    are at *places*; *problems* are why nothing of it was begun.
    """

    id: str
    status: str
    ended: bool
    total: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    tag: str | None = None
    places: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchPage:
    """Some batches; *more* is what to ask for those behind them, None at the end."""

    batches: tuple[VendorBatch, ...]
    more: Recent | None = None


Result: TypeAlias = tuple[str, Outcome[LLMResponse, LLMError]]
"""What became of one request, by the id that it was handed in with."""
