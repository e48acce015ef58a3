"""One of several processes that continue the same conversation; run as a program by the tests and ``make promises``.

Arguments: a URL, the event loop, a name and how often. It says ``ready``, waits for a line on its input, and prints as
JSON what it had acknowledged, how many conflicts it met, and what else.
"""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TypedDict

import anyio
from returns.result import Success

from llm_manager import ConversationConflict, LLMConfig, continue_conversation, replacing, run
from llm_manager.adapters.system import SystemClock
from llm_manager.domain.settings import CacheSettings
from llm_manager.testing import Line, scripted
from tests.conversations.stores import store_at

UNCACHED = LLMConfig(cache=CacheSettings(enabled=False))


class Raced(TypedDict):
    """What one process did."""

    stored: list[str]
    conflicts: int
    other: list[str]


async def race(url: str, name: str, times: int) -> Raced:
    answers: list[Line] = [f"answer {name}.{number}" for number in range(times)]
    done = Raced(stored=[], conflicts=0, other=[])
    async with store_at(url) as store, scripted({"gpt": answers}, config=UNCACHED, clock=SystemClock()) as fresh:
        context = replacing(conversations=store)(fresh)
        await store.load("a")  # so that nobody is ahead by what comes first
        print("ready", flush=True)  # noqa: T201  # how it talks to the test
        sys.stdin.readline()
        for number in range(times):
            outcome = await run(continue_conversation("a", f"{name}.{number}"), context)
            if isinstance(outcome, Success):
                done["stored"].append(f"{name}.{number}")
            elif isinstance(outcome.failure(), ConversationConflict):
                done["conflicts"] += 1
            else:
                done["other"].append(repr(outcome.failure()))
    return done


def main(url: str, loop: str, name: str, times: str) -> None:
    print(json.dumps(anyio.run(partial(race, url, name, int(times)), backend=loop)), flush=True)  # noqa: T201  # as above


if __name__ == "__main__":
    main(*sys.argv[1:])
