"""What every journal does, and what one in a file does besides."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import JournalLayer, StoreUnavailable, journal_file, memory_journal
from llm_manager.adapters.journals.sqlite import FORM
from llm_manager.effect.layer import LayerFailed
from llm_manager.ports import Work

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "sqlite"])
def reopened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], JournalLayer]:
    """The same journal, opened again by every call."""
    kept: dict[tuple[str, int], str] = {}
    return (lambda: memory_journal(kept)) if request.param == "memory" else lambda: journal_file(tmp_path / "journal")


async def test_what_was_kept_is_there_for_the_next_run(reopened: Callable[[], JournalLayer]) -> None:
    async with reopened() as journal:
        work = (await journal.claim("a")).unwrap()
        assert work == Work("a", 0, None)
        assert await journal.keep(work, "done \U0001f600\0") == Success(None)
    async with reopened() as journal:
        assert await journal.claim("a") == Success(Work("a", 0, "done \U0001f600\0"))
        assert await journal.claim("b") == Success(Work("b", 0, None))


async def test_equal_pieces_of_work_are_numbered_anew_in_every_run(reopened: Callable[[], JournalLayer]) -> None:
    async with reopened() as journal:
        first, second, third = [(await journal.claim("a")).unwrap() for _ in range(3)]
        assert [work.number for work in (first, second, third)] == [0, 1, 2]
        await journal.keep(third, "three")
        await journal.keep(first, "one")
    async with reopened() as journal:
        assert [(await journal.claim("a")).unwrap().text for _ in range(3)] == ["one", None, "three"]


async def test_the_last_word_counts(reopened: Callable[[], JournalLayer]) -> None:
    async with reopened() as journal:
        work = (await journal.claim("a'; DROP TABLE work; --")).unwrap()
        await journal.keep(work, "one")
        await journal.keep(work, "two")
    async with reopened() as journal:
        assert (await journal.claim("a'; DROP TABLE work; --")).unwrap().text == "two"


async def test_many_at_once_get_each_their_own(reopened: Callable[[], JournalLayer]) -> None:
    numbers: list[int] = []
    async with reopened() as journal, anyio.create_task_group() as group:

        async def take() -> None:
            work = (await journal.claim("a")).unwrap()
            numbers.append(work.number)
            await journal.keep(work, str(work.number))

        for _ in range(20):
            group.start_soon(take)
    assert sorted(numbers) == list(range(20))


async def failure_of(path: Path) -> StoreUnavailable:
    with pytest.raises(LayerFailed) as caught:
        async with journal_file(path):
            pass
    assert isinstance(caught.value.error, StoreUnavailable)
    assert caught.value.error.store == "journal"
    return caught.value.error


async def test_a_file_that_is_something_else_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("my notes\n" * 100, encoding="utf-8")
    assert "is no database" in (await failure_of(text)).message
    assert text.read_text(encoding="utf-8") == "my notes\n" * 100
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = other.read_bytes()
    assert "something else" in (await failure_of(other)).message
    assert other.read_bytes() == before


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with journal_file(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {FORM.version + 1}")
    connection.close()
    assert "newer version" in (await failure_of(path)).message


async def test_a_place_where_no_file_can_be_is_a_failure_that_says_so(tmp_path: Path) -> None:
    assert "No such file" in (await failure_of(tmp_path / "nowhere" / "journal")).message
    assert "directory" in (await failure_of(tmp_path)).message


async def test_a_damaged_file_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with journal_file(path) as journal:
        for number in range(200):
            await journal.keep(Work(f"key {number}", 0, None), "x" * 500)
    content = bytearray(path.read_bytes())
    content[4096 : len(content)] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    async with journal_file(path) as journal:
        found = await journal.claim("key 7")
    assert isinstance(found, Failure)
    assert "damaged" in found.failure().message


async def test_only_one_run_at_a_time_has_a_file(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    async with journal_file(path):
        assert "another program" in (await failure_of(path)).message
    async with journal_file(path):
        pass


def modes_in(folder: Path) -> list[int]:
    return [stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()]


async def test_a_journal_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    before = os.umask(0)
    try:
        async with journal_file(path) as journal:
            await journal.keep(Work("a", 0, None), "secret")
            modes = modes_in(tmp_path)
    finally:
        os.umask(before)
    assert set(modes) == {0o600}


FULL_DISK = """
import resource, signal, sys
import anyio
from llm_manager import journal_file
from llm_manager.ports import Work

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    async with journal_file(sys.argv[1]) as journal:
        assert (await journal.keep(Work("a", 0, None), "kept")).unwrap() is None
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
        outcome = None
        for number in range(100):
            outcome = await journal.keep(Work("b", number, None), "x" * 10_000)
            if not hasattr(outcome, "unwrap") or type(outcome).__name__ == "Failure":
                break
        print(type(outcome).__name__, outcome.failure().store, outcome.failure().message)
        print((await journal.claim("a")).unwrap().text)

anyio.run(main)
"""


async def test_a_full_disk_is_a_failure_and_what_was_kept_stays(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    script = tmp_path / "full.py"
    script.write_text(FULL_DISK, encoding="utf-8")
    ran = await anyio.run_process([sys.executable, str(script), str(path)])
    failed, kept = ran.stdout.decode().splitlines()
    assert failed.startswith("Failure journal")
    assert kept == "kept"
    async with journal_file(path) as journal:
        assert (await journal.claim("a")).unwrap().text == "kept"


WRITER = """
import sys
import anyio
from llm_manager import journal_file
from llm_manager.ports import Work

async def main():
    async with journal_file(sys.argv[1]) as journal:
        for number in range(100_000):
            (await journal.keep(Work("a", number, None), f"text {number}")).unwrap()
            print(number, flush=True)

anyio.run(main)
"""


async def test_nothing_that_was_acknowledged_is_lost_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    script = tmp_path / "write.py"
    script.write_text(WRITER, encoding="utf-8")
    async with await anyio.open_process(
        [sys.executable, str(script), str(path)], stdout=subprocess.PIPE, stderr=None
    ) as writer:
        assert writer.stdout is not None
        said = b""
        while said.count(b"\n") < 50:
            said += await writer.stdout.receive()
        writer.kill()
        async for more in writer.stdout:
            said += more
    acknowledged = [int(line) for line in said.split(b"\n")[:-1]]
    async with journal_file(path) as journal:
        found = [(await journal.claim("a")).unwrap().text for _ in acknowledged]
    assert found == [f"text {number}" for number in acknowledged]
