"""The two promises of conversations, played with real processes: scaled down in the tests, in full elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import anyio

from llm_manager.domain.conversation import Opening, Turn
from programs import started
from tests.conversations.killed import Found
from tests.conversations.racing import Raced
from tests.conversations.stores import store_at

ROOT = Path(__file__).parent.parent.parent


def kill(url: str, kills: int, seed: int, within_s: float) -> Found:
    """What became of the turns of *kills* processes that were killed in the middle."""
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "tests.conversations.killed", url, str(kills), str(seed)],
        capture_output=True,
        text=True,
        check=True,
        timeout=within_s,
        cwd=ROOT,
    )
    return cast("Found", json.loads(done.stdout))


def race(url: str, times: int, within_s: float) -> tuple[list[Raced], list[str]]:
    """What two processes that continue one conversation *times* times each say, and what is stored of it in the end."""
    anyio.run(_begin, url)
    racers = [
        started(
            [sys.executable, "-m", "tests.conversations.racing", url, loop, loop, str(times)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for loop in ("asyncio", "trio")
    ]
    try:
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        raced = [cast("Raced", json.loads(racer.communicate(timeout=within_s)[0])) for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.wait()
    return raced, anyio.run(_asked, url)


async def _begin(url: str) -> None:
    async with store_at(url) as store:
        await store.remove("a")
        (await store.append("a", 0, (Turn(id="first", at=0.0, opening=Opening()),))).unwrap()


async def _asked(url: str) -> list[str]:
    """The questions that are stored."""
    async with store_at(url) as store:
        return [str(turn.messages[0].content) for turn in (await store.load("a")).unwrap()[1:]]
