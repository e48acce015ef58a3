"""The command line as a person or a script meets it: output, exit codes, and one readable line when it fails."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import anyio.from_thread
import pytest

from llm_manager import PlannedTarget, RoutePlan
from llm_manager.cli import show, taped
from llm_manager.cli.ask import plan_text
from llm_manager.cli.main import main
from llm_manager.testing.simulator import Fault, Say, Simulator, Status

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


def test_generate_prints_the_answer_and_nothing_else(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-5.6-terra", [Say("It scatters.")])
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
    simulator.script("gpt-5.6-terra", [Say("It scatters."), Say("It scatters.")])
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
    assert capsys.readouterr().err.startswith("[gpt-5.6-terra | ")


def test_a_failure_is_one_line_and_exit_code_1(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-5.6-terra", [Status(401, None, "Incorrect API key provided: sk-canary-0123456789")])
    assert main(["generate", "hi"]) == 1
    out, err = capsys.readouterr()
    assert "canary" not in out + err
    assert len(err.splitlines()) == 1
    assert err.startswith("llm-manager: no valid key for gpt-5.6-terra")


def test_a_failure_as_json_is_the_error_itself(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-5.6-terra", [Status(404)])
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


def test_a_plan_says_how_many_messages_a_window_leaves_out() -> None:
    target = PlannedTarget(model="gpt", provider="openai", why="first", left_out_messages=3, worst_attempts=1)
    route = RoutePlan(targets=(target,), worst_attempts=1, worst_cost_usd=None, worst_latency_s=1.0)
    assert "first, without 3 messages" in plan_text(route)


def test_plan_shows_models_reasons_and_the_worst_case(simulator: Simulator, capsys: Capture) -> None:
    assert main(["plan", "hi", "--max-tokens", "100"]) == 0
    out = capsys.readouterr().out
    assert "gpt-5.6-terra" in out
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


def test_health_fails_when_nobody_answers(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert main(["health"]) == 1
    assert "DOWN" in capsys.readouterr().out
    assert main(["status"]) == 1


SCHEMA = '{"type": "object", "properties": {"sky": {"type": "string"}}, "required": ["sky"]}'


def test_an_answer_can_be_held_to_a_schema_in_a_file(simulator: Simulator, capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(SCHEMA)
    simulator.script("gpt-5.6-terra", [Say('{"sky": 5}'), Say('{"sky": "blue"}')])
    assert main(["generate", "hi", "--schema", str(file)]) == 0
    assert json.loads(capsys.readouterr().out) == {"sky": "blue"}
    simulator.script("gpt-5.6-terra", [Say("no")] * 3)
    assert main(["generate", "hey", "--schema", str(file)]) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ('{"type": "thing"}', "is no JSON schema"),
        ('{"$ref": "#"}', "refers to itself without end"),
        ('{"$ref": "other.json"}', "refers to 'other.json', which is not in this file: put it under $defs"),
        ("5", "is no JSON schema"),
    ],
)
def test_a_file_that_is_no_schema_is_told(capsys: Capture, tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "schema.json"
    if content is not None:
        file.write_text(content)
    for command in (["generate", "x"], ["extract"]):
        assert main([*command, "--schema", str(file)]) == 2
        assert said in capsys.readouterr().err


def extracted(text: str, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    return main(["extract", *argv])


def test_extract_finds_the_value_and_says_what_it_repaired(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert extracted("Sure: {'a': 1,}", ["--explain"], monkeypatch) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"a": 1}
    assert "repaired" in err
    assert extracted('{"a": 1} and {"b": 2}', ["--all"], monkeypatch) == 0
    assert json.loads(capsys.readouterr().out) == [{"a": 1}, {"b": 2}]
    assert extracted("nothing here", [], monkeypatch) == 1
    assert extracted("nothing here", ["--all"], monkeypatch) == 1


def test_a_schema_never_makes_the_command_fetch_something(
    simulator: Simulator, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps({"properties": {"a": {"$ref": f"{simulator.url}/schema"}}}))
    assert extracted('{"a": 1}', ["--schema", str(file)], monkeypatch) == 1
    assert "which is not in this file" in capsys.readouterr().err
    assert simulator.received == []


def test_extract_with_a_schema(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(SCHEMA)
    assert extracted('x {"sky": "blue"}', ["--schema", str(file)], monkeypatch) == 0
    assert extracted('x {"sky": 5}', ["--schema", str(file), "--json"], monkeypatch) == 1
    assert '"SchemaMismatch"' in capsys.readouterr().out


def test_a_schema_may_bend_the_value_and_says_how(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "schema.json"
    file.write_text('{"type": "object", "properties": {"tags": {"type": "array"}, "n": {"type": "integer"}}}')
    bent = ["--schema", str(file), "--coerce", "--explain"]
    assert extracted("{tags: 'red', n: '1,234'}", bent, monkeypatch) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"tags": ["red"], "n": 1234}
    assert err.splitlines()[0] == "characters 0 to 25: repaired"
    assert err.splitlines()[-2:] == [
        "  at tags: made a list of a single value",
        "  at n: read a text as the number it spells",
    ]
    assert extracted("{tags: 'red'}", bent[:2], monkeypatch) == 1
    assert extracted("{}", ["--coerce"], monkeypatch) == 2
    assert "give one with --schema FILE" in capsys.readouterr().err


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


def test_a_recorded_answer_comes_back_without_a_network(
    simulator: Simulator, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "run.jsonl")
    simulator.script("gpt-5.6-terra", [Status(503), Say("It scatters."), Say("[1, 2]")])
    schema = tmp_path / "schema.json"
    schema.write_text('{"type": "array", "items": {"type": "integer"}}')
    ways = (["Why?", "--json"], ["Why?", "--schema", str(schema)], ["Why?", "--stream"])
    for way in ways:
        assert main(["generate", *way, "--record", path]) == 0
        then, asked = capsys.readouterr(), len(simulator.received)
        with monkeypatch.context() as bare:
            bare.delenv("OPENAI_API_KEY")
            assert main(["generate", *way, "--replay", path]) == 0
        assert capsys.readouterr() == then
        assert len(simulator.received) == asked


def test_what_is_not_in_a_recording_is_shown_beside_what_is(
    simulator: Simulator, capsys: Capture, tmp_path: Path
) -> None:
    path = str(tmp_path / "run.jsonl")
    assert main(["generate", "Why is the sky blue?", "--record", path]) == 0
    capsys.readouterr()
    assert main(["generate", "Why is the sky red?", "--replay", path]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"llm-manager: {path}: the call of gpt-5.6-terra at openai was not recorded; the nearest")
    assert second == '  request.prompt: recorded "Why is the sky blue?", asked "Why is the sky red?"'
    assert main(["generate", "Why is the sky red?", "--replay", path, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["tag"] == "NotRecorded"
    assert [each["path"] for each in told["differences"]] == ["request.prompt"]


def test_what_a_recording_has_besides_is_told_after_the_answer(
    simulator: Simulator, capsys: Capture, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    assert main(["generate", "hi", "--record", str(path)]) == 0
    answer = capsys.readouterr().out
    path.write_text(path.read_text() + '{"tag": "Draw", "reader": "", "value": 0.5}\n')
    assert main(["generate", "hi", "--replay", str(path)]) == 0
    assert capsys.readouterr() == (answer, f"llm-manager: {path}: never asked for: 1 draw\n")


def test_a_file_that_is_no_recording_is_wrong_usage(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes\n")
    assert main(["generate", "hi", "--replay", str(path)]) == 2
    assert capsys.readouterr().err == f"llm-manager: {path}, line 1: is not a recording\n"
    assert main(["generate", "hi", "--replay", str(path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["reason"] == "foreign"
    with pytest.raises(SystemExit):
        main(["generate", "hi", "--replay", str(path), "--record", str(path)])


def test_warnings_of_others_are_shown_as_they_are() -> None:
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with taped._heard() as told:  # pyright: ignore[reportPrivateUsage]  # what it keeps is shown by nobody else
            warnings.warn("of others", UserWarning, stacklevel=1)
    assert [str(each.message) for each in shown] == ["of others"]
    assert told == []
