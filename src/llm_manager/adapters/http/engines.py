"""Which engine a context sends with: the user's own client, or the one that the settings name."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

from returns.result import Failure, Success

from llm_manager.adapters.http.engine import Engine
from llm_manager.adapters.http.httpx_engine import Client, HttpxEngine
from llm_manager.domain.errors import ConfigurationError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.problem import Problem
from llm_manager.domain.settings import HttpSettings, TimeoutSettings


def engine_for(
    settings: HttpSettings, timeouts: TimeoutSettings, client: Client | None
) -> Outcome[Engine, ConfigurationError]:
    """The engine; *client*, if there is one, decides. Fails when the settings name one that cannot work here."""
    if client is not None or settings.engine == "httpx2":
        return Success(HttpxEngine(settings, timeouts, client))
    wrong = _why_not_aiohttp()
    if wrong is not None:
        return Failure(ConfigurationError((Problem("http.engine", wrong),)))
    from llm_manager.adapters.http.aiohttp_engine import AiohttpEngine  # noqa: PLC0415  # an extra

    return Success(AiohttpEngine(settings, timeouts))


def _why_not_aiohttp() -> str | None:
    if find_spec("aiohttp") is None:
        return "aiohttp is not installed: pip install 'llm-manager[fast]'"
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return "aiohttp works on asyncio alone: use httpx2 on trio"
    return None
