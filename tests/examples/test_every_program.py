"""Every program in ``examples/`` runs without an account, explains itself, and says in one line what is wrong."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llm_manager.testing import Simulator
from llm_manager.testing.simulator import Fault
from programs import started

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
PROGRAMS = {path.name for path in EXAMPLES.glob("*.py")}
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ python (examples/\S+\.py)([^\n#]*)", README, re.MULTILINE)
SERVES = {"fastapi_stream.py"}
"""Runs until it is stopped, and is tried in a file of its own."""

WRONG: dict[str, tuple[list[str], str]] = {
    "anomaly_triage.py": (["no-such.log"], "anomaly_triage: no-such.log: No such file or directory\n"),
    "ui_component.py": ([], "ui_component: say what you want, or --demo\n"),
    "config_review.py": (["--model", "x", "no.conf"], "config_review: no.conf: No such file or directory\n"),
    "extract_documents.py": (["nowhere", "--out", "x"], "extract_documents: nowhere: there are no .txt files\n"),
    "fastapi_stream.py": ([], "fastapi_stream: the configuration is wrong: keys.providers: no provider is configured"),
}


def test_the_page_of_the_examples_names_every_program_and_no_other() -> None:
    assert {Path(program).name for program, _ in COMMANDS} == PROGRAMS


@pytest.mark.parametrize(("program", "arguments"), COMMANDS, ids=lambda each: str(each).strip() or "none")
@pytest.mark.usefixtures("no_account")
def test_the_command_of_the_page_runs_without_an_account(
    program: str,
    arguments: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if Path(program).name in SERVES:
        arguments = " --help"
    monkeypatch.setattr(sys, "argv", [program, *shlex.split(arguments.replace("/tmp", str(tmp_path)))])  # noqa: S108
    try:
        runpy.run_path(str(EXAMPLES.parent / program), run_name="__main__")
    except SystemExit as ended:
        assert not ended.code  # noqa: PT017  # a program may also just end
    assert capsys.readouterr().out


@pytest.mark.parametrize("program", sorted(WRONG))
@pytest.mark.usefixtures("no_account")
def test_a_program_says_in_one_line_what_is_wrong(program: str, tmp_path: Path) -> None:
    arguments, said = WRONG[program]
    command = [sys.executable, str(EXAMPLES / program), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ), check=False)  # noqa: S603  # ours
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1


STOPPED = {
    "anomaly_triage.py": ["{data}/logs/mailer.log"],
    "ui_component.py": ["a star"],
    "config_review.py": ["{data}/config/app.env", "--model", "llama3.2", "--url", "{url}"],
    "extract_documents.py": ["{data}/invoices", "--out", "rows.jsonl"],
}


@pytest.mark.parametrize("program", sorted(STOPPED))
def test_ctrl_c_ends_a_program_without_a_traceback(program: str, vendor: Simulator, tmp_path: Path) -> None:
    """The vendor never answers; the program is stopped when its request has arrived there."""
    for path in ("/v1/chat/completions", "/api/chat"):
        vendor.script(path, [Fault("hang")] * 10)
    arguments = [each.format(data=EXAMPLES / "data", url=vendor.url) for each in STOPPED[program]]
    command = [sys.executable, str(EXAMPLES / program), *arguments]
    running = started(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    with running:
        try:
            arrival(vendor)
            running.send_signal(signal.SIGINT)
            _, said = running.communicate(timeout=20)
        finally:
            running.kill()
    assert running.returncode == 130
    assert "Traceback" not in said


def arrival(vendor: Simulator) -> None:
    """Return once a request has arrived at *vendor*; it is told of by nobody, so it is looked for."""
    until_s = time.monotonic() + 20
    while not vendor.received:
        assert time.monotonic() < until_s, "nothing has arrived"
        time.sleep(0.02)
