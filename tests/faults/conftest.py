"""Every fault is met with every engine, on every loop that it works on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.chosen import CHOSEN, ENGINES


@pytest.fixture(params=ENGINES, ids="-".join)
def anyio_backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """The loop; the engine that goes with it is chosen for the configurations of the tests."""
    loop, CHOSEN.engine = request.param
    yield loop
    CHOSEN.engine = "httpx2"
