"""Conversations in Redis, for all processes that use it.

Nothing replaces a turn that is lost: unlike elsewhere in this room, a Redis that is away is a failure, and foreign data
is left as it is. How much a crash of Redis may take is its own setting: only ``appendonly yes`` with
``appendfsync always`` keeps every turn that was acknowledged, and ``maxmemory-policy`` must be ``noeviction``.

All names share one hash tag: in a cluster, all conversations of a prefix are in one slot.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TypeAlias, TypeVar, cast, final

from anyio import to_thread
from returns.result import Failure, Success

from llm_manager.adapters.conversations.order import key_of, place_of
from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.scripts import Script
from llm_manager.adapters.redis.wire import Refusal, Reply, Word
from llm_manager.domain.conversation import ConversationSummary, Turn, advanced
from llm_manager.domain.conversation_text import PART, beginning_of, summaries_of, text_of, turns_of
from llm_manager.domain.errors import ConversationConflict, ConversationNotFound, StoreUnavailable
from llm_manager.domain.outcome import Outcome

A = TypeVar("A")

Appended: TypeAlias = Outcome[int, ConversationNotFound | ConversationConflict | StoreUnavailable]

_APPEND, _READ = Script("conversations_append"), Script("conversations_read")
_REMOVE, _PAGE = Script("conversations_remove"), Script("conversations_page")


@final
class RedisConversations:
    """A list of turns for each conversation, a hash with its summary, and one sorted list of all."""

    __slots__ = ("_prefix", "_redis")

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = f"{{{prefix}:conversations}}:"

    async def load(self, conversation_id: str, /) -> Outcome[tuple[Turn, ...], ConversationNotFound | StoreUnavailable]:
        """All turns."""
        outcome = await self._redis.call("LRANGE", self._turns(conversation_id), 0, -1)
        if isinstance(outcome, Failure):
            return outcome
        reply = outcome.unwrap()
        if not isinstance(reply, list):
            return Failure(_refused(reply))
        if not reply:
            return Failure(ConversationNotFound(conversation_id))
        texts = _texts(reply)
        return _readable(turns_of(texts) if len(texts) <= PART else await to_thread.run_sync(turns_of, texts))

    async def append(self, conversation_id: str, expected_version: int, turns: Sequence[Turn], /) -> Appended:
        """Add *turns* if nobody else has added any meanwhile: the summary is made here, and the script looks again."""
        read = await _READ.run(self._redis, self._names(conversation_id)[:2])
        if isinstance(read, Failure):
            return read
        held, text = read.unwrap()
        before = summaries_of(_texts([text]) if text else ())
        if isinstance(before, Failure):
            return Failure(_unreadable(before.failure()))
        known = next(iter(before.unwrap()), None) if held == expected_version else None
        now = advanced(known, conversation_id, turns)
        texts = [text_of(turn) for turn in turns]
        arguments: tuple[Word, ...] = (
            expected_version,
            _place(now),
            text_of(now),
            beginning_of(turns[0].follows),
            *texts,
        )
        done = await _APPEND.run(self._redis, self._names(conversation_id), *arguments)
        return done if isinstance(done, Failure) else _appended(conversation_id, done.unwrap())

    async def remove(self, conversation_id: str, /) -> Outcome[None, ConversationNotFound | StoreUnavailable]:
        """Forget it."""
        done = await _REMOVE.run(self._redis, self._names(conversation_id))
        if isinstance(done, Failure):
            return done
        return Success(None) if done.unwrap() == [1] else Failure(ConversationNotFound(conversation_id))

    async def page(
        self, after: ConversationSummary | None, limit: int, /
    ) -> Outcome[tuple[ConversationSummary, ...], StoreUnavailable]:
        """The last updated first."""
        bound = "+" if after is None else f"({_place(after)}"
        arguments = (bound, limit, self._prefix, ":about")
        done = await _PAGE.run(self._redis, (self._all,), *arguments)
        return done if isinstance(done, Failure) else _readable(summaries_of(_texts(done.unwrap())))

    @property
    def _all(self) -> str:
        return f"{self._prefix}all"

    def _turns(self, conversation_id: str) -> str:
        return f"{self._prefix}{key_of(conversation_id).hex()}:turns"

    def _names(self, conversation_id: str) -> tuple[str, str, str]:
        about = f"{self._prefix}{key_of(conversation_id).hex()}:about"
        return self._turns(conversation_id), about, self._all


def _place(summary: ConversationSummary) -> str:
    """Its place in the list of all, as text that sorts as the place does: times after 1970 sort as their bytes do."""
    updated_at, key = place_of(summary)
    return struct.pack(">d", max(updated_at, 0.0)).hex() + key.hex()


def _appended(conversation_id: str, reply: list[Reply]) -> Appended:
    match reply:
        case [b"stored", int(version)]:
            return Success(version)
        case [b"conflict"]:
            return Failure(ConversationConflict(conversation_id))
        case [b"not found"]:
            return Failure(ConversationNotFound(conversation_id))
        case _:
            return Failure(_refused(reply))


def _texts(replies: Sequence[Reply]) -> list[bytes]:
    return [cast("bytes", reply) for reply in replies]


def _readable(read: Outcome[A, str]) -> Outcome[A, StoreUnavailable]:
    return Failure(_unreadable(read.failure())) if isinstance(read, Failure) else read


def _unreadable(said: str) -> StoreUnavailable:
    return StoreUnavailable("redis", said)


def _refused(reply: object) -> StoreUnavailable:
    said = reply.code if isinstance(reply, Refusal) else "it answered what no Redis does"
    return StoreUnavailable("redis", said)
