"""The answers of a batch as a file: complete or not there, in the order of the requests whatever order they came in."""

from __future__ import annotations

import os
from array import array
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

_MISSING: Final = -1


@final
class OrderedLines:
    """Lines for the file at *path*, of which there will be *count*.

    As they come they are in the file beside it, whose name ends in ``.part`` and which may be watched meanwhile.
    :meth:`finish` puts them in order and into place, in one step. All are readable by their owner alone.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._starts = array("q", [_MISSING]) * count
        self._file = _own(self._part)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, cause: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def put(self, index: int, line: str) -> None:
        """*line* is the one at *index*."""
        self._starts[index] = self._file.seek(0, os.SEEK_END)
        self._file.write(line.encode() + b"\n")
        self._file.flush()

    def finish(self) -> None:
        """Put the file in its place; lines that never came are left out."""
        sorted_path = self._path.with_name(f"{self._path.name}.sorted")
        with _own(sorted_path) as out:
            for start in self._starts:
                if start != _MISSING:
                    self._file.seek(start)
                    out.write(self._file.readline())
            out.flush()
            os.fsync(out.fileno())
        sorted_path.replace(self._path)
        self._part.unlink()


def _own(path: Path) -> BufferedRandom:
    """The empty file at *path*, for its owner alone."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w+b")
