"""The promises of conversations in full: 500 processes killed in the middle, and two that continue the same one 1,000
times each, on every store that processes can share. ``make promises`` runs it; it takes minutes.

Run by itself: ``PYTHONPATH=tools .venv/bin/python -m benchmarks.conversations``.
"""

from __future__ import annotations

import platform
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from postgres_server import postgres_server
from redis_server import redis_server
from tests.conversations.promises import kill, race

RESULTS: Final = Path(__file__).parent / "conversations.md"
KILLS, TIMES, WITHIN_S = 500, 1_000, 1_800.0


def _lines(folder: Path, kills: int, times: int) -> Iterator[str]:
    began_s = time.monotonic()
    found = kill(f"sqlite:///{folder / 'killed.db'}", kills, 7, WITHIN_S)
    took_s = time.monotonic() - began_s
    yield (
        f"{found['kills']} processes killed at random while they continued one conversation on SQLite: of"
        f" {found['acknowledged']} acknowledged turns {found['lost']} lost, {found['twice']} stored twice,"
        f" {found['halves']} by halves; {found['unacknowledged']} were stored whose acknowledgement the kill cut off"
        f" ({took_s:.0f} s)."
    )
    yield f"\nTwo processes, one on each event loop, {times} continues each of one conversation:\n"
    yield "| store | stored | typed conflicts | other failures | in the store | each once | seconds |"
    yield "|---|---|---|---|---|---|---|"
    with ExitStack() as stack:
        urls = {"sqlite": f"sqlite:///{folder / 'raced.db'}"}
        urls["postgres"] = stack.enter_context(postgres_server(_inside(folder, "postgres"))).url
        urls["redis"] = stack.enter_context(redis_server(_inside(folder, "redis"))).url
        for name, url in urls.items():
            yield _raced(name, url, times)


def _inside(folder: Path, name: str) -> Path:
    made = folder / name
    made.mkdir()
    return made


def _raced(name: str, url: str, times: int) -> str:
    began_s = time.monotonic()
    raced, asked = race(url, times, WITHIN_S)
    took_s = time.monotonic() - began_s
    stored = sorted(said for each in raced for said in each["stored"])
    conflicts, other = sum(each["conflicts"] for each in raced), sum(len(each["other"]) for each in raced)
    once = "yes" if sorted(asked) == stored else "NO"
    return f"| {name} | {len(stored)} | {conflicts} | {other} | {len(asked)} | {once} | {took_s:.0f} |"


def main(kills: int = KILLS, times: int = TIMES) -> None:
    """Play both, and tell."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as nobody where we are root
        lines = [f"# Conversations\n\nPython {platform.python_version()}, SQLite {sqlite3.sqlite_version}.\n"]
        for line in _lines(Path(folder), kills, times):
            lines.append(line)
            print(line, flush=True)
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
