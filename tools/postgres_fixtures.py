"""One PostgreSQL for all tests: import both fixtures into a ``conftest``. Where there is none, its tests fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from postgres_server import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def started_postgres() -> Iterator[PostgresServer]:
    """Started when the first test asks for it, and stopped at the end."""
    made = TemporaryDirectory(prefix="llm_manager_postgres_", ignore_cleanup_errors=True)
    with made as folder, postgres_server(Path(folder)) as server:
        yield server


@pytest.fixture
def postgres(started_postgres: PostgresServer) -> PostgresServer:
    """A PostgreSQL without tables of ours."""
    started_postgres.empty()
    return started_postgres
