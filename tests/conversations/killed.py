"""Processes that are killed while they continue a conversation; run as a program by the tests and ``make promises``.

Arguments: a URL of a SQLite store, how many to kill, and a seed. Each is a fork of this one, so that its life is spent
on turns and not on imports: it continues the conversation over and over, and says so after each turn that was
acknowledged, until it is killed at a moment drawn by chance. At the end everything that was acknowledged is looked for;
what comes of it is printed as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from typing import TypedDict

import anyio
from returns.result import Success

from llm_manager import Context, LLMConfig, StoredMessage, continue_conversation, replacing, run, start_conversation
from llm_manager.domain.settings import CacheSettings
from llm_manager.testing import Line, scripted
from tests.conversations.stores import store_at

FIRST_WITHIN_S = 30.0
LONGEST_S = 0.05
UNCACHED = LLMConfig(cache=CacheSettings(enabled=False))


class Found(TypedDict):
    """What came of it: turns that were *acknowledged*, *lost* of these, stored *twice*, and stored *by halves*."""

    kills: int
    acknowledged: int
    lost: int
    twice: int
    halves: int
    unacknowledged: int


async def begin(url: str) -> None:
    async with store_at(url) as store, scripted({}) | replacing(conversations=store) as context:
        (await run(start_conversation(conversation_id="a"), context)).unwrap()


async def live(url: str, child: int, told: int) -> None:
    """Continue, and tell; until the end comes."""
    answers: list[Line] = [f"answer {child}.{number}" for number in range(10_000)]
    async with store_at(url) as store, scripted({"gpt": answers}, config=UNCACHED) as fresh:
        context: Context = replacing(conversations=store)(fresh)
        for number in range(10_000):
            said = f"{child}.{number}"
            outcome = await run(continue_conversation("a", said), context)
            if isinstance(outcome, Success):
                os.write(told, f"{said}\n".encode())


def killed(url: str, child: int, dice: random.Random) -> list[str]:
    """What one process acknowledged before it was killed."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(read)
        anyio.run(live, url, child, write)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as told:
        first = told.readline()  # from now on it is in the middle of something
        time.sleep(dice.random() * LONGEST_S)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        return (first + told.read()).decode().split()


async def stored(url: str) -> list[list[StoredMessage]]:
    async with store_at(url) as store:
        return [list(turn.messages) for turn in (await store.load("a")).unwrap()][1:]


def main(url: str, kills: str, seed: str) -> None:
    dice = random.Random(int(seed))  # noqa: S311  # dice, not keys
    anyio.run(begin, url)
    acknowledged = [said for child in range(int(kills)) for said in killed(url, child, dice)]
    turns = anyio.run(stored, url)
    asked = [str(turn[0].content) for turn in turns]
    pairs = zip(turns, asked, strict=True)
    found = Found(
        kills=int(kills),
        acknowledged=len(acknowledged),
        lost=len(set(acknowledged) - set(asked)),
        twice=len(asked) - len(set(asked)),
        halves=sum([each.content for each in turn] != [said, f"answer {said}"] for turn, said in pairs),
        unacknowledged=len(set(asked) - set(acknowledged)),
    )
    print(json.dumps(found), flush=True)  # noqa: T201  # how it talks to the test


if __name__ == "__main__":
    main(*sys.argv[1:])
