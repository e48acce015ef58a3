"""A new user: nothing is configured, and extras are missing when a test says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio.from_thread
import pytest

from llm_manager.domain.environment import CONFIG_FILE, VARIABLES
from llm_manager.testing.simulator import Simulator

ROOT = Path(__file__).parent.parent.parent
Without = Callable[..., None]


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (CONFIG_FILE, *(variable.name for variable in VARIABLES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Without:
    """Have packages of an extra missing."""

    def missing(*names: str) -> None:
        for name in names:
            for loaded in [each for each in sys.modules if each.startswith(f"{name}.")]:
                monkeypatch.delitem(sys.modules, loaded)
            monkeypatch.setitem(sys.modules, name, None)

    return missing


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            yield server


@pytest.fixture
def bare() -> dict[str, str]:
    """The environment of a process for which nothing is configured."""
    known = {CONFIG_FILE, *(variable.name for variable in VARIABLES)}
    return {name: text for name, text in os.environ.items() if name not in known}


@pytest.fixture(scope="session")
def page() -> str:
    """What we tell those for whom it does not work at first, in one line."""
    return " ".join((ROOT / "docs" / "how-to" / "when-it-does-not-work.md").read_text(encoding="utf-8").split())
