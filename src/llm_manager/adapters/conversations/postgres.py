"""Conversations in PostgreSQL, through psycopg's blocking connections; extra ``postgres``.

The tables are made when they are first wanted, by whoever may. A commit is on the server's disk when it returns, unless
its ``synchronous_commit`` is off. Nothing is prepared and nothing is set for a session, so a pooler in front is fine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, final
from urllib.parse import unquote, urlsplit

import psycopg

from llm_manager.adapters.conversations.pool import Pool
from llm_manager.adapters.conversations.sql import SCHEMA_VERSION, Session, Unusable, tables
from llm_manager.domain.secret import Secret

A = TypeVar("A")

_MAKING = 0x6C6C6D63
"""The advisory lock of whoever makes the tables."""

_FIND = "SELECT 1 FROM pg_catalog.pg_tables WHERE tablename = ? AND schemaname = ANY (current_schemas(false))"

_SCHEMA = "llm_manager_schema"

_READ_VERSION = "SELECT version FROM llm_manager_schema"


@final
class _Connection:
    """One connection, one transaction at a time."""

    __slots__ = ("_psycopg",)

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._psycopg = connection

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        marked = _marked(statement)
        return self._psycopg.execute(marked, values).fetchall()

    def change(self, statement: str, *values: object) -> int:
        """How many rows a statement has changed."""
        marked = _marked(statement)
        return self._psycopg.execute(marked, values).rowcount

    def has_table(self, name: str) -> bool:
        """Is there a table of this *name*, where new ones would be?"""
        return bool(self.rows(_FIND, name))

    def lock_schema(self) -> None:
        """Until the end of the transaction no other process makes tables."""
        self.rows("SELECT pg_advisory_xact_lock(?)", _MAKING)

    def commit(self) -> None:
        """Make it last."""
        self._psycopg.commit()

    def close(self) -> None:
        """Let go of it; what was not committed is undone."""
        self._psycopg.close()


@final
class Postgres:
    """The database at *url*; a connection and a statement may take *timeout_s*."""

    __slots__ = ("_is_ready", "_pool", "_timeout_s", "_url")

    store = "postgres"

    def __init__(self, url: Secret, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._pool = Pool(self._connected)
        self._is_ready = False

    def keep(self, most: int) -> None:
        """Keep up to *most* connections."""
        self._pool.keep(most)

    def transact(self, work: Callable[[Session], A], /, *, writes: bool) -> A:
        """What *work* gives. A connection that died while nobody used it is replaced, once: what was done in its
        transaction is undone, or, if the commit was the last it heard, recognised."""
        try:
            connection, was_idle = self._pool.take()
            try:
                return self._transacted(connection, work)
            except (psycopg.OperationalError, psycopg.InterfaceError) as bad:
                if not was_idle or not _is_gone(bad):
                    raise
                self._pool.drop_idle()
                return self._transacted(self._connected(), work)
        except psycopg.Error as bad:
            self._is_ready = False  # it may be another database than before
            raise Unusable(self._said(bad)) from None  # its own words may show how we connect

    def _transacted(self, connection: _Connection, work: Callable[[Session], A]) -> A:
        try:
            connection.change(f"SET LOCAL statement_timeout = {max(1, round(self._timeout_s * 1000))}")
            if not self._is_ready:
                _prepare(connection)
            done = work(connection)
            connection.commit()
            self._is_ready = True
        except BaseException:
            connection.close()
            raise
        self._pool.give_back(connection)
        return done

    def _connected(self) -> _Connection:
        return _Connection(
            psycopg.connect(
                self._url.reveal(),
                connect_timeout=max(2, round(self._timeout_s)),
                tcp_user_timeout=max(1, round(self._timeout_s * 2000)),
                prepare_threshold=None,
            )
        )

    def _said(self, bad: psycopg.Error) -> str:
        """The first line of what the server says, without our password should it be there."""
        said = str(bad).strip().partition("\n")[0] or type(bad).__name__
        password = urlsplit(self._url.reveal()).password or ""
        for secret in filter(None, (password, unquote(password))):
            said = said.replace(secret, "...")
        return said


def _is_gone(bad: psycopg.Error) -> bool:
    """Was the connection lost, or closed by a server that stops (its class 57P), rather than the statement refused?"""
    return bad.sqlstate is None or bad.sqlstate.startswith(("57P", "08"))


def _marked(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()


def _prepare(connection: _Connection) -> None:
    """Make the tables, if they are not there; refuse those of a newer version."""
    if not connection.has_table(_SCHEMA):
        connection.lock_schema()
    if not connection.has_table(_SCHEMA):  # somebody else may have made them while we waited
        for statement in tables("BYTEA", "DOUBLE PRECISION"):
            connection.change(statement)
        connection.change("CREATE TABLE llm_manager_schema (version INTEGER NOT NULL)")
        connection.change("INSERT INTO llm_manager_schema (version) VALUES (?)", SCHEMA_VERSION)
    found = connection.rows(_READ_VERSION)
    version = found[0][0] if found else 0
    if version < SCHEMA_VERSION:
        msg = "its table llm_manager_schema is not ours"
        raise Unusable(msg)
    if version > SCHEMA_VERSION:
        msg = f"a newer version of this library made its tables (schema {version}, not {SCHEMA_VERSION}): upgrade"
        raise Unusable(msg)
