"""Several models asked at once: what is printed of their answers, and when that is a failure."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio.from_thread
import pytest

from llm_manager.cli.cells import cells, cropped, wrapped
from llm_manager.cli.columns import Block, side_by_side
from llm_manager.cli.main import main
from llm_manager.testing.simulator import Say, Simulator, Status

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A vendor on loopback, and no settings of this machine."""
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_API_KEYS", "_URL", "_KEY")) or name.startswith(("LLM_", "OLLAMA_")):
            monkeypatch.delenv(name)
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            yield server


def test_in_a_pipe_the_answers_are_below_one_another_as_they_are(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-4o", [Say("Blue \x1b[1mlight.")])
    assert main(["compare", "Why?", "--models", " gpt-4o, clod ,"]) == 0
    out, err = capsys.readouterr()
    first, account, text, second, failed, why = out.split("\n\n")
    assert (first, text, second, failed, err) == ("## gpt-4o", "Blue \x1b[1mlight.", "## clod", "[failed]", "")
    assert account.startswith("[gpt-4o | ")
    assert account.endswith(" | 33 tokens | $0.0002 | 0 retries]")
    assert why.startswith("the request is invalid: preferences.model: unknown model 'clod'; did you mean claude?")


def test_on_a_terminal_the_answers_are_beside_one_another_and_harmless(
    simulator: Simulator, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    for columns, text in (("80", "a ␛[2J" + " " * 32 + " │ b"), ("40", "a ␛[2J")):
        monkeypatch.setenv("COLUMNS", columns)
        simulator.script("gpt-4o", [Say("a \x1b[2J")])
        simulator.script("gpt-4.1", [Say("b")])
        assert main(["compare", "Why?", "--models", "gpt-4o,gpt-4.1"]) == 0
        assert text in capsys.readouterr().out.splitlines()


def test_a_comparison_as_json_is_one_document(simulator: Simulator, capsys: Capture) -> None:
    simulator.script("gpt-4.1", [Status(404)])
    assert main(["compare", "Why?", "--models", "gpt-4o,gpt-4.1", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["answers"]
    assert (first["asked"], first["response"]["content"]) == ("gpt-4o", "You said: Why?")
    assert (second["asked"], second["error"]["tag"]) == ("gpt-4.1", "ModelUnavailable")


def test_with_a_schema_the_values_are_compared_with_what_every_round_used(
    simulator: Simulator, capsys: Capture, tmp_path: Path
) -> None:
    schema = tmp_path / "number.json"
    schema.write_text('{"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}')
    command = ["compare", "Count.", "--models", "gpt-4o,gpt-4.1", "--schema", str(schema)]
    simulator.script("gpt-4o", [Say('{"n": "x"}'), Say('{"n": 2}')])
    simulator.script("gpt-4.1", [Say("none")] * 3)
    assert main([*command, "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["answers"]
    assert (first["value"], first["total_tokens"]) == ({"n": 2}, 66)
    assert first["cost_usd"] > 0
    assert second["error"]["tag"] == "ExtractionFailed"
    simulator.script("gpt-4o", [Say('{"n": 2}', usage=None)])
    assert main(command) == 0
    assert '\n\n{\n  "n": 2\n}\n\n## gpt-4.1' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("models", "prompt", "code"),
    [("gpt-4o,gpt-4.1", "x", 1), ("clod,gtp", "x", 2), (",", "x", 2), ("gpt-4o", " ", 2)],
)
def test_only_when_none_answers_it_has_failed(
    simulator: Simulator, capsys: Capture, models: str, prompt: str, code: int
) -> None:
    for model in ("gpt-4o", "gpt-4.1"):
        simulator.script(model, [Status(404)])
    assert main(["compare", prompt, "--models", models]) == code
    capsys.readouterr()


def test_a_missing_schema_and_a_missing_recording_are_told(simulator: Simulator, capsys: Capture) -> None:
    assert main(["compare", "x", "--models", "gpt", "--schema", "/none.json"]) == 2
    assert main(["compare", "x", "--models", "gpt", "--replay", "/none.jsonl"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert simulator.received == []


def test_columns_are_as_wide_in_chinese_as_in_english() -> None:
    blocks = [
        Block("a", "r", "天空是蓝的因为瑞利散射。 " * 4),
        Block("b", "a longer remark than there is room", "short"),
    ]
    drawn = side_by_side(blocks, 63, lambda text, _colour: text)
    assert drawn is not None
    assert {cells(line.partition("│")[0]) for line in drawn.splitlines()} == {31}
    assert drawn.splitlines()[2].strip(" │") == "room"
    assert drawn.splitlines()[4].endswith("│ short")


def test_lines_keep_their_indent_and_long_words_are_cut() -> None:
    assert wrapped("    x = 1\n\n" + "y" * 7, 5) == ["    x", "= 1", "", "yyyyy", "yy"]
    assert wrapped("天天", 1) == ["天", "天"]
    assert (cropped("👍🏽👍🏽", 3), cells("👍🏽"), cells("\u0301")) == ("👍🏽…", 2, 0)
