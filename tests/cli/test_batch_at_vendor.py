"""``batch --at-vendor`` as a person or a script meets it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio.from_thread
import pytest

from llm_manager.adapters.observers.plain import Silent
from llm_manager.cli.batch_watch import BatchWatch
from llm_manager.cli.main import main
from llm_manager.cli.progress import Progress
from llm_manager.domain.events import CacheRead, VendorBatchSeen
from llm_manager.domain.vendor_batch import VendorBatch
from llm_manager.testing.simulator import Course, Say, Simulator, Status

Capture = pytest.CaptureFixture[str]

MODEL = "gpt-6.1-terra"


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    """A simulator in another thread whose batches have ended when first looked at, for the command waits in earnest."""
    for name in list(os.environ):
        if name.endswith(("_API_KEY", "_URL", "_KEY")) or name.startswith(("LLM_", "LLAMA_", "OLLAMA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    with anyio.from_thread.start_blocking_portal() as portal:
        server = Simulator()
        server.script_batches([Course(("completed",))] * 3)
        with portal.wrap_async_context_manager(server):
            monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
            monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
            yield server


def ask(*lines: object) -> None:
    Path("in.jsonl").write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")


def told() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]


def batch(*options: str) -> int:
    return main(["batch", "in.jsonl", "out.jsonl", "--at-vendor", *options])


def test_the_answers_of_the_vendors_batch_are_in_the_order_of_the_file(simulator: Simulator, capsys: Capture) -> None:
    ask({"id": "a", "prompt": "one"}, {"prompt": "two"})
    simulator.script(MODEL, [Say("first", usage=(200_000, 0))])
    assert batch("--model", MODEL) == 0
    assert [(line["line"], line.get("id"), line["response"]["content"]) for line in told()] == [
        (1, "a", "first"),
        (2, None, "You said: two"),
    ]
    assert capsys.readouterr().err.startswith("2 of 2 answered, $0.10")
    assert [received.path for received in simulator.received] == [
        "/v1/files",
        "/v1/batches",
        "/v1/batches/batch_1",
        "/v1/files/file-2/content",
    ]


def test_the_same_command_again_asks_only_for_what_failed(simulator: Simulator, capsys: Capture) -> None:
    ask({"prompt": "one"}, {"prompt": "two"})
    simulator.script(MODEL, [Say("first"), Status(400)])
    assert batch("--model", MODEL, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["answered"], report["kept"], report["failed"]) == (1, 0, {"InvalidRequest": 1})
    assert batch("--model", MODEL) == 0
    assert "2 of 2 answered (1 of them before)" in capsys.readouterr().err
    assert [len(each.requests) for each in simulator.room.batches.values()] == [2, 1]


@pytest.mark.usefixtures("simulator")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--at-vendor hands everything in to one model: name it with --model"),
        (["--model", "gpt-4o"], "--at-vendor asks one model, gpt-4o, and some lines want gpt-6.1-terra"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_sent(options: list[str], said: str, capsys: Capture) -> None:
    ask({"prompt": "one", "preferences": {"model": MODEL}})
    assert batch(*options) == 2
    assert said in capsys.readouterr().err


@pytest.mark.usefixtures("simulator")
def test_cancelling_is_for_batches_at_the_vendor(capsys: Capture) -> None:
    ask({"prompt": "one"})
    assert main(["batch", "in.jsonl", "out.jsonl", "--cancel"]) == 2
    assert "it goes with --at-vendor" in capsys.readouterr().err


@pytest.mark.usefixtures("simulator")
def test_a_model_without_batches_is_an_error(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "any-key-will-do-here")
    ask({"prompt": "one"})
    assert batch("--model", "gemini-3.8-flash") == 1
    assert "gemini takes no batches" in capsys.readouterr().err


def test_the_vendors_counts_are_shown_while_it_works() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    times = iter(range(100))
    watch = BatchWatch(Progress(8, screen, lambda: float(next(times))), lambda: 1, Silent())
    for id_, status, succeeded, failed in (("a", "in_progress", None, None), ("b", "completed", 4, 1)):
        batch = VendorBatch(id=id_, status=status, ended=False, succeeded=succeeded, failed=failed)
        watch.notify(VendorBatchSeen(at_s=0.0, model=MODEL, provider="openai", batch=batch))
    watch.notify(CacheRead(at_s=0.0, key="k", hit=False))
    first, second = screen.getvalue().split("\r\033[K")[1:]
    assert "1/8" in first
    assert "at the vendor: 1 in_progress" in first
    assert "6/8  1 failed" in second
    assert watch.words() == "at the vendor: 1 in_progress, 1 completed"


def test_with_a_schema_the_vendors_answers_are_values(simulator: Simulator) -> None:
    Path("schema.json").write_text('{"type": "array", "items": {"type": "integer"}}', encoding="utf-8")
    ask({"prompt": "one"}, {"prompt": "two"})
    simulator.script(MODEL, [Say('{"value": [1, 2]}'), Say("no numbers")])
    assert batch("--model", MODEL, "--schema", "schema.json") == 1
    assert [line.get("value") for line in told()] == [[1, 2], None]
    assert told()[1]["error"]["tag"] == "ExtractionFailed"
