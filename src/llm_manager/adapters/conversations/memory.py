"""Conversations inside this process: they end with it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Never, final

from returns.result import Failure, Success

from llm_manager.adapters.conversations.order import place_of
from llm_manager.domain.conversation import ConversationSummary, Opening, Turn, advanced
from llm_manager.domain.errors import ConversationConflict, ConversationNotFound
from llm_manager.domain.outcome import Outcome


@final
class MemoryConversations:
    """Turns by conversation; nothing awaits in between, so that no two are added at once."""

    __slots__ = ("_summaries", "_turns")

    def __init__(self) -> None:
        self._turns: dict[str, tuple[Turn, ...]] = {}
        self._summaries: dict[str, ConversationSummary] = {}

    async def load(self, conversation_id: str, /) -> Outcome[tuple[Turn, ...], ConversationNotFound]:
        """All turns."""
        turns = self._turns.get(conversation_id)
        return Failure(ConversationNotFound(conversation_id)) if turns is None else Success(_apart(turns))

    async def append(
        self, conversation_id: str, expected_version: int, turns: Sequence[Turn], /
    ) -> Outcome[int, ConversationNotFound | ConversationConflict]:
        """Add *turns* if nobody else has added any meanwhile."""
        held = self._turns.get(conversation_id, ())
        if len(held) != expected_version or (held and turns and turns[0].follows not in (None, held[-1].id)):
            if turns and tuple(turns) == held[expected_version : expected_version + len(turns)]:
                return Success(expected_version + len(turns))
            gone = not held
            return Failure(ConversationNotFound(conversation_id) if gone else ConversationConflict(conversation_id))
        before = self._summaries.get(conversation_id)
        added = _apart(turns)
        self._summaries[conversation_id] = advanced(before, conversation_id, added)
        self._turns[conversation_id] = (*held, *added)
        return Success(expected_version + len(turns))

    async def remove(self, conversation_id: str, /) -> Outcome[None, ConversationNotFound]:
        """Forget it."""
        if self._turns.pop(conversation_id, None) is None:
            return Failure(ConversationNotFound(conversation_id))
        del self._summaries[conversation_id]
        return Success(None)

    async def page(
        self, after: ConversationSummary | None, limit: int, /
    ) -> Outcome[tuple[ConversationSummary, ...], Never]:
        """The last updated first."""
        newest = sorted(self._summaries.values(), key=place_of, reverse=True)
        behind = newest if after is None else [each for each in newest if place_of(each) < place_of(after)]
        return Success(tuple(replace(each, metadata=deepcopy(each.metadata)) for each in behind[:limit]))


def _apart(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """*turns* with metadata of their own: whoever changes theirs changes nothing that is stored."""
    return tuple(turn if turn.opening is None else _with_own_metadata(turn, turn.opening) for turn in turns)


def _with_own_metadata(turn: Turn, opening: Opening) -> Turn:
    return replace(turn, opening=replace(opening, metadata=deepcopy(opening.metadata)))
