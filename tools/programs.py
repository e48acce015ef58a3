"""Programs that the tests and the demo start: none outlives who started it, also where that is killed.

``finally`` and fixtures end them in the ordinary way. A process that is ended by SIGTERM or SIGKILL runs neither, so
Linux itself is asked to end the program with it (``prctl(2)``, PR_SET_PDEATHSIG); elsewhere there is no such thing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

_PR_SET_PDEATHSIG = 1


def started(
    command: Sequence[str | os.PathLike[str]], *, ends_by: signal.Signals = signal.SIGKILL, **options: Any
) -> subprocess.Popen[Any]:
    """*command* as a program that gets the signal *ends_by* when the thread that started it is gone."""
    if sys.platform == "linux":
        options["preexec_fn"] = _ending(os.getpid(), ends_by)
    return subprocess.Popen(command, **options)


def _ending(parent: int, ends_by: signal.Signals) -> Callable[[], None]:
    prctl = ctypes.CDLL(None).prctl  # found here, for little is allowed between fork and exec

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, int(ends_by))
        if os.getppid() != parent:  # it was gone before we asked
            os._exit(1)

    return ask
