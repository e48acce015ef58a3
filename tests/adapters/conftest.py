"""How golden files are written anew: by asking for it."""

from __future__ import annotations

import pytest


@pytest.fixture
def golden_update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--golden-update"))
