"""Money that several processes spend together: an account for each of them in Redis, one script that grants.

Each says in every word all that it has spent and holds, never what has changed. So a word that is lost is made good by
the next, and a Redis that was emptied or was away hears everything again. What waits to be said goes in one word, so
nobody waits for more than one that is under way and the next.

A process that dies while it holds money may have sent what the money was for: it counts as spent, apart from the rest,
until somebody who has seen the bill puts it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final
from uuid import uuid4

import anyio
from returns.result import Failure, Success

from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.scripts import Script, keys_of
from llm_manager.adapters.redis.wire import Reply
from llm_manager.domain.errors import BudgetExceeded, StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import RedisSettings

NANO = 1_000_000_000
"""A dollar, in what is counted here: a token may cost some hundred nano-dollars."""

MOST_USD = 4_000_000.0
"""The largest limit: above it, whole nano-dollars would not be exact in Lua's numbers."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """How the others stood when Redis last answered, in nano-dollars: *taken* is what they have *spent* and hold.

    *ended* is what ended processes have taken, which nobody but Redis and those who asked it knows.
    """

    era: str = ""
    ended: int = 0
    taken: int = 0
    spent: int = 0
    presumed: int = 0


@final
class _Wish:
    """Somebody wants to hold *nano*; *granted* is None until it is known, *why* tells that Redis was not asked."""

    __slots__ = ("granted", "nano", "why")

    def __init__(self, nano: int) -> None:
        self.nano = nano
        self.granted: bool | None = None
        self.why = ""


@final
class RedisBudget:
    """At most *limit_usd* for all who share the budget *name*, for as long as Redis keeps it.

    While Redis is away a process goes on by what it last knew of the others, and tells later what it spent; or, closed,
    nothing passes.
    """

    __slots__ = (
        "_account",
        "_changes",
        "_held",
        "_limit",
        "_line",
        "_names",
        "_number",
        "_redis",
        "_script",
        "_seen",
        "_shared",
        "_spent",
        "_told",
        "_wishes",
    )

    def __init__(self, redis: Redis, limit_usd: float, shared: RedisSettings, name: str = "all") -> None:
        self._redis = redis
        self._limit = nano_of(limit_usd)
        self._shared = shared
        keys = keys_of(shared.prefix, "budget")
        self._names = [keys(name, part) for part in ("sums", "accounts", "ended", "order")]
        self._script = Script("budget")
        self._account = uuid4().hex
        self._line = anyio.Lock(fast_acquire=True)
        self._seen = _Seen()
        self._wishes: dict[_Wish, None] = {}
        self._spent = self._held = self._number = self._changes = self._told = 0

    async def reserve(self, worst_usd: float, /) -> Outcome[None, BudgetExceeded]:
        """Speak for *worst_usd*, or say that it is not there."""
        wish = _Wish(nano_of(worst_usd))
        self._wishes[wish] = None
        try:
            async with self._line:
                if wish.granted is None:
                    await self._exchange()
        except BaseException:
            self._withdraw(wish)
            raise
        if wish.granted:
            return Success(None)
        taken = self._seen.taken + self._spent + self._held
        return Failure(BudgetExceeded(self._limit / NANO, taken / NANO, wish.why))

    async def settle(self, worst_usd: float, used_usd: float, /) -> None:
        """Put *used_usd* in the place of what was reserved. If Redis is away, the next word that it hears says so."""
        self._held = max(self._held - nano_of(worst_usd), 0)
        self._spent += nano_of(used_usd)
        await self._tell()

    async def spent_usd(self) -> float:
        """What all have spent so far, the presumed included; while Redis is away, as far as this process knows."""
        async with self._line:
            await self._exchange()
        return (self._seen.spent + self._spent) / NANO

    async def presumed_usd(self) -> Outcome[float, StoreUnavailable]:
        """What processes held that died: it may have been billed, and counts as spent."""
        return await self.put_back(0.0)

    async def put_back(self, usd: float) -> Outcome[float, StoreUnavailable]:
        """Let *usd* of what is presumed be spent after all, for the bill does not show it; what is presumed then."""
        async with self._line:
            heard = await self._exchange(nano_of(usd))
        return heard if isinstance(heard, Failure) else Success(heard.unwrap().presumed / NANO)

    def _withdraw(self, wish: _Wish) -> None:
        """Whoever wanted it is gone: what was granted in that moment is given back with the next word."""
        self._wishes.pop(wish, None)
        if wish.granted:
            self._held -= wish.nano
            self._changes += 1

    async def _tell(self) -> None:
        """Say what is new, if nobody who stood in line before has said it with theirs."""
        self._changes += 1
        mine = self._changes
        async with self._line:
            if self._told < mine:
                await self._exchange()

    async def _exchange(self, put_back: int = 0) -> Outcome[_Seen, StoreUnavailable]:
        """Say how this account stands and what is wanted; hear how all stand. One at a time."""
        wishes = tuple(self._wishes)
        self._number += 1
        self._told = self._changes
        outcome = await self._script.run(
            self._redis,
            self._names,
            *(self._account, self._number, self._spent, self._held, self._limit),
            *(self._seen.era, self._seen.ended, put_back),
            *(wish.nano for wish in wishes),
        )
        heard = outcome if isinstance(outcome, Failure) else _read(outcome.unwrap(), len(wishes))
        if isinstance(heard, Failure):
            self._decide(wishes, heard.failure().message)
            return heard
        self._seen, granted = heard.unwrap()
        for wish, is_granted in zip(wishes, granted, strict=True):
            self._answer(wish, granted=is_granted == "1")
        return Success(self._seen)

    def _decide(self, wishes: Sequence[_Wish], why: str) -> None:
        """What Redis would have decided, by what is known here."""
        for wish in wishes:
            wish.why = f"the shared budget cannot be asked: {why}"
            taken = self._seen.taken + self._spent + self._held
            self._answer(wish, granted=self._shared.when_away == "open" and taken + wish.nano <= self._limit)

    def _answer(self, wish: _Wish, *, granted: bool) -> None:
        if self._wishes.pop(wish, wish) is None:  # else it was withdrawn meanwhile
            wish.granted = granted
            self._held += wish.nano if granted else 0


def nano_of(usd: float) -> int:
    """Dollars as whole nano-dollars; more than anybody may have is as much as anybody may have.

    >>> nano_of(0.07), nano_of(float("inf"))
    (70000000, 4000000000000000)
    """
    return round(min(usd, MOST_USD) * NANO)


def _read(reply: list[Reply], wishes: int) -> Outcome[tuple[_Seen, str], StoreUnavailable]:
    match reply:
        case [
            bytes() as era,
            bytes() as ended,
            bytes() as taken,
            bytes() as spent,
            bytes() as presumed,
            bytes() as said,
        ]:
            sums = (int(each) for each in (ended, taken, spent, presumed))
            granted = said.decode()
            if len(granted) == wishes:
                return Success((_Seen(era.decode(errors="replace"), *sums), granted))
        case _:
            pass
    return Failure(StoreUnavailable("redis", "it answered what no script of ours does"))
