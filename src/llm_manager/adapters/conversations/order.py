"""By what stores know a conversation, and in which order they list them: the same in all."""

from __future__ import annotations

from hashlib import sha256

from llm_manager.domain.conversation import ConversationSummary


def bytes_of(conversation_id: str) -> bytes:
    """An id as it is kept: verbatim, whatever is in it, half of a character too."""
    return conversation_id.encode("utf-8", "surrogatepass")


def key_of(conversation_id: str) -> bytes:
    """What an id is filed under: short, and of one length, where an id may be neither."""
    return sha256(bytes_of(conversation_id)).digest()


def place_of(summary: ConversationSummary) -> tuple[float, bytes]:
    """Where it stands in a list, from behind: by its last turn, and, of equals, by something that never changes."""
    return summary.updated_at, key_of(summary.id)
