"""A clock that jumps changes nothing: what depends on time asks the monotonic clock, or the one of the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import cycle
from pathlib import Path

import pytest

from programs import started
from wall_clock import DAY_S, WallClock, library

pytestmark = pytest.mark.skipif(library() is None, reason="no libfaketime works on this machine")

WORKER = Path(__file__).with_name("clock_worker.py")
ENDS_WITHIN_S = 30

AS_EVER = {
    "breaker": ["ServerError", "ServerError", "CircuitOpen", "CircuitOpen", "new"],
    "limiter": ["new", "new", *["RateLimitExceeded"] * 4],
    "key rests": ["RateLimitExceeded", "RateLimitExceeded", "RateLimitExceeded", "new"],
    "cache": ["new", "cached", "cached", "new"],
    "deadline": ["RequestTimedOut", True],
    "retry": ["new", True],
}


@pytest.mark.parametrize(
    ("loop", "jumps"),
    [
        ("asyncio", [DAY_S]),
        ("trio", [-DAY_S]),
        ("asyncio", [DAY_S, -DAY_S, 0.0]),
        ("trio", [DAY_S, -DAY_S, 0.0]),
    ],
    ids=["ahead", "back", "to and fro", "to and fro on trio"],
)
def test_a_wall_clock_that_jumps_changes_nothing(loop: str, jumps: list[float], tmp_path: Path) -> None:
    wall = WallClock(tmp_path)
    worker = started(
        [sys.executable, str(WORKER), loop],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **wall.environment},
    )
    try:
        assert worker.stdout is not None
        assert worker.stdin is not None
        assert worker.stdout.readline() == "begun\n"
        wall.set(jumps[0])
        worker.stdin.write("go\n")
        worker.stdin.flush()
        _go_on(wall, jumps, worker)
        report = json.loads(worker.communicate(timeout=ENDS_WITHIN_S)[0])
    finally:
        worker.kill()
        worker.wait()
    assert report["told"] == AS_EVER
    assert len(jumps) > 1 or report["set_by_s"] == pytest.approx(jumps[0], abs=60)


def _go_on(wall: WallClock, jumps: list[float], worker: subprocess.Popen[str]) -> None:
    """Set the clock anew every few milliseconds until the program ends."""
    ends_s = time.monotonic() + ENDS_WITHIN_S
    for ahead_s in cycle(jumps):
        if len(jumps) == 1 or worker.poll() is not None or time.monotonic() > ends_s:
            return
        wall.set(ahead_s)
        time.sleep(0.005)
