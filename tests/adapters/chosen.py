"""Which engine the configurations of these tests name, as the fixture of the loop has chosen it."""

from __future__ import annotations

from llm_manager.domain.settings import HttpEngine

ENGINES: list[tuple[str, HttpEngine]] = [("asyncio", "httpx2"), ("trio", "httpx2"), ("asyncio", "aiohttp")]


class Chosen:
    """The choice of the moment."""

    engine: HttpEngine = "httpx2"


CHOSEN = Chosen()
