"""Where conversations are kept: what names a store, and what is said of a URL that names none."""

from __future__ import annotations

import pytest

from llm_manager import Secret, config_from_env, parse_config
from llm_manager.adapters.conversations.services import sqlite_url
from llm_manager.domain.conversation_place import (
    ConversationPlace,
    PostgresPlace,
    RedisPlace,
    SqlitePlace,
    conversation_place,
)

PLACES: dict[str, ConversationPlace] = {
    "sqlite:///chats.db": SqlitePlace("chats.db"),
    "sqlite:///a folder/ü%20.db": SqlitePlace("a folder/ü%20.db"),
    "sqlite:////var/lib/chats.db": SqlitePlace("/var/lib/chats.db"),
    "postgresql://me:p%40ss@db.example/chats?sslmode=require": PostgresPlace(
        Secret("postgresql://me:p%40ss@db.example/chats?sslmode=require")
    ),
    "postgres://db.example:5433/chats": PostgresPlace(Secret("postgres://db.example:5433/chats")),
    "redis://cache.example/2": RedisPlace(Secret("redis://cache.example/2")),
    "unix:///run/redis.sock": RedisPlace(Secret("unix:///run/redis.sock")),
}

WRONG = (
    "",
    "chats.db",
    "sqlite:chats.db",
    "sqlite://",
    "sqlite:///",
    "sqlite:////",
    "sqlite://host/chats.db",
    "sqlite:///:memory:",
    "sqlite:///chats.db?mode=ro",
    "sqlite:///nul\0.db",
    "postgresql://",
    "postgresql://me:canary@host",
    "postgresql://me:canary@host:port/db",
    "postgresql://host/db?password=canary",
    "postgresql+psycopg://me:canary@host/db",
    "mysql://me:canary@host/db",
    "redis://me:canary@host/zero",
)


@pytest.mark.parametrize("url", PLACES)
def test_a_url_names_a_store(url: str) -> None:
    assert conversation_place(Secret(url)).unwrap() == PLACES[url]


@pytest.mark.parametrize("url", WRONG)
def test_a_url_that_names_none_is_told_and_not_shown(url: str) -> None:
    [problem] = parse_config({"conversations": {"url": url}}).failure().problems
    assert problem.path == "conversations.url"
    assert "canary" not in str(problem)


def test_the_environment_names_a_store() -> None:
    config = config_from_env({"DATABASE_URL": "sqlite:///chats.db"}).unwrap()
    assert config.conversations.url == Secret("sqlite:///chats.db")
    assert config.sources["conversations.url"] == "DATABASE_URL"


def test_the_url_of_a_path_names_its_file() -> None:
    assert conversation_place(sqlite_url("/var/lib/my chats.db")).unwrap() == SqlitePlace("/var/lib/my chats.db")
