"""A process that counts; run as a program by the tests.

Arguments: the URL of the database, how many requests, and how it ends: ``closed``, or, once every one is added and it
has said so, by waiting to be killed.
"""

from __future__ import annotations

import os
import sys

import anyio

from llm_manager import ConversationSettings, Secret
from llm_manager.adapters.conversations.services import database_at
from llm_manager.adapters.observers.kept import KeptMetrics
from tests.observing.counts import attempt


async def count(url: str, requests: int, ends: str) -> None:
    database = database_at(ConversationSettings(url=Secret(url), timeout_s=30)).unwrap()
    kept = KeptMetrics(database, 3600.0, print).open()
    for number in range(requests):
        kept.notify(attempt(f"m{number % 3}", float(number + 1)))
        if number % 10 == 0:
            (await kept.total()).unwrap()
    if ends == "closed":
        await kept.aclose()
        return
    (await kept.total()).unwrap()
    kept.notify(attempt("m0", 1.0))  # not yet added
    os.write(1, b"added\n")
    await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(count, sys.argv[1], int(sys.argv[2]), sys.argv[3])
