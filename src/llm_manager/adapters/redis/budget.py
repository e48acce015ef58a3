"""Money that several processes spend together: an account for each of them in Redis, one script that grants.

Each says in every word all that it has spent and holds, never what has changed. So a word that is lost is made good by
the next, and a Redis that was emptied or was away hears everything again: from each process what it has heard of others
as well, for those that spent it may have ended. What waits to be said goes in one word, so a request waits for the one
that is under way and the next at most.

What others have reserved may come back, so a request waits for it in the queue of its process. Every word carries the
whole queue and is answered in its order; the head of the queue says one from time to time, to learn of other processes.

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
from llm_manager.adapters.redis.scripts import Script, keys_of, whole_of
from llm_manager.adapters.redis.wire import Reply, Word
from llm_manager.domain.errors import BudgetExceeded, StoreUnavailable
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import RedisSettings
from llm_manager.ports import Clock

NANO = 1_000_000_000
"""A dollar, in what is counted here: a token may cost some hundred nano-dollars."""

MOST_USD = 4_000_000.0
"""The largest limit: above it, whole nano-dollars would not be exact in Lua's numbers."""


GRANTED, WAITS = "1", "w"
"""What the script answers to a wish, beside that there is no room for it."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """How the others stood when Redis last answered, in nano-dollars: *taken* is what they have *spent* and hold.

    *ended* is what ended processes have taken, and *accounts* are those of all others, names and texts as Redis keeps
    them: a Redis that has lost them since, which *era* and *roll* show, is told them again.
    """

    era: str = ""
    roll: str = ""
    ended: int = 0
    taken: int = 0
    spent: int = 0
    presumed: int = 0
    accounts: tuple[bytes, ...] = ()


LOOK_AGAIN_S = 0.05
"""How soon the head of a queue asks whether other processes gave something back; the next time in twice that."""

MOST_LOOK_AGAIN_S = 1.0


@final
class _Wish:
    """A request that wants *nano* reserved; *granted* is None while it waits, *why* tells that Redis was not asked.

    *is_heard* once a word has carried it. *called* is set when it is answered or becomes the head of the queue, and the
    head is woken from its *sleep* by its answer.
    """

    __slots__ = ("called", "granted", "is_heard", "nano", "sleep", "why")

    def __init__(self, nano: int) -> None:
        self.nano = nano
        self.granted: bool | None = None
        self.is_heard = False
        self.why = ""
        self.called = anyio.Event()
        self.sleep: anyio.CancelScope | None = None

    def answer(self, *, granted: bool) -> None:
        """It is decided."""
        self.granted = granted
        self.called.set()
        if self.sleep is not None:
            self.sleep.cancel()


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

    async def reserve(self, worst_usd: float, max_wait_s: float, clock: Clock, /) -> Outcome[None, BudgetExceeded]:
        """Reserve *worst_usd*, or say that it is not there and, within *max_wait_s*, did not come back."""
        ends_s = clock.monotonic() + max_wait_s
        wish = _Wish(nano_of(worst_usd))
        self._wishes[wish] = None
        try:
            async with self._line:
                if not wish.is_heard:
                    await self._exchange()
            left_s = ends_s - clock.monotonic()
            if wish.granted is None and left_s > 0:
                with clock.move_on_after(left_s):
                    await self._wait(wish, clock)
        except BaseException:
            self._withdraw(wish)
            if wish.granted:
                with anyio.CancelScope(shield=True):
                    await self.settle(worst_usd, 0.0)
            raise
        if wish.granted:
            return Success(None)
        self._withdraw(wish)
        return Failure(self._refusal(wish))

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

    async def _wait(self, wish: _Wish, clock: Clock) -> None:
        """Return once *wish* is answered: by any word of this process, of which the head of the queue sees to some."""
        pause_s = LOOK_AGAIN_S
        while wish.granted is None:
            if next(iter(self._wishes)) is not wish:
                await wish.called.wait()
                continue
            if wish.is_heard:
                with anyio.CancelScope() as wish.sleep:
                    await clock.sleep(pause_s)
                wish.sleep = None
                pause_s = min(pause_s * 2, MOST_LOOK_AGAIN_S)
            async with self._line:
                if wish.granted is None:
                    await self._exchange()

    def _withdraw(self, wish: _Wish) -> None:
        """It waits no longer, and where it was the first, there may be room for the next that wants less."""
        is_first = next(iter(self._wishes), None) is wish
        self._leave(wish)
        head = next(iter(self._wishes), None)
        if is_first and head is not None and head.nano < wish.nano:
            head.is_heard = False

    def _leave(self, wish: _Wish) -> None:
        """The queue goes on without *wish*."""
        self._wishes.pop(wish, None)
        if self._wishes:
            next(iter(self._wishes)).called.set()

    def _refusal(self, wish: _Wish) -> BudgetExceeded:
        spent, reserved = self._seen.spent + self._spent, self._seen.taken - self._seen.spent + self._held
        return BudgetExceeded(self._limit / NANO, spent / NANO, wish.why, reserved_usd=reserved / NANO)

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
        try:
            _set_heard(wishes, heard=True)
            outcome = await self._say(wishes, put_back)
        except BaseException:
            _set_heard(wishes, heard=False)
            raise
        heard = outcome if isinstance(outcome, Failure) else _read(outcome.unwrap(), len(wishes))
        if isinstance(heard, Failure):
            self._decide(wishes, heard.failure().message)
            return heard
        self._seen, answers = heard.unwrap()
        are_gone = [wish not in self._wishes for wish in wishes]
        for wish, answer in zip(wishes, answers, strict=True):
            wish.why = ""
            if answer != WAITS:
                self._answer(wish, granted=answer == GRANTED)
        if any(is_gone and answer == GRANTED for is_gone, answer in zip(are_gone, answers, strict=True)):
            return await self._exchange()  # others may wait for what nobody here wants any more
        return Success(self._seen)

    async def _say(self, wishes: Sequence[_Wish], put_back: int) -> Outcome[list[Reply], StoreUnavailable]:
        """One word; and once more, with what was heard of others, where Redis has lost accounts since."""
        seen = self._seen
        nothing: tuple[Word, ...] = ("-",)
        known: tuple[Word, ...] = (str(len(seen.accounts) // 2), *seen.accounts)
        outcome: Outcome[list[Reply], StoreUnavailable] = Success([])
        for heard_of in (nothing, known):
            outcome = await self._script.run(
                self._redis,
                self._names,
                *(self._account, self._number, self._spent, self._held, self._limit),
                *(seen.era, seen.roll, seen.ended, put_back),
                *heard_of,
                *(wish.nano for wish in wishes),
            )
            if isinstance(outcome, Failure) or outcome.unwrap() != [b"tell"]:
                break
        return outcome

    def _decide(self, wishes: Sequence[_Wish], why: str) -> None:
        """What Redis would have decided, by what is known here; or, closed, that nothing passes."""
        is_open, waits = self._shared.when_away == "open", False
        for wish in wishes:
            wish.why = f"the shared budget cannot be asked: {why}"
            fits = self._seen.taken + self._spent + self._held + wish.nano <= self._limit
            may_come = self._seen.spent + self._spent + wish.nano <= self._limit
            if is_open and may_come and (waits or not fits):
                waits = True
            else:
                self._answer(wish, granted=is_open and fits)

    def _answer(self, wish: _Wish, *, granted: bool) -> None:
        if wish in self._wishes:  # else it was withdrawn meanwhile
            self._leave(wish)
            wish.answer(granted=granted)
            self._held += wish.nano if granted else 0


def _set_heard(wishes: Sequence[_Wish], *, heard: bool) -> None:
    for wish in wishes:
        wish.is_heard = heard


def nano_of(usd: float) -> int:
    """Dollars as whole nano-dollars; more than anybody may have is as much as anybody may have.

    >>> nano_of(0.07), nano_of(float("inf"))
    (70000000, 4000000000000000)
    """
    return round(min(usd, MOST_USD) * NANO)


def _read(reply: list[Reply], wishes: int) -> Outcome[tuple[_Seen, str], StoreUnavailable]:
    match reply:
        case [bytes() as era, bytes() as roll, *sums, bytes() as said, list() as others]:
            accounts = tuple(each for each in others if isinstance(each, bytes))
            match [whole_of(each) for each in sums]:
                case [int(ended), int(taken), int(spent), int(presumed)] if len(accounts) == len(others):
                    if len(said) == wishes and len(accounts) % 2 == 0:
                        names = (era.decode(errors="replace"), roll.decode(errors="replace"))
                        seen = _Seen(*names, ended, taken, spent, presumed, accounts)
                        return Success((seen, said.decode(errors="replace")))
                case _:
                    pass
        case _:
            pass
    return Failure(StoreUnavailable("redis", "it answered what no script of ours does"))
