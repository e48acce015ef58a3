"""A store by its URL, for the programs of the tests."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from llm_manager import ConversationSettings, RedisSettings, Secret
from llm_manager.adapters.conversations.services import conversations_at
from llm_manager.effect.scope import Scope
from llm_manager.ports import ConversationStore


@asynccontextmanager
async def store_at(url: str) -> AsyncGenerator[ConversationStore, None]:
    """The store at *url*, open inside the block."""
    settings = ConversationSettings(url=Secret(url), timeout_s=30)
    async with Scope() as scope:
        yield conversations_at(settings, RedisSettings(), scope).unwrap()
