"""Which run an event belongs to: the thread that a fold over events follows to tell what happened inside what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Run:
    """One running of an operation, or of a piece of a pipeline that was given a *name*; *parent* is what it is in.

    Two are never equal, so that a thousand runs of one operation at once, in several contexts, cannot be taken for one
    another. *trace_id* is the text by which logs and a gateway know it; runs that are in one another share it.

    >>> Run(name="generate") == Run(name="generate")
    False
    """

    name: str
    trace_id: str | None = None
    parent: Run | None = None
