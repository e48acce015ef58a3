"""Whatever a model, a vendor or a file says: no place where a person reads it lets it steer the terminal."""

from __future__ import annotations

import ast
import io
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from returns.result import Failure, Success

from llm_manager import LLMError, LLMResponse, ObserveSettings, ServerError, Usage, describe
from llm_manager.adapters.observers.log import LogObserver
from llm_manager.cli import demo, watch
from llm_manager.cli.columns import Block
from llm_manager.cli.compare import show_blocks
from llm_manager.cli.main import main
from llm_manager.cli.progress import Progress
from llm_manager.cli.show import table
from llm_manager.domain.events import Event
from llm_manager.testing.simulator import Say, Simulator, Status
from tests.adapters.test_observers import EVENTS
from tests.cli.commands import Capture, bare_environment, simulator
from tests.cli.test_watch import DOWN, WELL, status
from tests.domain.test_verdicts import MATRIX
from tests.hostile import HOSTILE, made_hostile, steering

__all__ = ["bare_environment", "simulator"]

SPOKEN = HOSTILE.replace("\ud800", "")
"""What JSON can carry."""

PACKAGE = Path(demo.__file__).parents[1]


def look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody looks, at a terminal without colours: so no control that is seen is ours."""
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")


def seen(capsys: Capture) -> str:
    out, err = capsys.readouterr()
    return out + err


COMMANDS: Sequence[Sequence[str]] = (
    ("generate", "why?", "--model", "gpt-4o"),
    ("generate", "why?", "--model", "gpt-4o", "--stream"),
    ("generate", "why?", "--model", "gpt-4o", "--json"),
    ("generate", "why?", "--model", SPOKEN),
    ("generate", "--template", SPOKEN),
    ("compare", "why?", "--models", "gpt-4o"),
    ("compare", "why?", "--models", f"gpt-4o,{SPOKEN}"),
    ("compare", "why?", "--models", f"gpt-4o,{SPOKEN}", "--json"),
    ("plan", "why?", "--model", SPOKEN),
    ("plan", "why?", "--task", SPOKEN),
    ("batch", SPOKEN.replace("\x00", ""), "out.jsonl"),
    ("chat", "--resume", SPOKEN),
    ("simulate", SPOKEN.replace("\x00", "")),
)


@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: " ".join(argv).partition("\x1b")[0])
@pytest.mark.parametrize("reply", [Say(SPOKEN), Status(400, None, SPOKEN)], ids=["answer", "error"])
def test_no_command_shows_what_steers_the_terminal(
    simulator: Simulator,
    capsys: Capture,
    argv: Sequence[str],
    reply: Say | Status,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look(monkeypatch)
    monkeypatch.chdir(tmp_path)
    simulator.script("gpt-4o", [reply] * 3)
    with suppress(SystemExit):
        main(list(argv))
    text = seen(capsys)
    assert text
    assert steering(text) == set()


@pytest.mark.parametrize("answer", [SPOKEN, json.dumps({"a": SPOKEN}, ensure_ascii=False)])
def test_what_is_extracted_does_not(capsys: Capture, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    look(monkeypatch)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(answer.encode("utf-8", "replace"))))
    main(["extract", "--explain"])
    assert steering(seen(capsys)) == set()


def test_no_picture_of_a_command_does(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    look(monkeypatch)
    answer = made_hostile(LLMResponse(content="x", model="gpt", usage=Usage()))
    failed = made_hostile(ServerError("gpt", 503, "busy"))
    demo.shown(Success(answer))
    demo.shown(Failure(failed))
    for columns in ("40", "120"):
        monkeypatch.setenv("COLUMNS", columns)
        show_blocks([Block(HOSTILE, HOSTILE, HOSTILE)] * 2)
    text = seen(capsys)
    assert "end" in text
    assert steering(text) == set()
    assert steering(table(("A", "B"), [(HOSTILE, HOSTILE)])) == set()
    rows = watch.picture(status(made_hostile(WELL), made_hostile(DOWN)), {HOSTILE: [1.0]}, "now")
    assert steering("".join(line for line, _ in rows)) == set()


def test_no_line_of_progress_does(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    progress = Progress(2, stream)
    progress.show(1, 0, 0, lambda: HOSTILE)
    progress.note(describe(made_hostile(ServerError("gpt", 503, "busy"))) + HOSTILE)
    assert steering(stream.getvalue().replace("\r\033[K", "")) == set()


@pytest.mark.parametrize("error", [row[0] for row in MATRIX], ids=lambda error: error.tag)
def test_no_description_of_an_error_does(error: LLMError) -> None:
    line = describe(made_hostile(error))
    assert "\n" not in line
    assert steering(line) == set()


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_no_line_of_a_log_does(event: Event, form: str) -> None:
    stream = io.StringIO()
    observer = LogObserver(replace(ObserveSettings(), log=form, prompts=True), stream)  # type: ignore[arg-type]
    observer.notify(made_hostile(event))
    assert len(stream.getvalue().splitlines()) == 1
    assert steering(stream.getvalue()) == set()


WRITERS = {
    ("cli/batch_output.py", "_sort"): "the file of answers, which is data",
    ("cli/chat/editor.py", "line"): "a prompt, which is escaped there",
    ("cli/progress.py", "clear"): "nothing but the controls that clear the line",
    ("cli/progress.py", "note"): "through shown",
    ("cli/progress.py", "show"): "escaped there",
    ("cli/show.py", "print_line"): "through shown",
    ("cli/show.py", "print_painted"): "ours, with what is not escaped by the caller",
    ("cli/show.py", "print_text"): "through shown",
    ("cli/watch.py", "_draw"): "a table, whose cells are escaped",
    ("cli/watch.py", "_screen"): "nothing but the controls of the screen",
}
"""Every function that writes to a stream of the terminal, and why what others wrote cannot steer it."""


def test_there_is_no_other_place_that_writes_to_a_terminal() -> None:
    assert {place for path in PACKAGE.rglob("*.py") for place in _writers(path)} == set(WRITERS)


def _writers(path: Path) -> set[tuple[str, str]]:
    """The functions in *path* that print, or write to a stream of this process or to one they were given as such."""
    found: set[tuple[str, str]] = set()
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and _is_terminal(ast.unparse(call.func)):
                found.add((path.relative_to(PACKAGE).as_posix(), function.name))
    return found


def _is_terminal(called: str) -> bool:
    return called in ("print", "out.write", "self._stream.write") or called.startswith(("sys.stdout.w", "sys.stderr.w"))
