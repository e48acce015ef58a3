"""What the tests of the chat share: a vendor on loopback, and somebody at a terminal."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import anyio
import anyio.from_thread
import pytest

from llm_manager.cli.main import main
from llm_manager.testing.simulator import Simulator

Capture = pytest.CaptureFixture[str]
Talk = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    """A vendor on loopback, and nothing else of this machine."""
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_API_KEYS", "_URL", "_KEY")) or name.startswith(("LLM_", "OLLAMA_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            yield server


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Talk:
    """What comes of *lines* typed at a terminal whose output goes elsewhere: exit code, standard output and error."""

    def talking(*lines: str, argv: Sequence[str] = ()) -> tuple[int, str, str]:
        typed = io.StringIO("".join(f"{line}\n" for line in lines))
        monkeypatch.setattr(typed, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", typed)
        code = main(["chat", *argv])
        out, err = capsys.readouterr()
        return code, out, err.replace("> ", "").replace(". ", "")

    return talking
