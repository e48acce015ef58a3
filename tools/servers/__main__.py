"""Start each server, ask it, and write the page: ``python -m servers PAGE``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import anyio

from llm_manager import LLMConfig, ModelSettings, Secret, custom
from llm_manager.domain.settings import CacheSettings, HttpSettings, RetrySettings
from llm_manager.testing import Simulator
from servers.checks import CHECKS
from servers.table import KEY, SERVERS, Server

PAGE = """# Compatible servers

Real servers that speak OpenAI's wire, each started on loopback and asked by this library. Every cell is what was seen
on {day}; `make servers` starts them again and writes this page. What users reported of other servers is held by tests,
as bytes (`tests/adapters/test_refusals.py`, `test_total_readers.py`, `test_ends_of_answers.py`, `test_odd_streams.py`).

{table}

## How they were started

{how}

## What to set

{to_set}

* **limit obeyed** says under which names the server takes the most tokens of an answer, asked without this library. It
  is sent as `max_tokens` to every address that is not OpenAI's own; `models.<name>.limit_field` states another.
* **tools**, where a model of random weights answers, says only whether the server takes and gives them back.
"""


async def seen(server: Server, vendor: str) -> list[str]:
    """The cells of *server*."""
    with server.started(vendor) as url:
        model = ModelSettings(provider=server.provider, model=server.model, base_url=url, key=Secret(KEY))
        config = LLMConfig(
            models={"asked": model},
            http=HttpSettings(allow_http=True),
            retry=RetrySettings(max_retries=0),
            cache=CacheSettings(enabled=False),
        )
        cells: list[str] = []
        for name, check in CHECKS.items():
            async with custom(config) as context:
                with anyio.move_on_after(120):
                    cells.append(await check(context, url, server.model))
                    print(f"{server.name}: {name}: {cells[-1]}", flush=True)
                    continue
                cells.append("no answer in 120 s")
        return cells


async def page() -> str:
    """The page as it is today."""
    rows: list[Sequence[str]] = []
    async with AsyncExitStack() as stack:
        vendor = await stack.enter_async_context(Simulator())
        for server in SERVERS:
            cells = await seen(server, vendor.url)
            rows.append((f"{server.name} {server.version}", *cells))
    table = ["| " + " | ".join(("server", *CHECKS)) + " |", "|" + "---|" * (len(CHECKS) + 1)]
    table += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return PAGE.format(
        day=datetime.now(UTC).date().isoformat(),
        table="\n".join(table),
        how="\n".join(f"* **{each.name}** {each.version}: {each.how}." for each in SERVERS),
        to_set="\n".join(f"* **{each.name}**: {each.to_set}." for each in SERVERS),
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(anyio.run(page))
