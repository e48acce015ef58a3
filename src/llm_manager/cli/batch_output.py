"""The answers of a batch as a file: complete or not there, in the order of the requests whatever order they came in."""

from __future__ import annotations

import errno
import os
from array import array
from contextlib import suppress
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

from returns.result import Failure, Success

from llm_manager import Outcome, StoreUnavailable

_MISSING: Final = -1

STORE: Final = "answers"


def beside(path: Path) -> tuple[Path, Path]:
    """The files that are made on the way to the one at *path*: the answers as they come, and those in order."""
    return path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.sorted")


@final
class OrderedLines:
    """Lines for the file at *path*, of which there will be *count*.

    As they come they are in the file beside it, whose name ends in ``.part`` and which may be watched meanwhile.
    :meth:`finish` puts them in order and into place, in one step. All are readable by their owner alone. Raises
    ``OSError`` when that file cannot be made, or another run is writing it.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._part, self._sorted = beside(path)
        self._starts = array("q", [_MISSING]) * count
        self._file = _own(self._part)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # what could not be written is told by then
            self._file.close()

    def put(self, index: int, line: str) -> Outcome[None, StoreUnavailable]:
        """*line* is the one at *index*. Fails when it cannot be written."""
        try:
            self._starts[index] = self._file.seek(0, os.SEEK_END)
            self._file.write(line.encode() + b"\n")
            self._file.flush()
        except OSError as bad:
            return _unwritten(self._part, bad)
        return Success(None)

    def finish(self) -> Outcome[None, StoreUnavailable]:
        """Put the file in its place; lines that never came are left out. Fails when it cannot be written."""
        try:
            self._sort()
            self._sorted.replace(self._path)
            self._part.unlink()
        except OSError as bad:
            with suppress(OSError):
                self._sorted.unlink()
            return _unwritten(self._path, bad)
        return Success(None)

    def _sort(self) -> None:
        with _own(self._sorted) as out:
            for start in self._starts:
                if start != _MISSING:
                    self._file.seek(start)
                    out.write(self._file.readline())
            out.flush()
            os.fsync(out.fileno())


def _unwritten(path: Path, bad: OSError) -> Failure[StoreUnavailable]:
    return Failure(StoreUnavailable(STORE, f"{path}: {bad.strerror or bad}"))


def _own(path: Path) -> BufferedRandom:
    """The empty file at *path*, for its owner and for this process alone.

    It is emptied once it is ours: what another run has written there is what that run will put in order. Raises
    ``OSError`` also where there are no locks of the kind that the system lets go when their process dies.
    """
    try:
        import fcntl  # noqa: PLC0415  # Windows has none, and is to have all other commands
    except ImportError:
        said = "this system has no file locks that end with their process: use Linux, macOS or WSL"
        raise OSError(errno.ENOTSUP, said, str(path)) from None
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.fchmod(descriptor, 0o600)
        os.ftruncate(descriptor, 0)
    except BlockingIOError:
        os.close(descriptor)
        raise BlockingIOError(errno.EWOULDBLOCK, "another run is writing it: wait for that one", str(path)) from None
    except OSError as bad:
        os.close(descriptor)
        raise OSError(bad.errno, bad.strerror, str(path)) from None
    return os.fdopen(descriptor, "w+b")
