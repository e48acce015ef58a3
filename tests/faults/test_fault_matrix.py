"""Every row of the fault matrix through the whole live stack, over real sockets, as whole answers and as streams.

What an engine has a part in is seen with each of them on each loop; what is decided above them, with the first.
"""

from __future__ import annotations

import pytest

from tests.adapters.chosen import ENGINES
from tests.faults.matrix import ROWS
from tests.faults.rows import FaultRow, Way, falls_back, sent
from tests.faults.watched import TRIES_AT_A_DEADLINE, Marked, Tried, marked, tried

pytestmark = pytest.mark.anyio

CASES = [(row, way, engine) for row in ROWS for way in row.ways for engine in ENGINES]

SENT = [case for case in CASES if case[1] == case[0].ways[0] or case[2] == ENGINES[0]]
"""A stream goes through the same stack as a whole answer."""

FORBIDDEN = [
    (row, way, engine)
    for row, way, engine in SENT
    if (way, engine) == (row.ways[0], ENGINES[0]) and (row.again != "y" or row.next_model != "y")
]
"""What an opt-in could change, whether it does or not."""

AMBIGUOUS = [case for case in FORBIDDEN if case[0].again == "A"]

NAMES = ("row", "way", "anyio_backend")


def named(value: object) -> str:
    """What a case is called."""
    match value:
        case FaultRow(name=name):
            return name
        case (str() as loop, str() as engine):
            return f"{loop}-{engine}"
        case _:
            return str(value)


def expected(row: FaultRow, *, allowed: bool) -> Tried:
    """What *row* says of a request with retries and a second model at hand."""
    return Tried(sent(row.again), falls_back(row.next_model, allowed=allowed))


@pytest.mark.parametrize(NAMES, CASES, indirect=["anyio_backend"], ids=named)
async def test_a_fault_is_told_and_marked_as_the_matrix_says(row: FaultRow, way: Way) -> None:
    """The error, the breaker and the key."""
    says = Marked(row.ended, row.breaker == "y", row.key)
    seen = await marked(row, way)
    for _ in range(0 if row.deadline_s is None else TRIES_AT_A_DEADLINE):
        if seen == says:
            break
        seen = await marked(row, way)
    assert seen == says


@pytest.mark.parametrize(NAMES, SENT, indirect=["anyio_backend"], ids=named)
async def test_a_fault_is_retried_and_passed_on_as_the_matrix_says(row: FaultRow, way: Way) -> None:
    """How many requests arrived, and whether the next model was asked."""
    assert await tried(row, way, allowed=False) == expected(row, allowed=False)


@pytest.mark.parametrize(NAMES, AMBIGUOUS, indirect=["anyio_backend"], ids=named)
async def test_an_ambiguous_fault_of_the_only_model_is_repeated_once_unless_that_is_switched_off(
    row: FaultRow, way: Way
) -> None:
    seen = [await tried(row, way, allowed=allowed, fallback="none") for allowed in (True, False)]
    assert seen == [Tried(sent=2, fell_back=False), Tried(sent=1, fell_back=False)]


@pytest.mark.parametrize(NAMES, FORBIDDEN, indirect=["anyio_backend"], ids=named)
async def test_every_opt_in_allows_what_the_matrix_says_and_no_more(row: FaultRow, way: Way) -> None:
    assert await tried(row, way, allowed=True) == expected(row, allowed=True)
