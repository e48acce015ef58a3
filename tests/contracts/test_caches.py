"""What every cache must do, and what one must that has a bound."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llm_manager.domain.settings import CacheSettings
from llm_manager.domain.status import CacheStatus
from llm_manager.ports import Cache, Cached

pytestmark = pytest.mark.anyio


async def test_a_cache_answers_until_the_time_is_over(make_cache: Callable[[CacheSettings], Cache]) -> None:
    store = make_cache(CacheSettings())
    assert (await store.get("k", 0.0)).unwrap() is None
    await store.put("k", "value", 0.0, 10.0)
    assert (await store.get("k", 9.9)).unwrap() == Cached("value")
    assert (await store.get("k", 10.0)).unwrap() is None
    assert (await store.get("k", 0.0)).unwrap() is None


async def test_a_full_cache_forgets_what_was_used_longest_ago(
    make_bounded_cache: Callable[[CacheSettings], Cache],
) -> None:
    store = make_bounded_cache(CacheSettings(max_entries=2))
    for key in ("a", "b"):
        await store.put(key, key, 0.0, 10.0)
    await store.get("a", 1.0)
    await store.put("c", "c", 1.0, 10.0)
    held = [(await store.get(key, 2.0)).unwrap() is not None for key in ("a", "b", "c")]
    assert held == [True, False, True]
    assert (await store.status()).unwrap() == CacheStatus(enabled=True, entries=2, max_entries=2)


async def test_a_cache_without_room_keeps_nothing(make_bounded_cache: Callable[[CacheSettings], Cache]) -> None:
    store = make_bounded_cache(CacheSettings(max_entries=0))
    await store.put("k", "value", 0.0, 10.0)
    assert (await store.get("k", 0.0)).unwrap() is None
