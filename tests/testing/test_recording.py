"""The file of a recording: whose it is, what is in it, what never is, and what becomes of one that is not whole."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import (
    ConfigurationError,
    Context,
    HttpSettings,
    KeySettings,
    Layer,
    LayerFailed,
    LLMConfig,
    LLMResponse,
    ModelSettings,
    Scope,
    Secret,
    custom,
    generate,
    generate_stream,
    get_model_health,
    live,
    provide,
    replacing,
    run,
)
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.target import Target
from llm_manager.effect.layer import scoped
from llm_manager.ports import Dispatch, Incoming
from llm_manager.testing import (
    NotRecorded,
    Pause,
    Pieces,
    RecordingStopped,
    RecordingUnusable,
    ReplayDiffers,
    record,
    replay,
    scripted,
)
from llm_manager.testing.simulator import Reply, Say, Simulator, Status
from llm_manager.testing.tape.file import Tape
from llm_manager.testing.tape.lines import Draw
from tests.providers.providers import KEY, PROVIDERS
from tests.testing.taping import BACKENDS, ask, recorded, replayed

CANARY = KEY.reveal()
OTHER = Secret("other-canary-9876543210fedcba")


async def one_answer(context: Context) -> object:
    return await run(generate(ask()), context)


def made(path: Path) -> Path:
    recorded(one_answer, scripted({"gpt": [Pause(2, "fine")]}), path)
    return path


def trees(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def refusal(path: Path) -> RecordingUnusable:
    """Why *path* cannot be replayed."""
    outcome = anyio.run(provide(generate(ask()), replay(path)))
    assert isinstance(outcome, Failure)
    error = outcome.failure()
    assert isinstance(error, RecordingUnusable)
    return error


def test_a_person_can_read_it(tmp_path: Path) -> None:
    lines = trees(made(tmp_path / "run.jsonl"))
    assert [line["tag"] for line in lines if line["tag"] not in {"Reading", "Draw"}] == [
        "Recording",
        "CalendarRead",
        "Asked",
        "Answered",
        "Limited",
        "Limited",
        "Finished",
    ]
    [question] = [line for line in lines if line["tag"] == "Asked"]
    assert question["request"] == {"prompt": "hi"}, "what is at its default is left out"
    [answer] = [line for line in lines if line["tag"] == "Answered"]
    assert (answer["exchange"], answer["at_s"], answer["response"]["content"]) == (1, 2.0, "fine")


def test_every_piece_of_a_stream_is_in_it_in_order(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    async def reading(context: Context) -> object:
        return await (await run(generate_stream(ask()), context)).unwrap().whole()

    recorded(reading, scripted({"gpt": [Pieces(["It ", "scat", "ters."], gap_s=1)]}), path)
    pulled = [line for line in trees(path) if line["tag"] == "Pulled"]
    assert [(line["at_s"], line["deltas"][0]["text"]) for line in pulled] == [(1, "It "), (2, "scat"), (3, "ters.")]


def test_only_its_owner_may_read_it_whatever_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("something older")
    path.chmod(0o644)
    linked = tmp_path / "linked.jsonl"
    linked.symlink_to(path)
    for each in (path, linked):
        made(each)
        assert stat.S_IMODE(each.lstat().st_mode) == 0o600
        assert trees(each)[0]["tag"] == "Recording"


def test_a_context_that_is_open_can_be_recorded_as_well_as_a_layer(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"

    async def main() -> object:
        async with scripted({"gpt": ["fine"]}) as context:
            async with record(context, path) as taped:
                outcome = await one_answer(taped)
            taped.clock.monotonic()  # the recording is over, the context is not
            await one_answer(taped)
        return outcome

    assert anyio.run(main) == anyio.run(provide(generate(ask()), replay(path, strict=True)))
    assert trees(path)[-1]["tag"] == "Finished"


def test_a_file_that_cannot_be_made_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    said = "is there already, and is no file"
    whys = {tmp_path: said, Path(os.devnull): said, tmp_path / "no" / "folder.jsonl": "No such file or directory"}
    for path, why in whys.items():
        outcome = anyio.run(provide(generate(ask()), record(scripted({"gpt": ["fine"]}), path)))
        assert outcome == Failure(RecordingUnusable(str(path), "unopened", why))
        assert str(outcome.failure()) == f"{path}: {why}"
    assert Path(os.devnull).exists()


def test_a_layer_that_fails_is_not_recorded(tmp_path: Path) -> None:
    path, wrong = tmp_path / "run.jsonl", ConfigurationError(())

    async def build(_needs: None, _scope: Scope) -> Outcome[Context, ConfigurationError]:
        return Failure(wrong)

    assert anyio.run(provide(generate(ask()), record(scoped(build), path))) == Failure(wrong)
    assert not path.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
def test_a_full_disk_ends_the_recording_and_not_the_run() -> None:
    tape = Tape("run.jsonl", os.open("/dev/full", os.O_WRONLY), ())
    with pytest.warns(RecordingStopped, match=r"run.jsonl: .*No space left.*; the recording ends here"):
        tape.write(Draw(reader="", value=0.5))
    tape.write(Draw(reader="", value=0.5))
    tape.close()


class Echo:
    """A provider that says whatever key it is given, and everything else it knows."""

    async def complete(self, dispatch: Dispatch, /) -> Outcome[LLMResponse, LLMError]:
        said = " ".join(key.reveal() for key in dispatch.keys.values())
        return Success(LLMResponse(content=f"{said} {dispatch.request.prompt}", model=dispatch.target.model))

    async def stream(self, dispatch: Dispatch, /) -> Outcome[Incoming, LLMError]:
        raise NotImplementedError

    async def models(self, target: Target, keys: Mapping[str, Secret], /) -> Outcome[tuple[str, ...], LLMError]:
        return Success(tuple(key.reveal() for key in keys.values()))


def test_a_key_is_in_it_only_where_a_prompt_or_an_answer_repeats_one(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    config = LLMConfig(
        keys=KeySettings(providers={"openai": (KEY, OTHER)}),
        models={"mine": ModelSettings(virtual_key=OTHER, base_url=f"https://me:{CANARY}@llm.example/v1?key={CANARY}")},
        http=HttpSettings(proxy=f"http://me:{CANARY}@proxy.example", base_urls={"groq": f"https://{CANARY}@x.example"}),
        sources={"keys.providers.openai": f"set to {CANARY}"},
    )
    layer: Layer[Context, LLMError, None] = scripted({}, config=config) | replacing(providers={"openai": Echo()})

    async def program(context: Context) -> object:
        answer = await run(generate(ask(f"my key is {CANARY}", "openai/gpt-4o")), context)
        return answer, await run(get_model_health(), context)

    said, _ = recorded(program, layer, path)
    told, answered = (next(each for each in trees(path) if each["tag"] == tag) for tag in ("Asked", "Answered"))
    assert CANARY in said, "the program itself is told what it was told"
    assert told["request"]["prompt"] == f"my key is {CANARY}"
    assert answered["response"]["content"] == f"{CANARY} my key is {CANARY}"
    said_by_others = ("Asked", "Answered", "Listed")
    text = json.dumps([each for each in trees(path) if each["tag"] not in said_by_others] + [told["target"]])
    for secret in (CANARY, OTHER.reveal(), CANARY[-6:], OTHER.reveal()[-6:]):
        assert secret not in text
    assert trees(path)[0]["config"]["http"]["proxy"] == "http://proxy.example"


@pytest.mark.parametrize("name", PROVIDERS)
def test_no_key_of_any_provider_is_in_it(name: str, tmp_path: Path) -> None:
    provider, path = PROVIDERS[name], tmp_path / "run.jsonl"

    async def main() -> None:
        async with Simulator() as simulator:
            replies: list[Reply] = [Status(401, message=f"bad key: {CANARY}"), Say("fine"), Say("fine")]
            simulator.script(provider.model, replies)
            async with record(custom(provider.config(simulator.url)), path) as context:
                await run(generate(ask("a", "mine")), context)
                await run(generate(ask("b", "mine")), context)
                await run(generate_stream(ask("c", "mine")), context)
                await run(get_model_health(), context)
            assert any(CANARY in str(received.headers) for received in simulator.received) or name == "Ollama"

    anyio.run(main)
    assert CANARY not in path.read_text(encoding="ascii")


KILLED = """
import os, signal, sys
import anyio
from llm_manager import LLMRequest, generate, run
from llm_manager.testing import record, scripted

