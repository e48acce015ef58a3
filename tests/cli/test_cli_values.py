"""Values on the command line: schemas in files, and what is extracted from a text."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from llm_manager.cli.main import main
from llm_manager.testing.simulator import Say, Simulator
from tests.cli.commands import Capture
from tests.cli.commands import bare_environment as bare_environment
from tests.cli.commands import simulator as simulator

SCHEMA = '{"type": "object", "properties": {"sky": {"type": "string"}}, "required": ["sky"]}'


def test_an_answer_can_be_held_to_a_schema_in_a_file(simulator: Simulator, capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text(SCHEMA)
    simulator.script("gpt-6.1-terra", [Say('{"sky": 5}'), Say('{"sky": "blue"}')])
    assert main(["generate", "hi", "--schema", str(file)]) == 0
    assert json.loads(capsys.readouterr().out) == {"sky": "blue"}
    simulator.script("gpt-6.1-terra", [Say("no")] * 3)
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
