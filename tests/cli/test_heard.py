"""What commands hear on standard input that is no text."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from returns.result import Failure, Success

from llm_manager.cli.heard import NO_TEXT, heard_lines
from llm_manager.cli.main import main

LATIN_1 = "caf\xe9\n".encode("latin-1")

COMMANDS = (
    ["generate"],
    ["plan", "-"],
    ["plan", "--template", "anomaly-analysis", "--var", "data=@-"],
    ["chat", "--store", "chats.db"],
    ["chat", "--store", "chats.db", "--lines"],
)


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"], ids=["most locales", "the C locale"])
@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_what_is_no_text_is_said_in_one_line_and_sent_to_nobody(
    argv: list[str],
    errors: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_URL", "_KEY")) or name.startswith(("LLM_", "LLAMA_", "OLLAMA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LATIN_1), encoding="utf-8", errors=errors))
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith(f"{NO_TEXT}\n")
    assert err.count("\n") == 1


def test_lines_are_heard_until_one_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.TextIOWrapper(io.BytesIO(b"one\n\ntwo"), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", text)
    assert list(heard_lines()) == [Success("one"), Success(""), Success("two")]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LATIN_1), encoding="utf-8"))
    assert list(heard_lines()) == [Failure(NO_TEXT)]
