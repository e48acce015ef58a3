"""``status --watch`` and ``completion``: what they print where nobody looks, and where somebody does."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from llm_manager import ManagerStatus, MetricsSnapshot, ModelHealthStatus, ServerError
from llm_manager.cli import watch
from llm_manager.cli.main import main
from llm_manager.domain.status import CacheStatus
from llm_manager.testing.simulator import refused_url

Capture = pytest.CaptureFixture[str]

WELL = ModelHealthStatus(model="gpt", provider="openai", healthy=True, latency_ms=12.0)
LOCAL = ModelHealthStatus(model="tiny", provider="custom", healthy=True)
DOWN = ModelHealthStatus(
    model="claude",
    provider="anthropic",
    healthy=False,
    circuit="open",
    last_error=ServerError("claude", 503, "\x1b[2J"),
)


def status(*models: ModelHealthStatus) -> ManagerStatus:
    return ManagerStatus(
        healthy=any(each.healthy for each in models),
        models=models,
        metrics=MetricsSnapshot(),
        cache=CacheStatus(enabled=False, entries=None, max_entries=None),
        uptime_s=1.0,
        version="1",
    )


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_API_KEYS", "_URL", "_KEY")) or name.startswith(("LLM_", "OLLAMA_")):
            monkeypatch.delenv(name)


class Pauses:
    """The pauses of a watch, which take no time; the last of them is a Ctrl-C."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self, _seconds: float) -> None:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def test_in_a_pipe_a_status_is_a_line_each_time(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    with refused_url() as url:
        monkeypatch.setenv("LM_STUDIO_URL", url)
        with pytest.raises(KeyboardInterrupt):
            watch.watch(1.0, as_json=False, pause=Pauses(2))
        first, second = capsys.readouterr().out.splitlines()
        with pytest.raises(KeyboardInterrupt):
            watch.watch(1.0, as_json=True, pause=Pauses(1))
    assert first.endswith("  0 of 1 well  local-model=DOWN")
    assert second.endswith("  0 of 1 well  local-model=DOWN")
    assert json.loads(capsys.readouterr().out)["healthy"] is False


def test_a_line_says_who_is_well_and_how_fast() -> None:
    assert watch.line(status(WELL, LOCAL, DOWN), "12:00:00") == "12:00:00  2 of 3 well  gpt=12ms  tiny=ok  claude=DOWN"


def test_a_screen_shows_how_it_was_lately_and_nothing_a_vendor_wrote_steers_it() -> None:
    seen: watch.Seen = {"gpt": [24.0, None, 12.0], "tiny": [None], "claude": [None, None, None]}
    lines = watch.picture(status(WELL, LOCAL, DOWN), seen, "now")
    assert [text.split()[:6] for text, _ in lines[4:]] == [
        ["gpt", "openai", "ok", "closed", "12", "ms"],
        ["tiny", "custom", "ok", "closed", "x"],
        ["claude", "anthropic", "DOWN", "open", "xxx", "claude"],
    ]
    assert "█x▄" in lines[4][0]
    assert "(␛[2J)" in lines[6][0]
    assert [well for _, well in lines] == [True, True, True, True, True, True, False]


def test_the_screen_is_given_back_when_the_program_is_told_to_end(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    before = signal.getsignal(signal.SIGTERM)

    def told_to_end(_seconds: float) -> None:
        signal.raise_signal(signal.SIGTERM)

    with pytest.raises(SystemExit) as ended:
        watch.watch(1.0, as_json=False, pause=told_to_end)
    out = capsys.readouterr().out
    assert (ended.value.code, signal.getsignal(signal.SIGTERM)) == (143, before)
    assert out.startswith("\x1b[?1049h\x1b[?25l\x1b[Hllm-manager ")
    assert "NO MODEL CAN BE REACHED" in out
    assert out.endswith("\x1b[J\x1b[?25h\x1b[?1049l")


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "inf"])
def test_a_watch_needs_a_time(capsys: Capture, wrong: str) -> None:
    assert main(["status", "--watch", wrong]) == 2
    assert "give a number of seconds above 0" in capsys.readouterr().err


def test_a_watch_of_a_wrong_configuration_is_told(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_MANAGER_CONFIG", "/none.toml")
    assert main(["status", "--watch"]) == 2
    assert "the configuration is wrong" in capsys.readouterr().err


def test_bash_completes_commands_options_models_tasks_and_files(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    (tmp_path / "settings.toml").write_text('[models.mine]\nprovider = "groq"\nmodel = "x"\n')
    (tmp_path / "city.json").touch()
    monkeypatch.setenv("LLM_MANAGER_CONFIG", str(tmp_path / "settings.toml"))
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out + (
        'try() { COMP_WORDS=(llm-manager "$@"); COMP_CWORD=$#; COMPREPLY=(); _shtab_llm_manager\n'
        'echo "${COMPREPLY[@]}"; }\n'
        "try com; try chat --mod; try chat --model min; try plan --task ui; try extract --schema ci; try completion z\n"
    )
    command = ["bash", "-c", script]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    assert ran.stdout.splitlines() == ["compare completion", "--model", "mine", "ui-generation", "city.json", "zsh"]


@pytest.mark.parametrize(("shell", "said"), [("zsh", "#compdef llm-manager"), ("fish", "complete -c llm-manager")])
def test_other_shells_have_scripts_of_their_own(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, shell: str, said: str
) -> None:
    monkeypatch.setenv("LLM_MANAGER_CONFIG", "/none.toml")  # wrong settings take the names in the catalog from nobody
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert said in out
    assert "claude-sonnet-5-5" in out


def test_without_the_extra_completion_says_what_to_install(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err == "llm-manager: completion needs shtab: pip install 'llm-manager[cli]'\n"


def test_a_terminal_without_blocks_is_drawn_in_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    assert "@=x" in watch.picture(status(WELL), {"gpt": [24.0, 12.0, None]}, "now")[4][0]
