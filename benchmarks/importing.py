"""What ``import llm_manager`` takes, over a Python that imports nothing."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.row import ROUNDS, Row, row

TARGET_MS = 150.0


def rows() -> list[Row]:
    """Interleaved pairs, so that a busy moment hurts both."""
    _took_ms("import llm_manager")  # writes the bytecode
    pairs = [(_took_ms("import llm_manager"), _took_ms("pass")) for _ in range(ROUNDS)]
    return [row("import llm_manager, over bare python", "ms", [ours - bare for ours, bare in pairs], TARGET_MS)]


def _took_ms(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONDONTWRITEBYTECODE": ""})
    return (time.perf_counter() - started) * 1000
