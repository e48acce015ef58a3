"""Every row of the fault matrix through the whole live stack, over real sockets, as whole answers and as streams."""

from __future__ import annotations

import pytest

from tests.faults.matrix import ROWS
from tests.faults.rows import FaultRow, Way, falls_back, sent
from tests.faults.watched import Marked, Tried, marked, tried

pytestmark = pytest.mark.anyio


CASES = [(row, way) for row in ROWS for way in row.ways]

FORBIDDEN = [(row, row.ways[0]) for row in ROWS if row.again != "y" or row.next_model != "y"]
"""What an opt-in could change, whether it does or not."""


def named(value: object) -> str:
    """What a case is called."""
    return value.name if isinstance(value, FaultRow) else str(value)


@pytest.mark.parametrize(("row", "way"), CASES, ids=named)
async def test_a_fault_is_told_and_marked_as_the_matrix_says(row: FaultRow, way: Way) -> None:
    """The error, the breaker and the key."""
    assert await marked(row, way) == Marked(row.ended, row.breaker, row.key)


@pytest.mark.parametrize(("row", "way"), CASES, ids=named)
async def test_a_fault_is_retried_and_passed_on_as_the_matrix_says(row: FaultRow, way: Way) -> None:
    """How many requests arrived, and whether the next model was asked."""
    assert await tried(row, way, allowed=False) == expected(row, allowed=False)


@pytest.mark.parametrize(("row", "way"), FORBIDDEN, ids=named)
async def test_every_opt_in_allows_what_the_matrix_says_and_no_more(row: FaultRow, way: Way) -> None:
    assert await tried(row, way, allowed=True) == expected(row, allowed=True)


def expected(row: FaultRow, *, allowed: bool) -> Tried:
    """What *row* says of a request with retries and a second model at hand."""
    return Tried(sent(row.again, allowed=allowed), falls_back(row.next_model, allowed=allowed))
