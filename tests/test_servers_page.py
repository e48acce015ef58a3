"""The page of compatible servers has a row for each server that `make servers` starts, and a cell for each check."""

from __future__ import annotations

from pathlib import Path

from servers.checks import CHECKS
from servers.table import SERVERS

PAGE = Path(__file__).parent.parent / "docs/reference/compatible-servers.md"


def test_the_page_has_a_row_a_server_and_a_cell_a_check() -> None:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert rows[0] == ["server", *CHECKS]
    assert [row[0] for row in rows[1:]] == [f"{each.name} {each.version}" for each in SERVERS]
    assert all(len(row) == len(CHECKS) + 1 and all(row) for row in rows)
