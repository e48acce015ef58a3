"""Recordings on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_manager.cli.main import main
from llm_manager.testing.simulator import Say, Simulator, Status
from tests.cli.commands import Capture
from tests.cli.commands import bare_environment as bare_environment
from tests.cli.commands import simulator as simulator


def test_a_recorded_answer_comes_back_without_a_network(
    simulator: Simulator, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "run.jsonl")
    simulator.script("gpt-6.1-terra", [Status(503), Say("It scatters."), Say("[1, 2]")])
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
    assert first.startswith(f"llm-manager: {path}: the call of gpt-6.1-terra at openai was not recorded; the nearest")
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
