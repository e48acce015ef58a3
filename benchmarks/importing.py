"""What it takes to import the library, over a Python that imports nothing, and which packages take it.

Names are fetched when they are asked for, so the bare ``import`` says little: a program's own imports and all
the public names are measured beside it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections import Counter

from benchmarks.row import ROUNDS, Row, row

TARGET_MS = 150.0
TOP = 3


PROGRAM = "from llm_manager import LLMRequest, generate, live, provide"
WAYS = {
    "import llm_manager": "import llm_manager",
    "the imports of the README's first program": PROGRAM,
    "every public name": "from llm_manager import *",
}


def rows() -> list[Row]:
    """Interleaved, so that a busy moment hurts all of them."""
    _run("from llm_manager import *")  # writes the bytecode
    rounds = [(_took_ms("pass"), *map(_took_ms, WAYS.values())) for _ in range(ROUNDS)]
    bare_ms, *ours_ms = zip(*rounds, strict=True)
    bare = row("bare python", "ms", [*bare_ms])
    over = [
        row(
            f"{name}, over bare python",
            "ms",
            [took - least for took, least in zip(ms, bare_ms, strict=True)],
            TARGET_MS,
            bare,
        )
        for name, ms in zip(WAYS, ours_ms, strict=True)
    ]
    return [*over, bare]


def dearest() -> list[str]:
    """The packages that take most of a program's imports by ``-X importtime``, each with its own modules alone."""
    took_us: Counter[str] = Counter()
    for own_us, module in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)", _run(PROGRAM)):
        took_us[module.partition(".")[0]] += int(own_us)
    return [f"{package} {us / 1000:.0f} ms" for package, us in took_us.most_common(TOP)]


def _run(code: str) -> str:
    command = [sys.executable, "-X", "importtime", "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={}).stderr


def _took_ms(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env={})
    return (time.perf_counter() - started) * 1000
