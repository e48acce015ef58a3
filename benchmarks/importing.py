"""What ``import llm_manager`` takes, over a Python that imports nothing, and which packages take it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter

from benchmarks.row import ROUNDS, Row, row

TARGET_MS = 150.0
TOP = 3


def rows() -> list[Row]:
    """Interleaved pairs, so that a busy moment hurts both."""
    _run("import llm_manager")  # writes the bytecode
    pairs = [(_took_ms("import llm_manager"), _took_ms("pass")) for _ in range(ROUNDS)]
    bare = row("bare python", "ms", [bare for _, bare in pairs])
    ours = row("import llm_manager, over bare python", "ms", [ours - bare for ours, bare in pairs], TARGET_MS, bare)
    return [ours, bare]


def dearest() -> list[str]:
    """The packages that take most of the import by ``-X importtime``, each with its own modules alone."""
    took_us: Counter[str] = Counter()
    for own_us, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)", _run("import llm_manager")):
        took_us[module.partition(".")[0]] += int(own_us)
    return [f"{package} {us / 1000:.0f} ms" for package, us in took_us.most_common(TOP)]


def _run(code: str) -> str:
    command = [sys.executable, "-X", "importtime", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={}).stderr


def _took_ms(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env={})
    return (time.perf_counter() - started) * 1000
