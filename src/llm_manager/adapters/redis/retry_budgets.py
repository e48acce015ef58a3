"""Retry budgets that several processes share, so that an outage is not made worse by each of them for itself.

The script beside this file is ``policies.retry_budget`` once more, for every success and every retry of all processes
meet in one bucket, and who moved it in between must not matter; a law holds the two to the same answers.
"""

from __future__ import annotations

from typing import final

from returns.result import Failure

from llm_manager.adapters.redis.client import Redis
from llm_manager.adapters.redis.scripts import Moment, Script, keys_of, servers_time
from llm_manager.domain.settings import RedisSettings, RetryBudgetSettings
from llm_manager.ports import RetryBudgets

UNIT = 1_000_000_000
"""A retry, in what is counted in Redis."""

MOST = 4_000_000.0
"""More retries than anybody allows: above it, units would not be exact in Lua's numbers."""


@final
class RedisRetryBudgets:
    """One budget a key for all processes; while Redis is away, *meanwhile*'s."""

    __slots__ = ("_keys", "_meanwhile", "_moment", "_redis", "_script", "_settings")

    def __init__(
        self,
        redis: Redis,
        settings: RetryBudgetSettings,
        shared: RedisSettings,
        meanwhile: RetryBudgets,
        moment: Moment = servers_time,
    ) -> None:
        self._redis = redis
        self._settings = settings
        self._meanwhile = meanwhile
        self._moment = moment
        self._keys = keys_of(shared.prefix, "retries")
        self._script = Script("retry_budget")

    async def spend(self, key: str, now_s: float, /) -> bool:
        """Take one retry if there is enough for it."""
        enough = await self._ask(key, now_s, 0.0, self._settings.cost)
        return await self._meanwhile.spend(key, now_s) if enough is None else enough

    async def earn(self, key: str, now_s: float, /) -> None:
        """A request succeeded."""
        if await self._ask(key, now_s, self._settings.per_success, 0.0) is None:
            await self._meanwhile.earn(key, now_s)

    async def _ask(self, key: str, now_s: float, add: float, take: float) -> bool | None:
        """Whether there was enough to take; None while Redis is away."""
        names = [self._keys(key, "bucket")]
        rates = (_units(self._settings.capacity), _units(self._settings.per_second))
        outcome = await self._script.run(self._redis, names, self._moment(now_s), *rates, _units(add), _units(take))
        if isinstance(outcome, Failure):
            return None
        match outcome.unwrap():
            case [0 | 1 as enough]:
                return bool(enough)
            case _:
                return None


def _units(retries: float) -> int:
    return round(min(retries, MOST) * UNIT)
