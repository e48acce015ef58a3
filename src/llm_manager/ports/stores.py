"""What is kept: answers for a while, conversations, and the work that a batch has done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from llm_manager.domain.conversation import ConversationSummary, Turn
from llm_manager.domain.errors import (
    ConversationConflict,
    ConversationNotFound,
    StoreUnavailable,
)
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.status import CacheStatus


@dataclass(frozen=True, slots=True)
class Cached:
    """Something the cache holds."""

    value: object


class Cache(Protocol):
    """Values by key, each for a while. Times are seconds on the context's clock."""

    async def get(self, key: str, now_s: float, /) -> Outcome[Cached | None, StoreUnavailable]:
        """What is stored under *key*, None when nothing is or it has expired."""
        ...

    async def put(self, key: str, value: object, now_s: float, ttl_s: float, /) -> Outcome[None, StoreUnavailable]:
        """Store *value* for *ttl_s* seconds."""
        ...

    async def status(self) -> Outcome[CacheStatus, StoreUnavailable]:
        """How full the cache is."""
        ...


class ConversationStore(Protocol):
    """Conversations by id, any text. Turns are added and never changed; a version is how many there are."""

    async def load(self, conversation_id: str, /) -> Outcome[tuple[Turn, ...], ConversationNotFound | StoreUnavailable]:
        """All turns, in order."""
        ...

    async def append(
        self, conversation_id: str, expected_version: int, turns: Sequence[Turn], /
    ) -> Outcome[int, ConversationNotFound | ConversationConflict | StoreUnavailable]:
        """Add *turns*, all or none, to what had *expected_version* turns when it was read; gives the new version.

        A conversation of version 0 is one that is not there yet. Turns that follow that version already, because this
        was said before and the answer was lost, are not added again, and that is a success. Where the first of them
        says which turn it ``follows``, that is the last one, or there is another conversation under this id.
        """
        ...

    async def remove(self, conversation_id: str, /) -> Outcome[None, ConversationNotFound | StoreUnavailable]:
        """Forget a conversation."""
        ...

    async def page(
        self, after: ConversationSummary | None, limit: int, /
    ) -> Outcome[tuple[ConversationSummary, ...], StoreUnavailable]:
        """At most *limit* conversations, the last updated first; those that come *after* the one given."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work in a journal: what it is, by *key*, and which of several equal ones; *text* is what came of it,
    None while it is not done."""

    key: str
    number: int
    text: str | None


class Journal(Protocol):
    """What has been done, kept so that a program which was killed need not do it again. It belongs to one run."""

    async def claim(self, key: str, /) -> Outcome[Work, StoreUnavailable]:
        """The next piece of work called *key* that nobody has claimed since the journal was opened, done or not."""
        ...

    async def keep(self, work: Work, text: str, /) -> Outcome[None, StoreUnavailable]:
        """*text* is what came of *work*; once this returns, no kill loses it."""
        ...
