"""What of the memory is in use: after many calls of many kinds, and with many streams open, beside bare transports.

On Linux, which tells a process how much it has; elsewhere there are no rows.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.clients import started
from benchmarks.row import Row, row
from benchmarks.server import serving

HALF = 5_000
"""Calls before a process is looked at for the first time, and as many again before the second."""

RESIDENT_MB, GROWTH_MB = 60.0, 1.0
"""Flat is not more than the pages that an allocator takes and gives back."""

STREAMS, ROUNDS = 1_000, 5
STREAM_KB, FIRST_EVENT = 40.0, 2.0

ENGINES = {"generate": "httpx2", "generate, fast": "aiohttp"}
"""Ours, and the bare transport beneath it."""


def rows() -> list[Row]:
    """All of them."""
    if not sys.platform.startswith("linux"):
        return []
    with serving() as url:
        mixed = [line for name in ENGINES for line in _mixed(name, url)]
        return [*mixed, *(line for ours, bare in ENGINES.items() for line in _open(ours, bare, url))]


def _mixed(name: str, url: str) -> Sequence[Row]:
    with started(name, url) as client:
        half, whole = (client.did("mixed", first, HALF)[0] / 1024 for first in (0, HALF))
    return (
        row(f"resident after {2 * HALF:,} mixed calls: {name}", "MB", [whole], RESIDENT_MB),
        row(f"  of it since the first {HALF:,}", "MB", [whole - half], GROWTH_MB),
    )


def _open(ours: str, bare: str, url: str) -> Sequence[Row]:
    """The first opening of a process counts for its memory; what is left of it is used by those after it."""
    kb: dict[str, list[float]] = {ours: [], bare: []}
    us: dict[str, list[float]] = {ours: [], bare: []}
    for _ in range(ROUNDS):
        for name in (ours, bare):
            with started(name, url) as client:
                client.did("stream", 1, 1)
                figures = client.did("held", STREAMS)
            us[name].append(figures[0])
            kb[name].append(figures[1])
    what = f"one of {STREAMS:,} open streams"
    first = row(f"the first event of {what}: {bare}", "us", us[bare])
    return (
        row(f"{what}: {ours}", "KB", kb[ours], STREAM_KB),
        row(f"{what}: {bare}", "KB", kb[bare]),
        row(f"the first event of {what}: {ours}", "us", us[ours], peer=first, most=FIRST_EVENT),
        first,
    )
