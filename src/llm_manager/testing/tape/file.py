"""A recording as a file: one JSON object a line, written as things happen and for its owner's eyes alone.

Each line goes to the operating system at once and in one piece, so a run that is killed leaves every line it had
written; only a machine that stops can lose some. Text is ASCII with escapes, whatever the prompts hold.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, cast, final

from returns.result import Failure, Success

from llm_manager.domain.masking import Mask
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.secret import Secret
from llm_manager.testing.tape.lines import VERSION, Failed, Line, Recording, as_text, from_tree, tag_of

Reason: TypeAlias = Literal["unopened", "foreign", "newer", "damaged", "cut_off"]


@dataclass(frozen=True, slots=True)
class RecordingUnusable:
    """The file *path* cannot be recorded to or replayed.

    It cannot be opened, is no recording, or one of a *newer* format; line number *line* is not what was written there;
    or the last one is *cut_off*: the file was copied only in part, or the disk was full.
    """

    path: str
    reason: Reason
    message: str = ""
    line: int | None = None
    tag: Literal["RecordingUnusable"] = field(default="RecordingUnusable", kw_only=True, repr=False)

    def __str__(self) -> str:
        where = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{where}: {self.message}"


class RecordingStopped(UserWarning):
    """A recording could not be written any further; the run goes on without it."""


@final
class Tape:
    """The file while it is written. What was asked and answered stands in it as it was; what a failure says is written
    without the secrets that it is told to *hide*."""

    __slots__ = ("_descriptor", "_mask", "_path")

    def __init__(self, path: str, descriptor: int, secrets: Iterable[Secret]) -> None:
        self._path = path
        self._descriptor: int | None = descriptor
        self._mask = Mask(secrets)

    def hide(self, secrets: Iterable[Secret]) -> None:
        """Mask *secrets*, too, in what failures say."""
        self._mask = self._mask.hiding(secrets)

    def write(self, line: Line) -> None:
        """Add *line*, after which nobody can take it back; nothing once the tape is closed."""
        if self._descriptor is None:
            return
        told = replace(line, error=self._mask.error(line.error)) if isinstance(line, Failed) else line
        left = f"{as_text(told)}\n".encode("ascii")
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as full:
            self.close()
            warnings.warn(RecordingStopped(f"{self._path}: {full}; the recording ends here"), stacklevel=2)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def new_tape(path: str | os.PathLike[str], secrets: Iterable[Secret]) -> Outcome[Tape, RecordingUnusable]:
    """An empty file for its owner alone, in place of a file that was there."""
    at = Path(path)
    try:
        if at.exists() and not at.is_file():  # a device, which to remove would be a pity
            return Failure(RecordingUnusable(str(path), "unopened", "is there already, and is no file"))
        at.unlink(missing_ok=True)  # its readers, and the rights it had, are not ours
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as refused:
        return Failure(RecordingUnusable(str(path), "unopened", refused.strerror or str(refused)))
    return Success(Tape(str(path), descriptor, secrets))


Numbered: TypeAlias = tuple[int, Line]


def read_lines(path: str | os.PathLike[str]) -> Outcome[tuple[Recording, tuple[Numbered, ...]], RecordingUnusable]:
    """The first line of a recording, and the others with their numbers."""
    try:
        content = Path(path).read_bytes()
    except OSError as refused:
        return Failure(RecordingUnusable(str(path), "unopened", refused.strerror or str(refused)))
    texts = content.split(b"\n")
    first = _header(str(path), texts[0])
    if isinstance(first, Failure):
        return first
    if texts[-1]:
        said = "the last line has no end: the file was copied in part, or the disk was full"
        return Failure(RecordingUnusable(str(path), "cut_off", said, len(texts)))
    try:
        return Success((first.unwrap(), tuple(_numbered(texts[1:-1]))))
    except _Damaged as damaged:
        return Failure(RecordingUnusable(str(path), "damaged", damaged.message, damaged.line))


class _Damaged(Exception):
    def __init__(self, line: int, message: str) -> None:
        self.line = line
        self.message = message


def _numbered(texts: list[bytes]) -> Iterator[Numbered]:
    for number, text in enumerate(texts, 2):
        try:
            yield number, from_tree(json.loads(text))
        except (ValueError, RecursionError) as bad:
            raise _Damaged(number, f"is not a line of a recording: {bad}") from bad


def _header(path: str, text: bytes) -> Outcome[Recording, RecordingUnusable]:
    try:
        tree: object = json.loads(text)
    except (ValueError, RecursionError):
        tree = None
    if tag_of(tree) != "Recording":
        return Failure(RecordingUnusable(path, "foreign", "is not a recording", 1))
    version = cast("Mapping[str, object]", tree).get("version")
    if isinstance(version, int) and version > VERSION:
        said = f"is of format {version}, and this library reads {VERSION}: use a newer one"
        return Failure(RecordingUnusable(path, "newer", said, 1))
    try:
        return Success(cast("Recording", from_tree(tree)))
    except ValueError as bad:
        return Failure(RecordingUnusable(path, "damaged", f"is not the first line of a recording: {bad}", 1))
