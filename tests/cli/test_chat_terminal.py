"""At a real terminal: lines are edited, Ctrl-C stops an answer, Ctrl-D leaves, and no model steers the screen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import anyio.from_thread
import pytest

from llm_manager.testing.simulator import Say, Simulator
from terminal import Terminal

PROMPT = "\x1b[1m> \x1b[0m"
MORE = "\x1b[1m. \x1b[0m"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            yield server


@pytest.fixture
def environ(simulator: Simulator, tmp_path: Path) -> Mapping[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.endswith(("_KEY", "_KEYS", "_URL")) and not name.startswith(("LLM_", "OLLAMA_", "NO_COLOR", "COV_"))
    }
    ours = {"OPENAI_API_KEY": "sk-canary", "OPENAI_BASE_URL": f"{simulator.url}/v1", "XDG_DATA_HOME": str(tmp_path)}
    return {**kept, **ours, "PYTHONIOENCODING": "utf-8", "PYTHONWARNINGS": "error"}


def test_a_chat_edits_lines_streams_answers_and_leaves_at_ctrl_d(
    simulator: Simulator, environ: Mapping[str, str], tmp_path: Path
) -> None:
    simulator.script("gpt-6.1-terra", [Say("It scatters."), Say("You are welcome.")])
    before = len(simulator.received)
    with Terminal(["chat"], environ) as terminal:
        terminal.until(PROMPT)
        terminal.type("Why is the sky bluu\x7fe?\r")
        terminal.until("It scatters.")
        assert "[gpt-6.1-terra | " in terminal.until(PROMPT)
        terminal.type("Thank\\\r")
        terminal.until(MORE)
        terminal.type("you\r")
        terminal.until("You are welcome.")
        terminal.until(PROMPT)
        terminal.type("\x1b[A\x1b[A")
        terminal.until("Why is the sky blue?")
        terminal.idle()
        terminal.type("\x03")
        terminal.until("(Ctrl-D or /quit leaves)")
        terminal.until(PROMPT)
        terminal.type("\x04")
        assert terminal.ended() == 0
    asked = [each.json["messages"][-1]["content"] for each in simulator.received[before:]]
    assert asked == ["Why is the sky blue?", "Thank\nyou"]
    data = tmp_path / "llm_manager"
    assert [oct(path.stat().st_mode & 0o777) for path in (data, data / "chat_history", data / "conversations.db")] == [
        "0o700",
        "0o600",
        "0o600",
    ]
    assert (data / "chat_history").read_text() == "Why is the sky blue?\nThank\nyou\n"


def test_a_pasted_block_is_one_turn(simulator: Simulator, environ: Mapping[str, str]) -> None:
    simulator.script("gpt-6.1-terra", [Say("I see.")])
    with Terminal(["chat", "--no-history"], environ) as terminal:
        terminal.until(PROMPT)
        terminal.type("\x1b[200~def f():\n    return 1\x1b[201~\r")
        terminal.until("I see.")
    assert simulator.received[-1].json["messages"][-1]["content"] == "def f():\n    return 1"


def test_ctrl_c_stops_the_answer_and_not_the_chat(simulator: Simulator, environ: Mapping[str, str]) -> None:
    simulator.script("gpt-6.1-terra", [Say("one two three four " * 50, gap_s=0.2), Say("Sorry.")])
    with Terminal(["chat", "--new", "counting"], environ) as terminal:
        terminal.until(PROMPT)
        terminal.type("Count.\r")
        terminal.until("one two")
        terminal.type("/list\r\x03")
        assert "/list" not in terminal.until("stopped: nothing of this turn is stored")
        terminal.until(PROMPT)
        terminal.type("/list\r")
        terminal.until("there are no conversations yet")
        terminal.until(PROMPT)
        terminal.type("Stop.\r")
        terminal.until("Sorry.")
        terminal.until(PROMPT)
        terminal.type("/list\r")
        assert "counting" in terminal.until("Stop.")
        terminal.until(PROMPT)
        terminal.type("/quit\r")
        assert terminal.ended() == 0
    assert [each["role"] for each in simulator.received[-1].json["messages"]] == ["user"]


def test_what_a_model_writes_cannot_steer_the_terminal(simulator: Simulator, environ: Mapping[str, str]) -> None:
    simulator.script("gpt-6.1-terra", [Say("\x1b]0;pwned\x07\x1b[2Jfine\x9b1m")])
    with Terminal(["chat"], environ) as terminal:
        terminal.until(PROMPT)
        terminal.type("hi\r")
        terminal.until("␛]0;pwned␇␛[2Jfine\ufffd1m")
        assert "\x1b]0;" not in terminal.seen
        assert "\x1b[2J" not in terminal.seen


def test_tab_completes_commands_and_models(simulator: Simulator, environ: Mapping[str, str]) -> None:
    with Terminal(["chat"], environ) as terminal:
        terminal.until(PROMPT)
        terminal.type("/mo\tgpt-5.6-l\t\r")
        terminal.until("gpt-5.6-luna of openai answers from here on")


def test_a_comparison_is_drawn_in_columns_as_wide_as_the_terminal(
    simulator: Simulator, environ: Mapping[str, str]
) -> None:
    command = ["compare", "Why?", "--models", "gpt-4o,gpt-5.6-luna"]
    for columns, is_beside in ((100, True), (50, False)):
        simulator.script("gpt-4o", [Say("天空 is blue \x1b[2J")])
        simulator.script("gpt-5.6-luna", [Say("It scatters.")])
        with Terminal(command, environ, columns=columns) as terminal:
            assert terminal.ended() == 0
            lines = [line.replace("\x1b[0m", "") for line in terminal.seen.splitlines()]
        row = "天空 is blue ␛[2J" + " " * 31 + " │ It scatters."
        assert (row in [line.rstrip() for line in lines]) is is_beside
        assert ("\x1b[1m## gpt-4o" in lines) is not is_beside
        assert "\x1b[2J" not in terminal.seen


def test_a_watch_is_drawn_in_place_and_gives_the_screen_back(environ: Mapping[str, str]) -> None:
    with Terminal(["status", "--watch", "0.05"], environ, columns=60) as terminal:
        terminal.until("\x1b[?1049h\x1b[?25l")
        first = terminal.until("\x1b[J")
        assert first.startswith("\x1b[Hllm-manager ")
        assert "gpt-6.1-terra  openai    ok" in terminal.until("\x1b[J")
        terminal.type("\x03")
        assert terminal.ended() == 130
        assert terminal.seen.endswith("\x1b[?25h\x1b[?1049l")
