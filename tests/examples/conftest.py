"""What the programs meet: a vendor on loopback, in an environment with its key and nothing else of ours."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import anyio.from_thread
import pytest

from llm_manager.testing.simulator import Simulator
from tiny_gguf import write_tiny_gguf

OURS = ("PORTKEY_", "OPENAI_", "ANTHROPIC_", "GEMINI_", "GOOGLE_", "GROQ_", "OLLAMA_", "LM_STUDIO_", "LLAMA_", "LLM_")


@pytest.fixture
def no_account(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)


@pytest.fixture
def vendor(no_account: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            yield server


@pytest.fixture(scope="session")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("models") / "tiny.gguf")
