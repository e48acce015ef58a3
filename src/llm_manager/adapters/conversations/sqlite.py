"""Conversations in one SQLite file, which several processes of one machine may use at the same time.

The file is in WAL mode and a commit is on the disk when it returns (``synchronous=FULL``). A new file is made under
another name and appears whole, so that nobody meets half of one; it is for its owner alone (0600), and so are the two
that SQLite puts beside it. Not for a network file system: WAL needs shared memory.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import Any, Final, TypeVar, final

from llm_manager.adapters.conversations.pool import Pool
from llm_manager.adapters.conversations.sql import SCHEMA_VERSION, Session, Unusable, tables
from llm_manager.adapters.sqlite_words import said

A = TypeVar("A")

APPLICATION_ID: Final = 0x6C6C6D63
"""What tells a file of ours from other databases: ``llmc``."""

_READY: Final = ("PRAGMA synchronous = FULL", "PRAGMA trusted_schema = OFF")


@final
class _Connection:
    """One connection, one transaction at a time; *inode* is the file that it has open."""

    __slots__ = ("_sqlite", "inode")

    def __init__(self, sqlite: sqlite3.Connection, inode: tuple[int, int]) -> None:
        self._sqlite = sqlite
        self.inode = inode

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return self._sqlite.execute(statement, values).fetchall()

    def change(self, statement: str, *values: object) -> int:
        """How many rows a statement has changed."""
        return self._sqlite.execute(statement, values).rowcount

    def has_table(self, name: str) -> bool:
        """Is there a table of this *name*?"""
        return bool(self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name))

    def lock_schema(self) -> None:
        """Who writes is alone already (``BEGIN IMMEDIATE``)."""

    def close(self) -> None:
        """Let go of it; what was not committed is undone."""
        self._sqlite.close()


@final
class SqliteFile:
    """The database in the file *path*, made when it is first used; a writer waits *timeout_s* for another process."""

    __slots__ = ("_path", "_pool", "_timeout_s", "_writing")

    store = "sqlite"

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._path = path.absolute()
        self._timeout_s = timeout_s
        self._pool = Pool(self._connected)
        self._writing = Lock()

    def keep(self, most: int) -> None:
        """Keep up to *most* connections."""
        self._pool.keep(most)

    def transact(self, work: Callable[[Session], A], /, *, writes: bool) -> A:
        """What *work* gives. Writers of this process stand in line here, those of others in SQLite."""
        try:
            if not writes:
                return self._transacted(work, "BEGIN")
            with self._writing:
                return self._transacted(work, "BEGIN IMMEDIATE")
        except (sqlite3.Error, OSError) as bad:
            raise Unusable(f"{self._path}: {said(bad)}") from bad

    def _transacted(self, work: Callable[[Session], A], begin: str) -> A:
        connection, was_idle = self._pool.take()
        if was_idle and not self._is_current(connection):
            connection.close()
            self._pool.drop_idle()
            connection = self._connected()
        try:
            connection.change(begin)
            done = work(connection)
            connection.change("COMMIT")
        except BaseException:
            connection.close()
            raise
        self._pool.give_back(connection)
        return done

    def _is_current(self, connection: _Connection) -> bool:
        """Does it have the file open that is there now? What is written to one that was removed is lost."""
        try:
            return _inode(self._path) == connection.inode
        except FileNotFoundError:
            return False

    def _connected(self) -> _Connection:
        log = Path(f"{self._path}-wal")
        is_left_over = log.exists()  # asked first: the log of a store that is there comes after it
        try:
            inode = _inode(self._path)
        except FileNotFoundError:
            if is_left_over:
                raise Unusable(
                    f"{log} is left of a store that was removed: put that back, or remove this too"
                ) from None
            _make(self._path)
            inode = _inode(self._path)
        return _Connection(self._opened(), inode)

    def _opened(self) -> sqlite3.Connection:
        """A connection to a file of ours; it is never made here."""
        where = f"{self._path.as_uri()}?mode=rw"
        sqlite = sqlite3.connect(
            where, timeout=self._timeout_s, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            wrong = _foreign(sqlite)
            if wrong is not None:
                raise Unusable(f"{self._path}: {wrong}")
            for setting in _READY:
                sqlite.execute(setting)
        except BaseException:
            sqlite.close()
            raise
        return sqlite


def _foreign(sqlite: sqlite3.Connection) -> str | None:
    """Why a database is no store that we can use."""
    if sqlite.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        return "it is another program's file: name one that is not there yet"
    version: int = sqlite.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        return f"a newer version of this library made it (schema {version}, not {SCHEMA_VERSION}): upgrade"
    return None


def _make(path: Path) -> None:
    """A new store at *path*, unless another process makes one at the same time: then that one is it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{token_hex(8)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        _draw_up(draft)
        _put_in_place(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _draw_up(draft: Path) -> None:
    sqlite = sqlite3.connect(draft, isolation_level=None)
    try:
        sqlite.execute("PRAGMA journal_mode = WAL")
        sqlite.execute("BEGIN")
        for statement in tables("BLOB", "REAL"):
            sqlite.execute(statement)
        sqlite.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        sqlite.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        sqlite.execute("COMMIT")
    finally:
        sqlite.close()


def _put_in_place(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return  # somebody else was faster
    except OSError:
        draft.rename(path)  # a file system without hard links
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _inode(path: Path) -> tuple[int, int]:
    told = path.stat()
    return told.st_dev, told.st_ino
