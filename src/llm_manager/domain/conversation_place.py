"""Where conversations are kept: one URL, which may hold a password and is a secret until it is taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

from returns.result import Failure, Success

from llm_manager.domain.outcome import Outcome
from llm_manager.domain.redis_address import SCHEMES as REDIS_SCHEMES
from llm_manager.domain.redis_address import redis_address
from llm_manager.domain.secret import Secret

WANTED = (
    "write one like sqlite:///chats.db (relative), sqlite:////var/lib/chats.db (absolute),"
    " postgresql://user:password@host/database or redis://host:6379/0"
)


@dataclass(frozen=True, slots=True)
class SqlitePlace:
    """A file, by its path as it was written."""

    path: str


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """A PostgreSQL, by its URL."""

    url: Secret


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """A Redis, by its URL."""

    url: Secret


ConversationPlace: TypeAlias = SqlitePlace | PostgresPlace | RedisPlace


def conversation_place(url: Secret) -> Outcome[ConversationPlace, str]:
    """The store that *url* names; fails with what is wrong, which never shows the text.

    >>> conversation_place(Secret("sqlite:////tmp/chats.db")).unwrap()
    SqlitePlace(path='/tmp/chats.db')
    >>> conversation_place(Secret("mysql://me:secret@host/db")).failure().partition(":")[0]
    'names no store that we know'
    """
    text = url.reveal()
    scheme, has_scheme, rest = text.partition("://")
    if not has_scheme or not text.isprintable():
        return Failure(f"is no URL: {WANTED}")
    if scheme == "sqlite":
        return _sqlite(rest)
    if scheme in ("postgresql", "postgres"):
        return _postgres(url)
    if scheme in REDIS_SCHEMES:
        found = redis_address(url)
        return Failure(found.failure()) if isinstance(found, Failure) else Success(RedisPlace(url))
    return Failure(f"names no store that we know: {WANTED}")


def _sqlite(rest: str) -> Outcome[ConversationPlace, str]:
    path = rest.removeprefix("/")
    if not rest.startswith("/") or not path.strip("/"):
        return Failure(f"names no file: {WANTED}")
    if path == ":memory:":
        return Failure("names no file: leave it out, and conversations are kept in this process")
    if "?" in path or "#" in path:
        return Failure(f"has a query or fragment: {WANTED}")
    return Success(SqlitePlace(path))


def _postgres(url: Secret) -> Outcome[ConversationPlace, str]:
    text = url.reveal()
    try:
        parts = urlsplit(text)
        database, _ = parts.path.strip("/"), parts.port
    except ValueError:
        return Failure(f"is no URL: {WANTED}")
    if not database or " " in text:
        return Failure(f"names no database: {WANTED}")
    if any("password" in name for name, _ in parse_qsl(parts.query)):
        return Failure("has a password in its query: write postgresql://user:password@host/database")
    return Success(PostgresPlace(url))
