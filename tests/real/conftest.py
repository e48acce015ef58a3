"""The real parts, started once for all tests that use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portkey_gateway import portkey_gateway
from tiny_gguf import write_tiny_gguf


@pytest.fixture(scope="session")
def gateway() -> Iterator[str]:
    with portkey_gateway() as url:
        yield url


@pytest.fixture(scope="session")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")
