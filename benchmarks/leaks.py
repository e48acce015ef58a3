"""``python -m benchmarks.leaks``: 20 seeds of 3,000 calls cancelled at any moment, with a pool of ten, on each engine.

After each seed as many calls as the pool has places must be answered: a place that was lost would keep one waiting. It
takes some minutes, so ``make bench`` leaves it out; the tests do the same in small.
"""

from __future__ import annotations

import random
import sys
import time

import anyio

from llm_manager import HttpSettings, TimeoutSettings
from llm_manager.adapters.http.driver import Http
from llm_manager.adapters.http.engine import HttpCall
from llm_manager.adapters.http.engines import engine_for
from llm_manager.domain.settings import HttpEngine
from llm_manager.testing.simulator import Fault, Say, Simulator

SEEDS, CALLS, POOL = 20, 3_000, 10
BODY = b'{"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "stream": true}'


async def lost(engine: HttpEngine, seed: int) -> int:
    """How many of the places of the pool are gone after all those calls."""
    settings, timeouts = HttpSettings(engine=engine, max_connections=POOL), TimeoutSettings(connect_s=5)
    http = Http(settings, timeouts, engine_for(settings, timeouts, None).unwrap())
    chance = random.Random(seed)  # noqa: S311  # no secret
    answered = 0
    async with Simulator() as simulator:
        headers = {"authorization": "Bearer sk-x", "content-type": "application/json"}
        url = f"{simulator.url}/v1/chat/completions"
        call = HttpCall(method="POST", url=url, headers=headers, body=BODY, pool="p", model="gpt-4o")

        async def cancelled(limit_s: float) -> None:
            with anyio.move_on_after(limit_s):
                await http.call(call)

        async def counted() -> None:
            nonlocal answered
            status = (await http.call(call)).unwrap().status
            answered += status == 200

        simulator.script("gpt-4o", [Say("a b", gap_s=0.002), Fault("hang"), Say("x", after_s=0.002)] * (CALLS // 3))
        for _ in range(CALLS // POOL):
            async with anyio.create_task_group() as group:
                for _ in range(POOL):
                    group.start_soon(cancelled, chance.random() * 0.02)
        simulator.clear_scripts()
        with anyio.move_on_after(10):
            async with anyio.create_task_group() as group:
                for _ in range(POOL):
                    group.start_soon(counted)
        await http.aclose()
    return POOL - answered


def main() -> None:
    """Run all of it and print a line an engine and loop."""
    runs: list[tuple[str, HttpEngine]] = [("asyncio", "httpx2"), ("trio", "httpx2"), ("asyncio", "aiohttp")]
    for loop, engine in runs:
        started = time.monotonic()
        gone = [anyio.run(lost, engine, seed, backend=loop) for seed in range(SEEDS)]
        took_s = time.monotonic() - started
        print(f"{engine} on {loop}: {SEEDS} x {CALLS} cancelled calls, {sum(gone)} places lost, {took_s:.0f} s")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
