"""The stores by themselves, for ``live() | replacing(conversations=sqlite_conversations("chats.db"))``.

Nothing is opened before the first call. A store closes each connection after its call, unless it is open inside its
``async with``; the one that a layer makes from the settings is open as long as the layer is.
"""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from returns.result import Failure, Success

from llm_manager.adapters.redis.services import client_for, redis_client
from llm_manager.domain.arguments import check_finite
from llm_manager.domain.conversation_place import PostgresPlace, RedisPlace, SqlitePlace, conversation_place
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.secret import Secret
from llm_manager.domain.settings import ConversationSettings, RedisSettings
from llm_manager.effect.scope import Scope
from llm_manager.ports import ConversationStore

if TYPE_CHECKING:
    from llm_manager.adapters.conversations.sql import Database, SqlConversations
    from llm_manager.adapters.redis.client import Redis

_SETTINGS = ConversationSettings()


def sqlite_conversations(path: str | os.PathLike[str], *, timeout_s: float = _SETTINGS.timeout_s) -> SqlConversations:
    """Conversations in the file *path*, made when it is first used; a writer waits *timeout_s* for another process."""
    write = 'sqlite_conversations("chat.db", timeout_s=5)'
    check_finite(timeout_s, "sqlite_conversations takes a timeout of more than 0 seconds", write, is_zero_right=False)
    from llm_manager.adapters.conversations.sql import SqlConversations  # noqa: PLC0415  # only who stores pays for it
    from llm_manager.adapters.conversations.sqlite import SqliteFile  # noqa: PLC0415  # as above

    return SqlConversations(SqliteFile(Path(path), timeout_s))


def postgres_conversations(url: str | Secret, *, timeout_s: float = _SETTINGS.timeout_s) -> SqlConversations:
    """Conversations in the PostgreSQL at *url*.

    Raises ``ValueError`` for a URL that is none, and where the extra ``postgres`` is not installed.
    """
    write = "postgres_conversations(url, timeout_s=5)"
    check_finite(timeout_s, "postgres_conversations takes a timeout of more than 0 seconds", write, is_zero_right=False)
    secret = url if isinstance(url, Secret) else Secret(url)
    place = conversation_place(secret)
    said = place.failure() if isinstance(place, Failure) else _lacks("psycopg", "postgres")
    if said is not None:
        raise ValueError(said)
    return _postgres(secret, timeout_s)


def redis_conversations(redis: str | Redis, *, prefix: str = "llm_manager") -> ConversationStore:
    """Conversations in Redis, whose own settings say how much outlives a crash; *redis* is a URL or a client."""
    to = redis_client(redis, RedisSettings(timeout_s=_SETTINGS.timeout_s)) if isinstance(redis, str) else redis
    from llm_manager.adapters.redis.conversations import RedisConversations  # noqa: PLC0415  # an extra

    return RedisConversations(to, prefix)


def sqlite_url(path: str | os.PathLike[str]) -> Secret:
    """The setting ``conversations.url`` for the file *path*."""
    return Secret(f"sqlite:///{Path(path).absolute()}")


def conversations_at(
    settings: ConversationSettings, shared: RedisSettings, scope: Scope
) -> Outcome[ConversationStore, ConfigurationError]:
    """The store that *settings* name, open until *scope* ends; nothing connects yet."""
    found = conversation_place(settings.url or Secret(""))
    if isinstance(found, Failure):
        return _wrong(found.failure())
    match found.unwrap():
        case SqlitePlace(path):
            return _opened(sqlite_conversations(path, timeout_s=settings.timeout_s), scope)
        case PostgresPlace(url):
            said = _lacks("psycopg", "postgres")
            return _opened(_postgres(url, settings.timeout_s), scope) if said is None else _wrong(said)
        case RedisPlace(url):
            return _in_redis(url, settings, shared, scope)


def database_at(settings: ConversationSettings) -> Outcome[Database, str]:
    """A database of its own connections in the store that *settings* name; fails with why there is none."""
    found = conversation_place(settings.url or Secret(""))
    if isinstance(found, Failure):
        return found
    match found.unwrap():
        case SqlitePlace(path):
            from llm_manager.adapters.conversations.sqlite import SqliteFile  # noqa: PLC0415  # only who stores

            return Success(SqliteFile(Path(path), settings.timeout_s))
        case PostgresPlace(url):
            said = _lacks("psycopg", "postgres")
            return Failure(said) if said is not None else Success(_postgres_at(url, settings.timeout_s))
        case RedisPlace():
            return Failure("conversations.url (DATABASE_URL) names a Redis: sums are kept in SQLite or PostgreSQL")


def _postgres_at(url: Secret, timeout_s: float) -> Database:
    from llm_manager.adapters.conversations.postgres import Postgres  # noqa: PLC0415  # an extra

    return Postgres(url, timeout_s)


def _postgres(url: Secret, timeout_s: float) -> SqlConversations:
    from llm_manager.adapters.conversations.sql import SqlConversations  # noqa: PLC0415  # only who stores pays for it

    return SqlConversations(_postgres_at(url, timeout_s))


def _opened(store: SqlConversations, scope: Scope) -> Outcome[ConversationStore, ConfigurationError]:
    scope.add(store.aclose)
    return Success(store.open())


def _in_redis(
    url: Secret, settings: ConversationSettings, shared: RedisSettings, scope: Scope
) -> Outcome[ConversationStore, ConfigurationError]:
    made = client_for(replace(shared, url=url, timeout_s=settings.timeout_s))
    if isinstance(made, Failure):
        return _wrong("; ".join(problem.message for problem in made.failure().problems))
    client = made.unwrap().open()
    scope.add(client.aclose)
    return Success(redis_conversations(client, prefix=shared.prefix))


def _lacks(module: str, extra: str) -> str | None:
    return None if find_spec(module) else f"{module} is not installed: pip install 'llm-manager[{extra}]'"


def _wrong(said: str) -> Outcome[ConversationStore, ConfigurationError]:
    return Failure(ConfigurationError((Problem("conversations.url", said),)))
