"""One process that may not write, or not much; run as a program by the tests.

Arguments: the file, and ``read-only`` or how many bytes a file may have. It adds turns until it cannot, and prints how
many were acknowledged and why the next one was not. Root may write anywhere, so it becomes nobody first.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from returns.result import Failure

from llm_manager import sqlite_conversations
from tests.conversations.turns import turn

NOBODY = 65534
MOST = 400


async def add(path: str) -> None:
    store = sqlite_conversations(path)
    for number in range(MOST):
        added = await store.append("a", number, (turn(number, "x" * 2_000),))
        if isinstance(added, Failure):
            print(number, added.failure(), flush=True)  # noqa: T201  # how it talks to the test
            return
    print(MOST, "nothing failed", flush=True)  # noqa: T201  # as above


async def load_all() -> None:
    """Import what is imported late, while we still may read it."""
    with TemporaryDirectory() as folder:
        await sqlite_conversations(Path(folder) / "chats.db").append("a", 0, (turn(0),))


def main(path: str, confinement: str) -> None:
    anyio.run(load_all)
    if confinement != "read-only":
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(confinement), int(confinement)))
    elif os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    anyio.run(add, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
