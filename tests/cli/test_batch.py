"""``batch`` as a person or a script meets it."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest
from returns.result import Success

from llm_manager import describe
from llm_manager.cli.batch_lines import LONGEST_LINE, BatchLines
from llm_manager.cli.batch_output import OrderedLines
from llm_manager.cli.main import main
from llm_manager.cli.progress import Progress
from llm_manager.testing.simulator import Say, Simulator, Status

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """A simulator in another thread, for the command starts an event loop of its own."""
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_URL", "_KEY")) or name.startswith(("LLM_", "LLAMA_", "OLLAMA_")):
            monkeypatch.delenv(name)
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        with portal.wrap_async_context_manager(server):
            monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            yield server


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ask(*lines: object) -> None:
    Path("in.jsonl").write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")


def told() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]


def batch(*options: str) -> int:
    return main(["batch", "in.jsonl", "out.jsonl", *options])


@pytest.mark.usefixtures("files")
def test_every_line_is_answered_in_its_place(simulator: Simulator, capsys: Capture) -> None:
    ask(
        {"id": "a", "prompt": "one"},
        {"prompt": "two"},
        {"id": 7, "prompt": "three", "preferences": {"model": "gpt-4o"}},
    )
    simulator.script("gpt-6.1-terra", [Say("slow", after_s=0.1), Say("quick")])
    assert batch("--concurrency", "3") == 0
    assert [(line["line"], line.get("id")) for line in told()] == [(1, "a"), (2, None), (3, "7")]
    assert {line["response"]["content"] for line in told()} == {"slow", "quick", "You said: three"}
    assert [line["response"]["model"] for line in told()] == ["gpt-6.1-terra", "gpt-6.1-terra", "gpt-4o"]
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("3 of 3 answered, $0.00")
    assert sorted(each.name for each in Path().iterdir()) == ["in.jsonl", "out.jsonl", "out.jsonl.journal"]


@pytest.mark.usefixtures("files")
def test_the_same_command_again_asks_only_for_what_failed(simulator: Simulator, capsys: Capture) -> None:
    ask({"prompt": "one"}, {"prompt": "two"})
    simulator.script("gpt-6.1-terra", [Say("first"), Status(400)])
    assert batch("--concurrency", "1", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["answered"], report["kept"], report["failed"]) == (1, 0, {"InvalidRequest": 1})
    assert told()[1]["error"]["tag"] == "InvalidRequest"
    assert batch("--concurrency", "1") == 0
    assert [line["response"]["content"] for line in told()] == ["first", "You said: two"]
    assert "2 of 2 answered (1 of them before)" in capsys.readouterr().err
    assert len(simulator.received) == 3


@pytest.mark.usefixtures("files")
def test_options_hold_for_every_line_that_does_not_say_it_itself(simulator: Simulator) -> None:
    own = {"prompt": "two", "system_prompt": "own", "preferences": {"temperature": 1.0}}
    ask({"prompt": "one"}, own)
    options = ["--model", "gpt-4o", "--system", "be brief", "--temperature", "0", "--max-tokens", "9"]
    assert batch("--concurrency", "1", *options) == 0
    sent = [received.json for received in simulator.received]
    assert [body["model"] for body in sent] == ["gpt-4o", "gpt-4o"]
    assert [body["temperature"] for body in sent] == [0, 1.0]
    assert [body["messages"][0]["content"] for body in sent] == ["be brief", "own"]


@pytest.mark.usefixtures("files")
def test_with_a_schema_the_answers_are_values(simulator: Simulator) -> None:
    ask({"prompt": "one"})
    Path("schema.json").write_text('{"type": "array", "items": {"type": "integer"}}', encoding="utf-8")
    simulator.script("gpt-6.1-terra", [Say("[1, 2]")])
    assert batch("--schema", "schema.json") == 0
    assert told() == [{"line": 1, "value": [1, 2]}]
    Path("out.jsonl").unlink()
    assert batch("--schema", "schema.json") == 0
    assert told() == [{"line": 1, "value": [1, 2]}], "from the journal"


BAD = (
    '\ufeff{"prompt": "fine"}\n'
    "not json\n"
    "[1]\n"
    "\n"
    '{"id": "a", "prompt": "fine"}\n'
    '{"id": "a", "prompt": "again"}\n'
    '{"id": [], "prompt": "x"}\n'
    '{"promt": "typo"}\n'
    '{"prompt": "x", "preferences": {"temperature": 9}}\n'
)


@pytest.mark.usefixtures("files")
def test_a_file_with_mistakes_is_refused_with_all_of_them_before_anything_is_sent(
    simulator: Simulator, capsys: Capture
) -> None:
    Path("in.jsonl").write_bytes(BAD.encode() + b'{"prompt": "\xff"}\n' + b"x" * (LONGEST_LINE + 9) + b"\n{}")
    assert batch("--json") == 2
    error = json.loads(capsys.readouterr().out)
    assert [problem["path"] for problem in error["problems"]] == [
        "line 2",
        "line 3",
        "line 6.id",
        "line 7",
        "line 8.promt",
        "line 8.prompt",
        "line 9.preferences.temperature",
        "line 10",
        "line 11",
        "line 12.prompt",
    ]
    assert simulator.received == []
    assert not Path("out.jsonl").exists()


@pytest.mark.usefixtures("files", "simulator")
def test_of_very_many_mistakes_the_first_are_told_and_the_rest_counted(capsys: Capture) -> None:
    Path("in.jsonl").write_text("x\n" * 5_000, encoding="utf-8")
    assert batch("--json") == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert len(problems) == 21
    assert problems[-1]["message"] == "and 4,980 more problems"


@pytest.mark.usefixtures("files", "simulator")
def test_a_file_that_is_somebody_elses_is_not_replaced_unless_that_is_wanted(capsys: Capture) -> None:
    ask({"prompt": "one"})
    Path("out.jsonl").write_text("mine", encoding="utf-8")
    assert batch() == 2
    assert "--overwrite" in capsys.readouterr().err
    assert Path("out.jsonl").read_text(encoding="utf-8") == "mine"
    assert batch("--overwrite") == 0
    assert told()[0]["response"]["content"] == "You said: one"


@pytest.mark.usefixtures("files", "simulator")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl", "out.jsonl"], "none.jsonl: No such file"),
        (["in.jsonl", "in.jsonl"], "three files"),
        (["out.jsonl.part", "out.jsonl"], "three files"),
        (["in.jsonl", "out.jsonl", "--journal", "out.jsonl.sorted"], "three files"),
        (["in.jsonl", "folder"], "folder: Is a directory"),
        (["in.jsonl", ""], ".: Is a directory"),
        (["in.jsonl", "out.jsonl", "--schema", "true.json"], "true.json: is no JSON schema of an answer"),
        (["in.jsonl", "out.jsonl", "--schema", "deep.json"], "deep.json: is nested too deep"),
        (["in.jsonl", "out.jsonl", "--schema", "deeper.json"], "deeper.json: is nested too deep"),
        (["pipe", "out.jsonl"], "pipe: is read twice"),
        (["in.jsonl", "no/out.jsonl"], "No such file"),
        (["in.jsonl", "out.jsonl", "--concurrency", "0"], "at least 1"),
        (["in.jsonl", "out.jsonl", "--schema", "none.json"], "none.json: cannot be read"),
        (["in.jsonl", "out.jsonl", "--task", "poetry"], "unknown task"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(capsys: Capture, arguments: list[str], said: str) -> None:
    ask({"prompt": "one"})
    Path("folder").mkdir()
    os.mkfifo("pipe")
    Path("true.json").write_text("true", encoding="utf-8")
    for name, depth in (("deep.json", 800), ("deeper.json", 100_000)):
        Path(name).write_text('{"not":' * depth + "{}" + "}" * depth, encoding="utf-8")
    assert main(["batch", *arguments]) in (1, 2)
    err = capsys.readouterr().err
    if said != "unknown task":
        assert said in err
        assert err.count("\n") == 1


@pytest.mark.usefixtures("files", "simulator")
def test_a_journal_that_is_something_else_is_an_error_and_stays(capsys: Capture) -> None:
    ask({"prompt": "one"})
    Path("mine").write_text("my notes\n" * 200, encoding="utf-8")
    assert batch("--journal", "mine") == 1
    assert "is no database: choose another file" in capsys.readouterr().err
    assert Path("mine").read_text(encoding="utf-8") == "my notes\n" * 200


@pytest.mark.usefixtures("files", "simulator")
def test_nothing_to_ask_is_nothing_to_do(capsys: Capture) -> None:
    Path("in.jsonl").write_text("\n\n", encoding="utf-8")
    assert batch() == 0
    assert "0 of 0 answered" in capsys.readouterr().err
    assert told() == []


@pytest.mark.usefixtures("files")
def test_a_second_run_beside_one_that_is_under_way_leaves_its_answers_alone(
    simulator: Simulator, capsys: Capture
) -> None:
    Path("in.jsonl").write_text('{"prompt": "one"}\n{"prompt": "two"}\n', encoding="utf-8")
    with OrderedLines(Path("out.jsonl"), 2) as under_way:
        under_way.put(1, '"second"')
        assert batch("--journal", "another.journal") == 2
        assert "out.jsonl.part: another run is writing it" in capsys.readouterr().err
        under_way.put(0, '"first"')
        under_way.finish()
    assert Path("out.jsonl").read_text(encoding="utf-8") == '"first"\n"second"\n'
    assert simulator.received == []


@pytest.mark.usefixtures("files", "simulator")
def test_the_answers_are_their_owners_alone_whoever_could_read_what_was_there() -> None:
    ask({"prompt": "one"})
    for name in ("out.jsonl.part", "out.jsonl.sorted"):
        Path(name).touch(mode=0o666)
    assert batch() == 0
    assert Path("out.jsonl").stat().st_mode & 0o777 == 0o600


CHANGES: dict[str, Callable[[Path], object]] = {
    "another line": lambda file: file.write_text('{"id": "a", "prompt": "one"}\n{"id": "b", "prompt": "new"}\n'),
    "a line less": lambda file: file.write_text('{"id": "a", "prompt": "one"}\n'),
    "no line any more": lambda file: file.write_text('{"id": "a", "prompt": "one"}\n{"id"'),
    "a line before": lambda file: file.write_text(f"\n{file.read_text()}"),
    "removed": lambda file: file.unlink(),
}


@pytest.mark.usefixtures("files", "simulator")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_file_that_is_changed_between_check_and_asking_is_an_error_and_no_wrong_line(
    change: Callable[[Path], object],
) -> None:
    ask({"id": "a", "prompt": "one"}, {"id": "b", "prompt": "two"})
    lines = BatchLines(Path("in.jsonl"), {})
    assert lines.check() == Success(2)
    change(Path("in.jsonl"))
    asked = [request.prompt for request in lines]
    assert asked in ([], ["one"])
    assert lines.changed is not None
    assert ("changed after it was checked" in describe(lines.changed)) == Path("in.jsonl").exists()


@pytest.mark.usefixtures("files")
def test_a_line_that_is_added_while_it_runs_is_for_the_next_run(simulator: Simulator) -> None:
    ask({"prompt": "one"}, {"prompt": "two"})

    lines = BatchLines(Path("in.jsonl"), {})
    assert lines.check() == Success(2)
    with Path("in.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"prompt": "three"}\n')
    assert [request.prompt for request in lines] == ["one", "two"]
    assert lines.changed is None
    assert batch() == 0
    assert len(simulator.received) == 3


@pytest.mark.usefixtures("files", "simulator")
def test_a_disk_that_fills_up_under_the_answers_is_an_error(capsys: Capture) -> None:
    ask(*({"prompt": str(number)} for number in range(40)))
    assert batch() == 0
    Path("out.jsonl").unlink()
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, was[1]))
    try:
        code = batch("--json")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, was)
        signal.signal(signal.SIGXFSZ, ignored)
    error = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (code, error["tag"], error["store"]) == (1, "StoreUnavailable", "answers")
    assert "out.jsonl.part: File too large" in error["message"]
    assert batch() == 0
    assert len(told()) == 40


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_person_sees_how_far_it_is_and_a_pipe_does_not() -> None:
    seen, unseen, now_s = Terminal(), io.StringIO(), [0.0]
    bars = [Progress(4, stream, lambda: now_s[0]) for stream in (seen, unseen)]
    for done in (1, 2, 3, 4):
        now_s[0] += 0.05
        for bar in bars:
            bar.show(done, 0, 0, lambda: "$0.01")
    for bar in bars:
        bar.clear()
    assert unseen.getvalue() == ""
    drawn = [line.rstrip() for line in seen.getvalue().split("\r\033[K")]
    assert drawn == [
        "",
        "██████░░░░░░░░░░░░░░░░░░ 1/4  20.0/s  $0.01  150 ms left",
        "██████████████████░░░░░░ 3/4  20.0/s  $0.01  50 ms left",
        "████████████████████████ 4/4  20.0/s  $0.01  0 ms left",
        "",
    ]
