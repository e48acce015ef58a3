"""The file of a SQLite store: whose it is, what it may be, and what happens when it cannot be written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import pytest
from returns.result import Failure, Success

from llm_manager import StoreUnavailable, sqlite_conversations
from tests.conversations.turns import turn

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "data" / "chats?#%20 ü.db"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that anybody may enter, which those of pytest are not."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def unusable(path: Path) -> str:
    """Why the store at *path* cannot be used; it is left as it was."""
    before = path.read_bytes() if path.is_file() else None
    error = (await sqlite_conversations(path, timeout_s=0.1).append("a", 0, (turn(1),))).failure()
    assert isinstance(error, StoreUnavailable)
    assert before is None or path.read_bytes() == before
    return error.message


@pytest.mark.usefixtures("no_umask")
async def test_the_files_are_their_owners_alone(place: Path) -> None:
    async with sqlite_conversations(place) as store:
        assert await store.append("a", 0, (turn(1),)) == Success(1)
        names = sorted(path.name.removeprefix(place.name) for path in place.parent.iterdir())
        assert names == ["", "-shm", "-wal"]
        assert {mode(path) for path in place.parent.iterdir()} == {0o600}
        assert mode(place.parent) == 0o700
    assert [path.name for path in place.parent.iterdir()] == [place.name]


async def test_what_was_stored_is_there_for_the_next_program(place: Path) -> None:
    await sqlite_conversations(place).append("a", 0, (turn(1),))
    assert await sqlite_conversations(place).load("a") == Success((turn(1),))


async def test_of_many_who_make_the_file_at_once_one_does_and_all_find_it(place: Path) -> None:
    outcomes: list[object] = []

    async def begin(number: int) -> None:
        outcomes.append(await sqlite_conversations(place).append(f"c{number}", 0, (turn(number),)))

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(begin, number)
    assert outcomes == [Success(1)] * 12
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert len((await sqlite_conversations(place).page(None, 99)).unwrap()) == 12


async def test_every_commit_is_on_the_disk_when_it_returns(place: Path) -> None:
    async with sqlite_conversations(place) as store:
        await store.append("a", 0, (turn(1),))
        seen = store._database.transact(  # pyright: ignore[reportPrivateUsage]  # what is set cannot be seen from outside
            lambda session: [session.rows(f"PRAGMA {name}")[0][0] for name in ("journal_mode", "synchronous")],
            writes=False,
        )
    assert seen == ["wal", 2]


async def test_text_is_no_store(place: Path) -> None:
    place.parent.mkdir()
    place.write_text("These are my notes. " * 100, encoding="utf-8")
    assert await unusable(place) == f"{place}: is no database: choose another file (SQLITE_NOTADB)"


async def test_an_empty_file_is_no_store(place: Path) -> None:
    place.parent.mkdir()
    place.touch()
    assert await unusable(place) == f"{place}: it is another program's file: name one that is not there yet"


@pytest.mark.parametrize("folder", ["/", "."])
async def test_a_folder_without_a_name_is_no_store(folder: str) -> None:
    assert "(SQLITE_CANTOPEN)" in await unusable(Path(folder))


async def test_another_programs_database_is_left_alone(place: Path) -> None:
    place.parent.mkdir()
    with closing(sqlite3.connect(place)) as theirs:
        theirs.execute("CREATE TABLE llm_manager_turn (mine)")
    assert await unusable(place) == f"{place}: it is another program's file: name one that is not there yet"


async def test_a_file_of_a_newer_version_is_left_alone(place: Path) -> None:
    await sqlite_conversations(place).append("a", 0, (turn(1),))
    with closing(sqlite3.connect(place)) as ours:
        ours.execute("PRAGMA user_version = 7")
    said = "a newer version of this library made it (schema 7, not 1): upgrade"
    assert await unusable(place) == f"{place}: {said}"


async def test_a_folder_is_no_store(place: Path) -> None:
    place.mkdir(parents=True)
    assert (
        await unusable(place) == f"{place}: cannot be opened: its folder must exist and be writable (SQLITE_CANTOPEN)"
    )


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert await unusable(tmp_path / "file" / "chats.db") == f"{tmp_path / 'file' / 'chats.db'}: Not a directory"


async def test_a_store_that_is_taken_away_is_begun_anew_and_not_written_to(place: Path) -> None:
    async with sqlite_conversations(place) as store:
        await store.append("a", 0, (turn(1),))
        for each in tuple(place.parent.iterdir()):
            each.unlink()
        assert await store.append("b", 0, (turn(2),)) == Success(1)
    assert await sqlite_conversations(place).load("b") == Success((turn(2),))


async def test_the_log_of_a_store_that_was_removed_is_never_mixed_with_a_new_one(place: Path) -> None:
    async with sqlite_conversations(place) as store:
        await store.append("a", 0, (turn(1),))
        place.unlink()
        error = (await store.append("b", 0, (turn(2),))).failure()
    assert isinstance(error, StoreUnavailable)
    assert "is left of a store that was removed" in error.message


@pytest.mark.parametrize("body", ["", "[", '{"id": 5}', "[" * 100_000])
async def test_what_cannot_be_read_is_told(place: Path, body: str) -> None:
    store = sqlite_conversations(place)
    await store.append("a", 0, (turn(1),))
    with closing(sqlite3.connect(place)) as ours, ours:
        ours.execute("UPDATE llm_manager_turn SET body = ?", (body,))
        ours.execute("UPDATE llm_manager_conversation SET summary = ?", (body,))
    for outcome in (await store.load("a"), await store.page(None, 9), await store.append("a", 1, (turn(2),))):
        error = outcome.failure()
        assert isinstance(error, StoreUnavailable)
        assert error.message.startswith("it holds what is no conversation of ours")


async def test_who_waits_too_long_for_a_writer_is_told(place: Path) -> None:
    store = sqlite_conversations(place, timeout_s=0.05)
    await store.append("a", 0, (turn(1),))
    with closing(sqlite3.connect(place, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        busy = "another program is using it: wait for that one, or choose another file (SQLITE_BUSY)"
        assert await store.append("a", 1, (turn(2),)) == Failure(StoreUnavailable("sqlite", f"{place}: {busy}"))
        assert await store.load("a") == Success((turn(1),))
        other.execute("ROLLBACK")
    assert await store.append("a", 1, (turn(2),)) == Success(2)


def confined(path: Path, confinement: str) -> str:
    """What a process says that adds turns where it may not."""
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "tests.conversations.confined", str(path), confinement],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
        cwd=ROOT,
    )
    return done.stdout


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_disk_that_is_full_loses_nothing_that_was_acknowledged(place: Path) -> None:
    said = confined(place, str(300_000))
    acknowledged = int(said.split()[0])
    assert 0 < acknowledged < 400
    assert "StoreUnavailable(store='sqlite'" in said
    expected = tuple(turn(number, "x" * 2_000) for number in range(acknowledged))
    store = sqlite_conversations(place)
    assert await store.load("a") == Success(expected)
    assert await store.append("a", acknowledged, (turn(0),)) == Success(acknowledged + 1)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_what_may_only_be_read_is_told(public: Path, what: str) -> None:
    place = public / "data" / "chats.db"
    if what == "file":
        await sqlite_conversations(place).append("a", 0, (turn(1),))
        place.chmod(0o444)
    place.parent.mkdir(exist_ok=True)
    place.parent.chmod(0o555)
    said = confined(place, "read-only")
    assert said.startswith("0 StoreUnavailable(store='sqlite'")
    assert any(why in said for why in ("SQLITE_READONLY", "SQLITE_CANTOPEN", "Permission denied"))
