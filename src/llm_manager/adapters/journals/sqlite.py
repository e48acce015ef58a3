"""A journal in a SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final, final

from returns.result import Failure, Success

from llm_manager.adapters.journals.own_file import Form, OwnFile, open_own
from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.effect.layer import Layer, scoped
from llm_manager.effect.scope import Scope
from llm_manager.ports import Journal, Work

FORM: Final = Form(
    store="journal",
    application_id=0x4C4C4D4A,  # "LLMJ"
    version=1,
    tables="""
        CREATE TABLE work (
            key TEXT NOT NULL, number INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (key, number)
        ) WITHOUT ROWID
    """,
)

_CLAIM = """
    INSERT INTO claims (key, count) VALUES (?, 1) ON CONFLICT (key) DO UPDATE SET count = count + 1
    RETURNING count - 1
"""


def journal_file(path: str | Path) -> Layer[Journal, StoreUnavailable, None]:
    """The journal in the file at *path*, made if there is none; one run at a time may have it open.

    It holds the answers that were given: it is readable by its owner alone.
    """

    async def build(_needs: None, scope: Scope) -> Outcome[Journal, StoreUnavailable]:
        opened = await open_own(Path(path), FORM)
        if isinstance(opened, Failure):
            return opened
        file = opened.unwrap()
        scope.add(file.aclose)
        made = await file.do(_begin)
        return made if isinstance(made, Failure) else Success(_SqliteJournal(file))

    return scoped(build)


def _begin(connection: sqlite3.Connection) -> None:
    """Nothing is claimed yet. Claims belong to this opening: they are SQLite's to keep, and to forget."""
    connection.execute("CREATE TEMP TABLE claims (key TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID")


@final
class _SqliteJournal:
    __slots__ = ("_file",)

    def __init__(self, file: OwnFile) -> None:
        self._file = file

    async def claim(self, key: str, /) -> Outcome[Work, StoreUnavailable]:
        """The next of the equal ones."""

        def claiming(connection: sqlite3.Connection) -> Work:
            [number] = connection.execute(_CLAIM, (key,)).fetchone()
            found = connection.execute("SELECT text FROM work WHERE key = ? AND number = ?", (key, number)).fetchone()
            return Work(key, number, None if found is None else found[0])

        return await self._file.do(claiming)

    async def keep(self, work: Work, text: str, /) -> Outcome[None, StoreUnavailable]:
        """Write it down."""

        def keeping(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO work VALUES (?, ?, ?)", (work.key, work.number, text))

        return await self._file.do(keeping)
