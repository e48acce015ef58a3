"""A cache inside this process: the least recently used entry goes first."""

from __future__ import annotations

from collections import OrderedDict
from typing import Never, final

from returns.result import Success

from llm_manager.domain.outcome import Outcome
from llm_manager.domain.settings import CacheSettings
from llm_manager.domain.status import CacheStatus
from llm_manager.ports import Cached


@final
class MemoryCache:
    """At most ``max_entries`` values; an expired one counts until it is asked for or pushed out."""

    __slots__ = ("_entries", "_settings")

    def __init__(self, settings: CacheSettings) -> None:
        self._settings = settings
        self._entries: OrderedDict[str, tuple[float, Cached]] = OrderedDict()

    async def get(self, key: str, now_s: float, /) -> Outcome[Cached | None, Never]:
        """What is stored under *key*, now its most recently used entry."""
        entry = self._entries.get(key)
        if entry is None:
            return Success(None)
        expires_s, cached = entry
        if now_s >= expires_s:
            del self._entries[key]
            return Success(None)
        self._entries.move_to_end(key)
        return Success(cached)

    async def put(self, key: str, value: object, now_s: float, ttl_s: float, /) -> Outcome[None, Never]:
        """Store *value*; with no room for any entry, nothing is stored."""
        self._entries[key] = (now_s + ttl_s, Cached(value))
        self._entries.move_to_end(key)
        while len(self._entries) > self._settings.max_entries:
            self._entries.popitem(last=False)
        return Success(None)

    async def status(self) -> Outcome[CacheStatus, Never]:
        """How full it is."""
        return Success(
            CacheStatus(
                enabled=self._settings.enabled,
                entries=len(self._entries),
                max_entries=self._settings.max_entries,
            )
        )
