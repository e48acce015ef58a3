"""Where a layer keeps its conversations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import cast

import pytest
from returns.result import Failure, Success

from llm_manager import (
    ConversationSettings,
    KeySettings,
    LayerFailed,
    LLMConfig,
    Secret,
    StoreUnavailable,
    custom,
    get_conversation,
    live,
    postgres_conversations,
    redis_conversations,
    run,
    sqlite_url,
    start_conversation,
)
from llm_manager.adapters.conversations.memory import MemoryConversations
from postgres_server import PostgresServer
from redis_server import RedisServer

pytestmark = pytest.mark.anyio


def config(url: str) -> LLMConfig:
    return LLMConfig(
        keys=KeySettings(providers={"openai": (Secret("sk-canary-0123456789"),)}),
        conversations=ConversationSettings(url=Secret(url)),
    )


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "redis"])
async def test_a_conversation_outlives_the_layer_it_was_begun_in(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        url = sqlite_url(tmp_path / "data" / "chats.db").reveal()
    else:
        url = cast("PostgresServer | RedisServer", request.getfixturevalue(kind)).url
    async with custom(config(url)) as context:
        id_ = (await run(start_conversation("Be brief."), context)).unwrap()
    async with custom(config(url)) as context:
        assert (await run(get_conversation(id_), context)).unwrap().messages[0].content == "Be brief."


async def test_without_a_url_conversations_are_kept_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    async with live() as context:
        assert isinstance(context.conversations, MemoryConversations)


async def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'chats.db'}")
    async with live() as context:
        assert isinstance(await run(start_conversation(), context), Success)
    assert (tmp_path / "chats.db").exists()


async def test_a_store_that_is_away_fails_when_it_is_asked_and_not_before() -> None:
    async with custom(config("postgresql://me:canary-pass@127.0.0.1:9/db")) as context:
        outcome = await run(start_conversation(), context)
    assert isinstance(outcome, Failure)
    assert isinstance(outcome.failure(), StoreUnavailable)
    assert "canary" not in repr(outcome)


async def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("psycopg", "hiredis"):
        monkeypatch.setitem(sys.modules, module, None)  # as it is where nobody installed it
    with pytest.raises(LayerFailed, match=r"pip install 'llm-manager\[postgres\]'"):
        async with custom(config("postgresql://host/db")):
            pass
    with pytest.raises(LayerFailed, match=r"pip install 'llm-manager\[redis\]'"):
        async with custom(config("redis://127.0.0.1:9")):
            pass
    with pytest.raises(ValueError, match=r"pip install 'llm-manager\[postgres\]'"):
        postgres_conversations("postgresql://host/db")
    with pytest.raises(ValueError, match=r"pip install 'llm-manager\[redis\]'"):
        redis_conversations("redis://127.0.0.1:9")


async def test_a_url_that_is_none_fails_the_layer() -> None:
    with pytest.raises(LayerFailed, match=r"conversations\.url"):
        async with custom(config("mysql://me:canary@host/db")):
            pass
    with pytest.raises(ValueError, match="names no store"):
        postgres_conversations("mysql://me:canary@host/db")
