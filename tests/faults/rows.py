"""What a row of the fault matrix says: how a fault is made, which error it is, and what becomes of all concerned.

The letters: R may the same target be asked again, F may the next model, B does it count against the circuit breaker,
K what becomes of the API key. ``A`` is "only with the opt-in for ambiguous failures": the model may have done the work,
and billed it, although no answer came. What is expected to be seen follows from the letters, in :func:`sent` and
:func:`falls_back`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never

from llm_manager import LLMError, LLMResponse
from tests.faults.places import Opening

Again: TypeAlias = Literal["y", "once", "other key", "A", "n"]
NextModel: TypeAlias = Literal["y", "A", "after_filter", "n"]
Key: TypeAlias = Literal["-", "disabled", "disabled for the model"] | float
"""Seconds of rest, or what else becomes of it."""

Way: TypeAlias = Literal["whole", "stream"]

BOTH: tuple[Way, ...] = ("whole", "stream")
WHOLE: tuple[Way, ...] = ("whole",)
STREAM: tuple[Way, ...] = ("stream",)

WAIT_S = 0.1
"""How long a row waits for what does not come."""

CAP_BYTES = 4 * 1024 * 1024

RETRIES = 2
KEYS = 2
"""What a request may spend on its first model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """One fault. *ended* is what a single try ends in, messages left out; *ways* are the kinds of answer it can break.

    *waits* says which limit is short, all others are long. *occupied* has the only connection in use, and
    *second_window_tokens* is that of the next model.
    """

    name: str
    opening: Opening
    ended: LLMError | LLMResponse
    again: Again = "n"
    next_model: NextModel = "n"
    breaker: bool = False
    key: Key = "-"
    ways: tuple[Way, ...] = BOTH
    waits: Literal["connect_s", "first_byte_s", "idle_s"] | None = None
    deadline_s: float | None = None
    occupied: bool = False
    second_window_tokens: int = 1_000_000


def sent(again: Again, *, allowed: bool) -> int:
    """How many requests the first model gets when there is room for two retries and a second key."""
    match again:
        case "y":
            return 1 + RETRIES
        case "once":
            return 2
        case "other key":
            return KEYS
        case "A":
            return 1 + RETRIES if allowed else 1
        case "n":
            return 1
        case _:
            assert_never(again)


def falls_back(next_model: NextModel, *, allowed: bool) -> bool:
    """Whether the second model is asked then."""
    return next_model == "y" or (allowed and next_model != "n")
