"""Set the wall clock of a process that runs, and of no other: for the tests.

libfaketime is loaded before the program's own libraries and answers when it asks for the time of day; its monotonic
clock stays the machine's. The library is the one inside the package ``libfaketime``, or the machine's own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import final

DAY_S = 86_400.0
SYSTEMS_OWN = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib*/faketime/libfaketime.so.1")
SHOW = "import time; print(time.time())"


@final
class WallClock:
    """The wall clock of every process that is started with its *environment*; it begins as the machine's."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall_clock"
        self.set(0.0)

    def set(self, ahead_s: float) -> None:
        """From now on it is *ahead_s* seconds ahead of the machine's, or behind it. Nobody reads half of that."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{ahead_s:+f}")
        beside.replace(self._file)

    @property
    def environment(self) -> Mapping[str, str]:
        """What a process must be started with."""
        return _environment(str(library()), self._file)


def library() -> Path | None:
    """A libfaketime that works here, None where there is none."""
    return next((path for path in _libraries() if _works(path)), None)


def _libraries() -> list[Path]:
    package = find_spec("libfaketime")
    inside = Path(package.origin).parent.rglob("libfaketime.so.1") if package and package.origin else ()
    return [*inside, *(path for pattern in SYSTEMS_OWN for path in Path("/").glob(pattern[1:]))]


@cache
def _works(path: Path) -> bool:
    """Whether a Python that it is loaded into is a day ahead: it may have been made for another kind of machine."""
    program = [sys.executable, "-c", SHOW]
    faked = {**os.environ, "LD_PRELOAD": str(path), "FAKETIME": f"{DAY_S:+f}"}
    told = subprocess.run(program, env=faked, capture_output=True, text=True, check=False).stdout
    real = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    return bool(told) and abs(float(told) - float(real) - DAY_S) < DAY_S / 2


def _environment(library: str, file: Path) -> Mapping[str, str]:
    return {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
