"""Lua scripts: what Redis does in one step, by its own clock.

The rule: every script answers something for every state of its keys. What it cannot read under our prefix is foreign,
and is begun anew. Scripts lie beside this file, ``NAME.lua``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Final, Protocol, TypeAlias, final

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.wire import Refusal, Reply, Word
from llm_manager.domain.errors import StoreUnavailable
from llm_manager.domain.outcome import Outcome

SECOND_US = 1_000_000

Moment: TypeAlias = Callable[[float], str]
"""What a script is told about the time: microseconds as digits, or nothing, and then it asks the server."""


def servers_time(_now_s: float) -> str:
    """The one clock that all processes share."""
    return ""


def callers_time(now_s: float) -> str:
    """The clock of the context: for one process alone, and for virtual time.

    >>> callers_time(1.5)
    '1500000'
    """
    return str(round(now_s * SECOND_US))


_NUMBER: Final = re.compile(rb"-?[0-9]{1,20}")


def whole_of(reply: Reply) -> int | None:
    """The whole number that *reply* holds; None for what no script of ours answers, however long it is.

    >>> whole_of(b"42"), whole_of(b"9" * 5000), whole_of(b"nan"), whole_of(1)
    (42, None, None, None)
    """
    return int(reply) if isinstance(reply, bytes) and _NUMBER.fullmatch(reply) else None


class Keyed(Protocol):
    """Names of Redis keys."""

    def __call__(self, key: str, part: str, /) -> str:
        """The name of one part of what is kept for *key*."""
        ...


def keys_of(prefix: str, kind: str) -> Keyed:
    """Names that begin with *prefix*; all parts of one thing share a hash tag, and so a slot of a cluster.

    >>> keys_of("llm_manager", "limit")("openai|gpt", "queue")
    '{llm_manager:limit:openai|gpt}:queue'
    """
    return lambda key, part: f"{{{prefix}:{kind}:{key}}}:{part}"


@final
class Script:
    """One script, sent by its hash; a Redis that does not know it, new or flushed, is given the text once more."""

    __slots__ = ("_hash", "_text")

    def __init__(self, name: str) -> None:
        self._text = (files("llm_manager.adapters.redis") / f"{name}.lua").read_bytes()
        self._hash = sha1(self._text, usedforsecurity=False).hexdigest()

    async def run(self, redis: Redis, keys: Sequence[str], *arguments: Word) -> Outcome[list[Reply], StoreUnavailable]:
        """What the script returns, a list; fails also where Redis refuses it, such as when its memory is full.

        A cancellation waits until it is known what Redis did, which is soon: room that was taken and the lease of a
        probe must come back, and a result must count, as they do in memory, where nothing can come in between.
        """
        done: list[Outcome[Reply, StoreUnavailable]] = []
        with anyio.CancelScope(shield=True):
            done.append(await self._answer(redis, (len(keys), *keys, *arguments)))
        outcome = done[0]
        if isinstance(outcome, Failure):
            return outcome
        reply = outcome.unwrap()
        if isinstance(reply, list):
            return Success(reply)
        said = reply.code if isinstance(reply, Refusal) else "it answered what no script of ours does"
        return Failure(StoreUnavailable("redis", said))

    async def _answer(self, redis: Redis, rest: Sequence[Word]) -> Outcome[Reply, StoreUnavailable]:
        outcome = await redis.call("EVALSHA", self._hash, *rest)
        if isinstance(outcome, Success) and _unknown(outcome.unwrap()):
            return await redis.call("EVAL", self._text, *rest)
        return outcome


def _unknown(reply: Reply) -> bool:
    return isinstance(reply, Refusal) and reply.code == "NOSCRIPT"
