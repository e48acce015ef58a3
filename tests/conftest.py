"""Every asynchronous test runs twice: on asyncio and on trio."""

from __future__ import annotations

import signal

import pytest

from postgres_fixtures import postgres as postgres
from postgres_fixtures import started_postgres as started_postgres
from redis_fixtures import redis as redis
from redis_fixtures import started_redis as started_redis

collect_ignore_glob = ["typing/must_fail/*"]  # for type checkers alone

# A shell that runs the tests in the background has them ignore Ctrl-C, and so would every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def golden_update(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written anew."""
    return bool(request.config.getoption("--golden-update"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-update", action="store_true", help="write the golden files anew")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "anyio_backend" in getattr(item, "fixturenames", ()):
            item.add_marker("anyio")
