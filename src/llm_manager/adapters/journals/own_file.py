"""A SQLite file that one process has to itself: known for what it is, and safe against a kill at any moment.

The standard library's driver runs in a worker thread, one piece of work at a time, so that asyncio and trio both wait
for the disk without standing still. Every piece is one transaction: it happens as a whole or not at all, and once
:meth:`OwnFile.do` has returned it is on the disk (write-ahead log, ``synchronous=FULL``; sqlite.org, "Atomic
Commit").
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, final

import anyio
from anyio import to_thread
from returns.result import Failure, Success

from llm_manager.adapters.sqlite_words import said
from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.outcome import Outcome

A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a file must be: *store* names it for people, *application_id* tells it from others' (sqlite.org, "Database
    File Format"), *version* is that of its *tables*."""

    store: str
    application_id: int
    version: int
    tables: str


@final
class OwnFile:
    """The open file at *path*; made by :func:`open_own`."""

    __slots__ = ("_connection", "_form", "_path", "_turn")

    def __init__(self, path: Path, form: Form, connection: sqlite3.Connection) -> None:
        self._path = path
        self._form = form
        self._connection = connection
        self._turn = anyio.Lock()

    async def do(self, work: Callable[[sqlite3.Connection], A]) -> Outcome[A, StoreUnavailable]:
        """What *work* gives, done in one transaction of its own; a cancellation waits until it is over."""

        def transact() -> A:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                value = work(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            return value

        async with self._turn:
            try:
                return Success(await to_thread.run_sync(transact))
            except sqlite3.Error as bad:
                return Failure(_unavailable(self._path, self._form, bad))

    async def aclose(self) -> None:
        """Let go of the file."""
        async with self._turn:
            await to_thread.run_sync(self._connection.close)


async def open_own(path: Path, form: Form) -> Outcome[OwnFile, StoreUnavailable]:
    """The file at *path*, made if there is none (mode 0600).

    Fails with ``StoreUnavailable`` for a file that is something else, or of a newer version, which is left as it is;
    for one that cannot be read and written; and for one that somebody else holds.
    """

    def opening() -> Outcome[OwnFile, StoreUnavailable]:
        try:
            _make(path)
            connection = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
        except (sqlite3.Error, OSError) as bad:
            return Failure(_unavailable(path, form, bad))
        try:
            wrong = _prepared(connection, form)
        except sqlite3.Error as bad:
            wrong = said(bad)
        if wrong is None:
            return Success(OwnFile(path, form, connection))
        connection.close()
        return Failure(StoreUnavailable(form.store, f"{path}: {wrong}"))

    return await to_thread.run_sync(opening)


def _make(path: Path) -> None:
    """An empty file for its owner alone, unless one is there. That one is not opened here: closing it would drop the
    locks that this process may have on it (sqlite.org, "How To Corrupt An SQLite Database File", 2.2)."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _prepared(connection: sqlite3.Connection, form: Form) -> str | None:
    """Make *connection* one to a file of *form*, or say what keeps it from being that."""
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("BEGIN IMMEDIATE")
    application_id, version = _number(connection, "application_id"), _number(connection, "user_version")
    is_new = _number(connection, "schema_version") == 0 and application_id == 0 and version == 0
    if not is_new and application_id != form.application_id:
        return f"is a database of something else, and no {form.store}: choose another file"
    if version > form.version:
        return f"was written by a newer version of this library (its form is {version}, ours {form.version}): upgrade"
    if is_new:
        for statement in form.tables.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {form.application_id}")
        connection.execute(f"PRAGMA user_version = {form.version}")
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return None


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    [value] = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)


def _unavailable(path: Path, form: Form, bad: sqlite3.Error | OSError) -> StoreUnavailable:
    return StoreUnavailable(form.store, f"{path}: {said(bad)}")