async def main():
    lines = ["one", lambda request: os.kill(os.getpid(), signal.SIGKILL)]
    async with record(scripted({"gpt": lines}), sys.argv[1]) as context:
        for prompt in ("a", "b"):
            await run(generate(LLMRequest(prompt=prompt)), context)

anyio.run(main)
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_is_killed_leaves_what_it_had_written(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, capture_output=True)  # noqa: S603
    assert killed.returncode == -9
    assert trees(path)[-1]["request"] == {"prompt": "b"}, "what it was doing when it died"

    async def main() -> None:
        async with replay(path) as context:
            assert (await run(generate(ask("a")), context)).unwrap().content == "one"
            with pytest.raises(NotRecorded, match=r"its recording ends here \(exchange 2\): the run .* was killed"):
                await run(generate(ask("b")), context)

    with pytest.warns(ReplayDiffers, match="asked for and not in it: the call of gpt at custom"):
        anyio.run(main, backend=backend)


def test_a_file_that_is_not_there_or_is_a_folder_cannot_be_replayed(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere.jsonl").reason == "unopened"
    assert refusal(tmp_path).reason == "unopened"


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"# Notes\n\nnone", b"{}\n", b"[1, 2]\n", b'{"tag": "Reading"}\n', b"\xff\xfe\x00", b"[" * 100_000],
    ids=["empty", "an empty line", "a page", "an object", "a list", "another line", "bytes", "brackets"],
)
def test_another_file_is_foreign(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    assert refusal(path) == RecordingUnusable(str(path), "foreign", "is not a recording", 1)


def test_a_recording_of_a_newer_format_is_refused_and_not_guessed_at(tmp_path: Path) -> None:
    path = made(tmp_path / "run.jsonl")
    path.write_text(path.read_text().replace('"version": 1', '"version": 2', 1) + '{"tag": "Invented"}\n')
    said = "is of format 2, and this library reads 1: use a newer one"
    assert refusal(path) == RecordingUnusable(str(path), "newer", said, 1)


def test_a_file_that_ends_in_the_middle_of_a_line_was_cut_off(tmp_path: Path) -> None:
    path = made(tmp_path / "run.jsonl")
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    error = refusal(path)
    assert (error.reason, error.line) == ("cut_off", content.count(b"\n"))
    path.write_bytes(content[:40])
    assert refusal(path).reason == "foreign", "not even the first line says what it is"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{not json}", "is not a line of a recording: Expecting property name"),
        ('{"tag": "Invented"}', "no line of a recording has the tag 'Invented'"),
        ('["tag"]', "no line of a recording has the tag None"),
        ('{"tag": "Reading", "reader": "", "at_s": "soon"}', "unable to parse string as a number"),
        ('{"tag": "Failed", "exchange": 1, "at_s": 0, "error": {"tag": "Odd"}}', "Failed"),
        ('{"tag": "Closed", "exchange": 99, "at_s": 0}', "goes on with exchange 99, which has not begun"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_line_that_was_not_written_so_is_named(line: str, said: str, tmp_path: Path) -> None:
    path = made(tmp_path / "run.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], line, *lines[3:], ""]))
    error = refusal(path)
    assert (error.reason, error.line) == ("damaged", 4)
    assert said in str(error)
    assert str(error).startswith(f"{path}, line 4: ")


def test_two_recordings_in_one_file_and_a_first_line_without_a_configuration_are_damaged(tmp_path: Path) -> None:
    path = made(tmp_path / "run.jsonl")
    lines = path.read_text()
    path.write_text(lines * 2)
    assert refusal(path).message == "a second recording begins here: two files were put together"
    path.write_text('{"tag": "Recording", "version": 1}\n')
    assert (refusal(path).reason, refusal(path).line) == ("damaged", 1)


def test_a_block_that_needs_a_recording_raises_why_there_is_none(tmp_path: Path) -> None:
    async def main() -> None:
        async with replay(tmp_path / "nowhere.jsonl"):
            pytest.fail("it has begun")

    with pytest.raises(LayerFailed, match="No such file"):
        anyio.run(main)


def test_a_recording_can_be_replayed_any_number_of_times(tmp_path: Path) -> None:
    path = made(tmp_path / "run.jsonl")
    assert replayed(one_answer, path) == replayed(one_answer, path)


def test_a_layer_stays_the_layer_that_it_was_to_type_checkers(tmp_path: Path) -> None:
    taped = record(live(), tmp_path / "run.jsonl")
    assert_type(taped, Layer[Context, ConfigurationError | RecordingUnusable, None])
    assert_type(replay(tmp_path / "run.jsonl"), Layer[Context, RecordingUnusable, None])
    assert not list(tmp_path.iterdir()), "nothing is made before the layer is built"
