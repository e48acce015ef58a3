"""What a row of the fault matrix says: how a fault is made, which error it is, and what becomes of all concerned.

The letters: R may the same target be asked again, F may the next model, B does it count against the circuit breaker,
K what becomes of the API key. ``A`` is "unless ``retry.ambiguous`` is off", for the model may have done the work, and
billed it, although no answer came: the next model comes first, and only where there is none is the same one asked once
more. A ``queue`` is waited for where there is no other model. What is expected to be seen follows from the letters, in
:func:`sent` and :func:`falls_back`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

from llm_manager import LLMError, LLMResponse
from tests.faults.places import Opening

Again: TypeAlias = Literal["y", "once", "other key", "other key, y", "other key, queue", "A", "n"]
NextModel: TypeAlias = Literal["y", "A", "after_filter", "n"]
Key: TypeAlias = Literal["-", "disabled for the model"] | float
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


@dataclass(frozen=True, slots=True)
class FaultRow:
    """One fault, with its letters in the order of the matrix: R, F, B, K.

    *ended* is what a single try ends in, messages left out; *ways* are the kinds of answer that it can break.

    *waits* says which limit is short, all others are long. *occupied* has the only connection in use, and
    *second_window_tokens* is that of the next model.
    """

    name: str
    opening: Opening
    ended: LLMError | LLMResponse
    again: Again
    next_model: NextModel
    breaker: Literal["y", "n"]
    key: Key
    ways: tuple[Way, ...] = BOTH
    waits: Literal["connect_s", "first_byte_s", "idle_s", "attempt_s"] | None = field(default=None, kw_only=True)
    deadline_s: float | None = field(default=None, kw_only=True)
    occupied: bool = field(default=False, kw_only=True)
    second_window_tokens: int = field(default=1_000_000, kw_only=True)


def sent(again: Again) -> int:
    """How many requests the first model gets when there are two retries, a second key and a second model."""
    match again:
        case "y":
            return 1 + RETRIES
        case "once":
            return 2
        case "other key" | "other key, queue":
            return KEYS
        case "other key, y":
            return KEYS + RETRIES
        case "A" | "n":
            return 1
        case _:
            assert_never(again)


def falls_back(next_model: NextModel, *, allowed: bool) -> bool:
    """Whether the second model is asked then."""
    return next_model == "y" or (allowed and next_model != "n")
