"""`redis.when_away = "closed"` is closed: nothing that has a limit passes, in whatever way Redis does not decide."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from returns.result import Failure, Success

from llm_manager import StoreUnavailable, redis_budget, redis_limiter
from llm_manager.adapters.redis.wire import Refusal, Reply, Word
from llm_manager.domain.outcome import Outcome
from tests.shared.situations import CLOSED, NOW, TEN

pytestmark = pytest.mark.anyio


def listed(*replies: Reply) -> Outcome[Reply, StoreUnavailable]:
    return Success([*replies])


SUMS: list[Reply] = [b"0", b"0", b"0", b"1", []]
AWAY: dict[str, Outcome[Reply, StoreUnavailable]] = {
    "away": Failure(StoreUnavailable("redis", "no answer in time")),
    "full": Success(Refusal("OOM command not allowed when used memory > 'maxmemory'.")),
    "forbidden": Success(Refusal("NOPERM this user has no permissions")),
    "without scripts": Success(Refusal("ERR unknown command 'EVALSHA'")),
    "a number": Success(1),
    "text": Success(b"granted"),
    "nothing": Success(None),
    "empty": listed(),
    "told for ever": listed(b"tell"),
    "grants without sums": listed(b"1"),
    "sums that are none": listed(b"era", b"roll", b"nan", *SUMS),
    "sums without an end": listed(b"era", b"roll", b"9" * 5_000, *SUMS),
    "taken by nobody": listed(b"taken"),
    "a wait that is none": listed(b"wait", b"0", b"nan"),
    "a refusal that is none": listed(b"refused", b"1e400"),
}


@dataclass
class Answering:
    """A Redis with one answer to everything."""

    answer: Outcome[Reply, StoreUnavailable]

    async def call(self, *_command: Word) -> Outcome[Reply, StoreUnavailable]:
        return self.answer


@pytest.mark.parametrize("how", AWAY)
async def test_nothing_that_has_a_limit_passes_whatever_keeps_redis_from_deciding(how: str) -> None:
    redis = Answering(AWAY[how])
    budget, limits = redis_budget(redis, 1.0, shared=CLOSED), redis_limiter(redis, TEN, shared=CLOSED)
    reserved = (await budget.reserve(0.0, 0.0, NOW)).failure()
    assert (reserved.spent_usd, "cannot be asked" in reserved.message) == (0.0, True)
    refused = (await limits.acquire("k", "m", 0.0, 0.0, NOW)).failure()
    assert (refused.local, "cannot be kept" in refused.message) == (True, True)
