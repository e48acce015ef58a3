"""The fuzzer, and what it is told: the claim, where to begin, and the words of a language.

What reaches new code is kept in ``.fuzz``, where it goes on next time; what breaks a claim is written there too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

atheris: Any = import_module("atheris")  # of a place of its own: what checks these files does not have it

KEPT = Path(".fuzz")


def fuzz(
    name: str,
    claim: Callable[[bytes], None],
    seeds: Iterable[bytes],
    words: Iterable[bytes],
    *,
    seconds: int,
    most_bytes: int = 512,
) -> None:
    """Try *claim*, which raises where it does not hold, on bytes that grow from *seeds* and *words*."""
    folder = KEPT / name
    for part in ("grown", "seeds"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for data in seeds:
        (folder / "seeds" / sha256(data).hexdigest()[:16]).write_bytes(data)
    limits = [f"-max_total_time={seconds}", f"-max_len={most_bytes}", "-timeout=60"]
    options = [*limits, f"-artifact_prefix={folder}/", "-print_final_stats=1", f"-dict={_dictionary(folder, words)}"]
    atheris.Setup([sys.argv[0], *options, str(folder / "grown"), str(folder / "seeds")], claim)
    atheris.Fuzz()


def _dictionary(folder: Path, words: Iterable[bytes]) -> Path:
    file = folder / "words.dict"
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in words)
    file.write_text("\n".join(f'"{line}"' for line in lines) + "\n", encoding="ascii")
    return file
