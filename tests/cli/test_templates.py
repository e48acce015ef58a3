"""Templates on the command line: what there is, what each takes, and one clean line for whatever is wrong."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio.from_thread
import pytest

from llm_manager.cli.main import main
from llm_manager.testing.simulator import Say, Simulator

Capture = pytest.CaptureFixture[str]

GREET = """\
+++
name = "greet"
version = "2"
description = "Greet somebody."
system_prompt = "Be brief."
task_type = "analysis"
preferences = { model = "gpt-4o", temperature = 0.5 }

[variables.who]
description = "The guest."

[variables.visits]
type = "int"
default = 1

[variables.tags]
type = "list"
default = []

[variables.style]
default = "warm"
choices = ["warm", "cool"]
+++
Greet {{ who }} ({{ visits }}, {{ style }}): {{ tags | json }}
"""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_API_KEYS", "_URL", "_KEY")) or name.startswith(
            ("LLM_", "LLAMA_", "OLLAMA_", "PORTKEY_")
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            yield server


@pytest.fixture
def greet(tmp_path: Path) -> str:
    file = tmp_path / "greet.prompt"
    file.write_text(GREET, encoding="utf-8")
    return str(file)


def test_a_template_from_a_file_is_asked(simulator: Simulator, capsys: Capture, greet: str) -> None:
    assert main(["generate", "--template", greet, "--var", "who=Ada", "--var", "visits=3", "--var", 'tags=["a"]']) == 0
    assert capsys.readouterr() == ('You said: Greet Ada (3, warm): ["a"]\n', "")
    [sent] = simulator.received
    assert (sent.json["model"], sent.json["temperature"]) == ("gpt-4o", 0.5)
    assert sent.json["messages"][0] == {"role": "system", "content": "Be brief."}


def test_what_the_command_line_says_wins_over_the_template(simulator: Simulator, capsys: Capture, greet: str) -> None:
    wishes = ["--model", "gpt-5.4", "--temperature", "0", "--max-tokens", "9", "--system", "Sing."]
    assert main(["generate", "--template", greet, "--var", "who=Ada", *wishes]) == 0
    assert capsys.readouterr().err == ""
    [sent] = simulator.received
    assert (sent.json["model"], sent.json["messages"][0]["content"]) == ("gpt-5.4", "Sing.")


def test_variables_come_from_a_file_from_standard_input_and_from_files_of_their_own(
    simulator: Simulator, capsys: Capture, greet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vars.json").write_text('{"who": "Eve", "visits": 7, "tags": [1]}', encoding="utf-8")
    (tmp_path / "style.txt").write_text("cool", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.StringIO("Bob {{ 7 * 7 }}"))
    given = ["--vars", str(tmp_path / "vars.json"), "--var", "who=@-", "--var", f"style=@{tmp_path / 'style.txt'}"]
    assert main(["generate", "--template", greet, *given]) == 0
    assert capsys.readouterr().out == "You said: Greet Bob {{ 7 * 7 }} (7, cool): [1]\n"
    assert len(simulator.received) == 1


def test_a_ready_made_template_prints_its_value(simulator: Simulator, capsys: Capture) -> None:
    assert main(["generate", "--template", "anomaly-analysis", "--var", "data=[1, 2, 300]", "--model", "gpt-4o"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert {"anomalies", "is_anomaly", "severity", "confidence", "root_cause", "evidence"} <= set(value)
    assert "[\n  1,\n  2,\n  300\n]" in simulator.received[0].json["messages"][-1]["content"]


def test_a_ready_made_template_is_streamed_as_a_value_that_grows(simulator: Simulator, capsys: Capture) -> None:
    assert (
        main(["generate", "--stream", "--template", "anomaly-analysis@2", "--var", "data=x", "--model", "gpt-4o"]) == 0
    )
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "recommended_actions" in lines[-1]
    assert len(simulator.received) == 1


def test_a_schema_from_a_file_holds_the_answer_of_a_template(
    simulator: Simulator, capsys: Capture, greet: str, tmp_path: Path
) -> None:
    (tmp_path / "schema.json").write_text('{"type": "integer"}', encoding="utf-8")
    simulator.script("gpt-4o", [Say("7")])
    given = ["--template", greet, "--var", "who=Ada", "--schema", str(tmp_path / "schema.json")]
    assert main(["generate", *given]) == 0
    assert capsys.readouterr().out == "7\n"


def test_a_template_is_planned_without_asking(simulator: Simulator, capsys: Capture, greet: str) -> None:
    assert main(["plan", "--template", greet, "--var", "who=Ada"]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("gpt-4o")
    assert simulator.received == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--var", "visits=many"], "who (greet@2): is missing: give text"),
        (["--var", "visits=many"], "visits (greet@2): is text: give a whole number"),
        (["--var", "who=Ada", "--var", "style=hot"], "style (greet@2): is 'hot': give one of 'warm', 'cool'"),
        (["--var", "whom=Ada"], "whom (greet@2): is unknown: did you mean who?"),
        (["--var", "who"], "--var who: write NAME=VALUE"),
        (["--var", "who=@no/such/file"], "--var who: no/such/file: cannot be read: No such file or directory"),
        (["--vars", "no/such/file"], "no/such/file: cannot be read: No such file or directory"),
        (["--vars", "BYTES"], "is not UTF-8 text"),
        (["--vars", "LIST"], "is no JSON object with a value for each variable"),
        (["--vars", "BROKEN"], "is not JSON: "),
        (["--var", "who=Ada", "a prompt"], "a template makes the prompt: leave one of them out"),
    ],
)
def test_what_is_wrong_with_the_variables_is_one_line(
    arguments: list[str], said: str, capsys: Capture, greet: str, tmp_path: Path
) -> None:
    for name, content in {"BYTES": b"\xff", "LIST": b"[]", "BROKEN": b"{"}.items():
        (tmp_path / name).write_bytes(content)
    given = [str(tmp_path / each) if each.isupper() else each for each in arguments]
    assert main(["generate", "--template", greet, *given]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), said in err) == ("", 1, True), err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["generate", "--template", "anomaly-anlysis"], "did you mean anomaly-analysis?"),
        (["generate", "--template", "anomaly-analysis@9"], "there are anomaly-analysis@2"),
        (["generate", "--template", "./none.prompt"], "there is no such file"),
        (["generate", "--var", "a=b", "hello"], "--var and --vars fill in a template: name one with --template"),
        (["generate", "--template", "anomaly-analysis", "--schema", "none.json"], "none.json: cannot be read"),
        (["templates", "no/such/folder"], "cannot be read"),
    ],
)
def test_what_is_wrong_with_the_rest_is_one_line(arguments: list[str], said: str, capsys: Capture) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), said in err) == ("", 1, True), err


def test_a_problem_with_variables_is_json_when_json_is_asked_for(capsys: Capture, greet: str) -> None:
    assert main(["generate", "--json", "--template", greet]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["tag"] == "InvalidRequest"
    assert told["problems"] == [{"path": "who", "message": "is missing: give text", "source": "greet@2"}]


def test_what_there_is_is_listed_with_what_it_takes(capsys: Capture, greet: str) -> None:
    assert main(["templates", str(Path(greet).parent)]) == 0
    assert capsys.readouterr().out == (
        f"greet@2  ({greet})\n"
        "  Greet somebody.\n"
        "    who     str    The guest.\n"
        "    visits  int?   (default 1)\n"
        "    tags    list?\n"
        "    style   str?   (one of warm, cool; default warm)\n"
    )
    assert main(["templates"]) == 0
    listed = capsys.readouterr().out
    assert "anomaly-analysis@2\n  Which anomalies data shows" in listed
    assert "  Answers with AnomalyAnalysis.\n    data " in listed


def test_what_there_is_is_json_when_json_is_asked_for(capsys: Capture, greet: str, tmp_path: Path) -> None:
    assert main(["templates", "--json", str(Path(greet).parent)]) == 0
    [told] = json.loads(capsys.readouterr().out)
    assert (told["name"], told["version"], told["source"]) == ("greet", "2", greet)
    assert told["variables"]["style"]["choices"] == ["warm", "cool"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.toml").write_text("name = 'a'\nprompt = 'x'", encoding="utf-8")
    assert main(["templates", str(tmp_path / "plain")]) == 0
    assert capsys.readouterr().out == f"a@1  ({tmp_path}/plain/a.toml)\n"
    assert main(["templates", str(tmp_path / "empty")]) == 0
    assert capsys.readouterr().out.startswith("there are no templates")
