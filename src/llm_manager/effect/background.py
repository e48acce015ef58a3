"""Work beside everything else on the event loop, which ends with the loop and not with whoever began it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from anyio.lowlevel import current_token

_TASKS: Final[set[asyncio.Task[None]]] = set()
"""Those of asyncio, which itself holds on to none."""


def start_in_background(work: Callable[[], Awaitable[None]]) -> None:
    """Begin *work*, which raises nothing; it is cancelled when the program's main task has ended."""
    if current_token().backend_class.__module__.endswith("trio"):
        import trio  # noqa: PLC0415  # only who runs on it has it

        trio.lowlevel.spawn_system_task(work, name="llm_manager open streams")
        return

    async def working() -> None:
        await work()

    task = asyncio.get_running_loop().create_task(working(), name="llm_manager open streams")
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
