"""What a combinator tells names the run that it happened in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from llm_manager import Op, ServerError, cached, fallback, recurs, retry, run
from llm_manager.domain.events import CacheRead, FellBack, RetryScheduled
from llm_manager.domain.run import Run
from llm_manager.testing import scripted
from tests.combinators.saying import Listener, Saying

pytestmark = pytest.mark.anyio

BUSY = ServerError("gpt", 503)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: retry(recurs(1))(Saying([BUSY, "x"]).op), RetryScheduled),
        (lambda: fallback(Saying(["x"]).op)(Saying([BUSY]).op), FellBack),
        (lambda: cached("key", 60)(Saying(["x"]).op), CacheRead),
    ],
    ids=["a retry", "a fallback", "a look into the cache"],
)
async def test_what_is_told_names_the_run_it_happened_in(
    make: Callable[[], Op[str]], kind: type[RetryScheduled | FellBack | CacheRead]
) -> None:
    listener, mine = Listener(), Run(name="mine")
    async with scripted({}, observer=listener) as context:
        await run(make(), replace(context, run=mine))
    told = [event.run for event in listener.events if isinstance(event, kind)]
    assert told
    assert all(each is mine for each in told)
