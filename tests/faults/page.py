"""The tables of ``docs/explanation/reliability.md`` that say what becomes of each fault: made of the rows that run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from llm_manager import (
    AuthenticationFailed,
    LLMError,
    LLMResponse,
    MalformedResponse,
    NetworkError,
    RequestTimedOut,
    ServerError,
)
from tests.faults.later import LATER
from tests.faults.matrix import ROWS
from tests.faults.rows import FaultRow

HEAD = ("case", "in", "comes back as", "R", "F", "B", "K")


def matrix_table() -> str:
    """A line a fault."""
    return _table(ROWS)


def later_table() -> str:
    """A line a fault after the first word of a stream."""
    return _table(LATER)


def _table(rows: Sequence[FaultRow]) -> str:
    lines: Iterable[Iterable[str]] = (HEAD, ["---"] * len(HEAD), *map(_line, rows))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(row: FaultRow) -> Sequence[str]:
    key = row.key if isinstance(row.key, str) else f"rests {row.key:g} s"
    next_model = "opt-in" if row.next_model == "after_filter" else row.next_model
    return (row.name, " and ".join(row.ways), _shown(row.ended), row.again, next_model, row.breaker, key)


def _shown(ended: LLMError | LLMResponse) -> str:
    """The class of an error and what tells it from others of it."""
    if isinstance(ended, LLMResponse):
        return f"an answer, `{ended.finish_reason}`"
    match ended:
        case NetworkError(ambiguous=ambiguous, cause=cause):
            told = f"{cause}, ambiguous" if ambiguous else cause
        case RequestTimedOut(phase=phase):
            told = phase
        case MalformedResponse(reason=reason):
            told = reason
        case ServerError(status_code=status):
            told = str(status)
        case AuthenticationFailed(forbidden=True):
            told = "forbidden"
        case _:
            return f"`{ended.tag}`"
    return f"`{ended.tag}({told})`"
