"""The command line as a person or a script meets it: output, exit codes, and one readable line when it fails."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from llm_manager import PlannedTarget, RoutePlan
from llm_manager.cli import show, taped
from llm_manager.cli.ask import plan_text
from llm_manager.cli.main import main
from llm_manager.testing.simulator import Fault, Say, Simulator, Status
from tests.cli.commands import Capture
from tests.cli.commands import bare_environment as bare_environment
from tests.cli.commands import simulator as simulator


def test_generate_prints_the_answer_and_nothing_else(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-6.1-terra", [Say("It scatters.")])
    assert main(["generate", "Why is the sky blue?"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("It scatters.\n", "")


def test_generate_reads_the_prompt_from_standard_input(
    simulator: Simulator, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("from a pipe"))
    assert main(["generate", "--model", "gpt-4o", "--system", "be short", "--temperature", "0"]) == 0
    assert capsys.readouterr().out == "You said: from a pipe\n"
    assert simulator.received[0].json["temperature"] == 0


def test_a_stream_is_printed_while_it_comes(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-6.1-terra", [Say("It scatters."), Say("It scatters.")])
    assert main(["generate", "--stream", "Why is the sky blue?"]) == 0
    assert capsys.readouterr() == ("It scatters.\n", "")
    assert main(["generate", "--stream", "--json", "Why?"]) == 0
    assert json.loads(capsys.readouterr().out)["content"] == "It scatters."
    assert simulator.received[0].json["stream"] is True


def test_a_stream_that_breaks_fails_behind_what_it_had_said(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-4o", [Fault("stream_without_end"), Fault("stream_without_end"), Status(404)])
    assert main(["generate", "--stream", "--model", "gpt-4o", "x"]) == 1
    out, err = capsys.readouterr()
    assert out == "hello\n"
    assert err.startswith("llm-manager: ")
    assert err.count("\n") == 1
    assert main(["generate", "--stream", "--json", "--model", "gpt-4o", "x"]) == 1
    assert json.loads(capsys.readouterr().out)["tag"] == "StreamBroken"


def test_a_value_is_printed_while_it_grows(simulator: Simulator, capsys: Capture, tmp_path: Path) -> None:
    schema = tmp_path / "city.json"
    schema.write_text('{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}')
    simulator.script("gpt-4o", [Say('{"name": "New York" }'), Say('{"name": 7}')])
    command = ["generate", "--stream", "--model", "gpt-4o", "--schema", str(schema), "x"]
    assert main(command) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {},
        {"name": "New "},
        {"name": "New York"},
        {"name": "New York"},
    ]
    assert main([*command, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["tag"] == "SchemaMismatch"
    assert main([*command[:-3], "--schema", str(tmp_path / "none"), "x"]) == 2


def test_generate_as_json_is_one_document(simulator: Simulator, capsys: Capture) -> None:
    assert main(["generate", "hi", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["content"] == "You said: hi"


def test_a_person_at_a_terminal_sees_what_it_took(
    simulator: Simulator, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["generate", "hi"]) == 0
    assert capsys.readouterr().err.startswith("[gpt-6.1-terra | ")


def test_a_failure_is_one_line_and_exit_code_1(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-6.1-terra", [Status(401, None, "Incorrect API key provided: sk-canary-0123456789")])
    assert main(["generate", "hi"]) == 1
    out, err = capsys.readouterr()
    assert "canary" not in out + err
    assert len(err.splitlines()) == 1
    assert err.startswith("llm-manager: no valid key for gpt-6.1-terra")


def test_a_failure_as_json_is_the_error_itself(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-6.1-terra", [Status(404)])
    assert main(["generate", "hi", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["tag"] == "ModelUnavailable"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["generate", " "], "prompt: is empty"),
        (["generate", "x", "--temperature", "9"], "preferences.temperature: is 9.0"),
        (["generate", "x", "--temperature", "nan"], "preferences.temperature: is nan"),
        (["generate", "x", "--max-tokens", "-3"], "preferences.max_tokens: is -3"),
        (["generate", "x", "--task", "poetry"], "unknown task 'poetry'"),
        (["generate", "x", "--model", "clod"], "unknown model 'clod'"),
        (["plan", "x", "--task", "poetry"], "unknown task 'poetry'"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_code_2(
    simulator: Simulator, capsys: Capture, argv: list[str], said: str
) -> None:
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert said in err
    assert simulator.received == []


@pytest.mark.parametrize("command", ["generate", "plan"])
def test_with_nothing_configured_the_variables_that_would_help_are_named(capsys: Capture, command: str) -> None:
    assert main([command, "hi"]) == 2
    assert "OPENAI_API_KEY" in capsys.readouterr().err


def test_models_and_health_with_nothing_configured_say_what_to_do(capsys: Capture) -> None:
    assert main(["models"]) == 0
    assert main(["health"]) == 1
    assert capsys.readouterr().out.count("set OPENAI_API_KEY") == 2


def test_a_wrong_configuration_names_everything_at_once(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "llm.toml"
    file.write_text("[retry]\nbase_s = -1\n[bogus]\n")
    monkeypatch.setenv("LLM_MANAGER_CONFIG", str(file))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary\nbroken")
    for command in (["config"], ["models"], ["health"], ["generate", "x"]):
        assert main(command) == 2
        err = capsys.readouterr().err
        assert all(part in err for part in ("retry.base_s", "bogus", "keys.providers.openai.0", str(file)))
        assert "canary" not in err


def test_a_key_that_cannot_be_sent_is_told_behind_the_settings(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", '"gsk-canary-0123456789"')
    monkeypatch.setenv("LLM_MANAGER_PROVIDERS", "acme=https://llm.acme.example/v1")
    monkeypatch.setenv("ACME_API_KEY", "sk-canary-of-acme-0123")
    assert main(["config"]) == 0
    out = capsys.readouterr().out
    said = "keys.providers.groq.0 (GROQ_API_KEY): stands in quotes, which are sent as a part of it: remove them"
    assert said in out.splitlines()
    rows = [line.split() for line in out.splitlines()]
    assert ["providers.acme.base_url", "https://llm.acme.example/v1", "LLM_MANAGER_PROVIDERS"] in rows
    assert ["providers.acme.key", "Secret('...0123')", "ACME_API_KEY"] in rows
    assert "canary" not in out


def test_a_plan_says_how_many_messages_a_window_leaves_out() -> None:
    target = PlannedTarget(model="gpt", provider="openai", why="first", left_out_messages=3, worst_attempts=1)
    route = RoutePlan(targets=(target,), worst_attempts=1, worst_cost_usd=None, worst_latency_s=1.0)
    assert "first, without 3 messages" in plan_text(route)


def test_a_plan_says_which_options_a_model_is_not_sent() -> None:
    target = PlannedTarget(model="gpt", provider="openai", why="first", dropped=("temperature",), left_out_messages=3)
    route = RoutePlan(targets=(target,), worst_attempts=1, worst_cost_usd=None, worst_latency_s=1.0)
    assert "first, without temperature and 3 messages" in plan_text(route)


def test_plan_shows_models_reasons_and_the_worst_case(simulator: Simulator, capsys: Capture) -> None:
    assert main(["plan", "hi", "--max-tokens", "100"]) == 0
    out = capsys.readouterr().out
    assert "gpt-6.1-terra" in out
    assert "passed over: no key for anthropic is configured" in out
    assert "at worst: 4 requests" in out
    assert main(["plan", "hi", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["worst_attempts"] == 4
    assert simulator.received == []


def test_models_health_status_and_config(
    simulator: Simulator, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["models"]) == 0
    assert "gpt-4o-mini" in capsys.readouterr().out
    assert main(["models", "--json"]) == 0
    assert "gpt" in json.loads(capsys.readouterr().out)
    assert main(["health"]) == 0
    assert "ok" in capsys.readouterr().out
    assert main(["health", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["healthy"]
    assert main(["status"]) == 0
    assert "healthy" in capsys.readouterr().out
    monkeypatch.setenv("DATABASE_URL", "sqlite:///canary/turns.db")
    assert main(["config"]) == 0
    out = capsys.readouterr().out
    assert "OPENAI_API_KEY" in out
    assert "canary" not in out
    assert re.search(r"conversations.url .*DATABASE_URL", out)
    assert "turns.db" not in out
    assert main(["config", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["retry.base_s"] == {"value": "1.0", "source": "default"}


def test_status_shows_what_earlier_commands_have_counted(
    simulator: Simulator, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "c.toml").write_text("[observe]\nkeep_metrics = true\n")
    monkeypatch.setenv("LLM_MANAGER_CONFIG", str(tmp_path / "c.toml"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/kept.db")
    for question in ("one", "two"):
        assert main(["generate", question]) == 0
    capsys.readouterr()
    assert main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("requests 0, successes 0, retries 0")
    assert lines[2].startswith("all processes: requests 2, successes 2, retries 0, cost $0.0")
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stored"]["totals"]["requests"] == 2


def test_health_fails_when_nobody_answers(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert main(["health"]) == 1
    assert "DOWN" in capsys.readouterr().out
    assert main(["status"]) == 1


def test_the_demo_runs_without_an_account(capsys: Capture) -> None:
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    assert "All of it worked." in out
    assert "Anomaly(metric='error_rate', severity='high', score=0.93)" in out


def test_wrong_usage_is_exit_code_2() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["no-such-command"])
    assert ended.value.code == 2


def test_an_interrupted_command_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"read": staticmethod(interrupted)}))
    assert main(["plan"]) == 130


def test_a_reader_who_leaves_is_no_traceback() -> None:
    command = f"{sys.executable} -m llm_manager.cli.main config | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, env={"PATH": os.environ["PATH"]})  # noqa: S603, S607
    assert done.stdout.startswith(b"SETTING")
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")  # noqa: PTH110
@pytest.mark.parametrize("command", ["config", "models --json"])
def test_a_disk_that_is_full_is_one_line_and_no_traceback(command: str) -> None:
    shell = f"{sys.executable} -m llm_manager.cli.main {command} > /dev/full"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, check=False, env={"PATH": os.environ["PATH"]})  # noqa: S603, S607
    assert (done.returncode, done.stderr) == (
        1,
        b"llm-manager: standard output cannot be written: No space left on device\n",
    )


def test_amounts_and_times_are_written_for_people() -> None:
    assert [show.dollars(None), show.dollars(0.5), show.dollars(12.3)] == ["?", "$0.5000", "$12.30"]
    assert [show.seconds(0.5), show.seconds(50), show.seconds(500)] == ["500 ms", "50.0 s", "500 s"]


def test_warnings_of_others_are_shown_as_they_are() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with taped._heard() as told:  # pyright: ignore[reportPrivateUsage]  # what it keeps is shown by nobody else
            warnings.warn("of others", UserWarning, stacklevel=1)
    assert [str(each.message) for each in shown] == ["of others"]
    assert told == []
