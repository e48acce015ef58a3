"""How long it takes to say how many tokens a text may be."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.row import ROUNDS, Row, row
from llm_manager import token_range

LARGE_MS, SMALL_US = 15.0, 2.0
TEXT = "The committee met on Tuesday; revenue (in %) grew by 11.4, costs stayed flat: {'id': 71}.\n"
LARGE = (TEXT * (1_000_000 // len(TEXT) + 1))[:1_000_000]
RUSSIAN = ("Комитет собрался во вторник, чтобы рассмотреть результаты. " * 17_000)[:1_000_000]
SMALL = (TEXT * 2)[:100]


def _took_s(call: Callable[[], object], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - started) / times


def rows() -> list[Row]:
    """All of them."""
    large: list[float] = []
    russian: list[float] = []
    small: list[float] = []
    for _ in range(ROUNDS):
        large.append(_took_s(lambda: token_range(LARGE, "gpt-5.4"), 1) * 1e3)
        russian.append(_took_s(lambda: token_range(RUSSIAN, "gpt-5.4"), 1) * 1e3)
        small.append(_took_s(lambda: token_range(SMALL, "gpt-5.4"), 10_000) * 1e6)
    return [
        row("tokens of 1 MB of English", "ms", large, LARGE_MS),
        row("tokens of 1,000,000 characters of Russian", "ms", russian),
        row("tokens of 100 characters", "us", small, SMALL_US),
    ]
