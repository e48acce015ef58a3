"""What the tests of the commands share: a vendor on loopback, and an environment that names no other."""

from __future__ import annotations

import os
from collections.abc import Iterator

import anyio.from_thread
import pytest

from llm_manager.testing.simulator import Simulator

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_API_KEYS", "_URL", "_KEY")) or name.startswith(
            ("LLM_", "LLAMA_", "OLLAMA_", "PORTKEY_")
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator in another thread, for the commands start an event loop of their own."""
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            yield server
