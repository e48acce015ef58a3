"""Where this program keeps what is the user's: the data directory of their system, for them alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from returns.result import Failure, Success

from llm_manager import Outcome


def data_home(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """The directory for data of ours; raises ``RuntimeError`` where there is no home.

    XDG's (XDG Base Directory Specification 0.8, by which a relative ``XDG_DATA_HOME`` is ignored), Apple's
    ``Application Support`` or Windows's ``LOCALAPPDATA``.

    >>> data_home({"XDG_DATA_HOME": "/data"}, "linux").as_posix()
    '/data/llm_manager'
    """
    named = Path(environ.get("XDG_DATA_HOME", ""))
    if named.is_absolute():
        return named / "llm_manager"
    if platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "llm_manager"
    if platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "llm_manager"
    return Path.home() / ".local" / "share" / "llm_manager"


def own_file(name: str) -> Outcome[Path, str]:
    """The path of the file *name* in the data directory, which is made if there is none (0700)."""
    try:
        folder = data_home()
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    except RuntimeError:
        return Failure("no home directory is known: set XDG_DATA_HOME")
    except OSError as bad:
        return Failure(f"{bad.filename}: cannot be made: {bad.strerror}")
    return Success(folder / name)
