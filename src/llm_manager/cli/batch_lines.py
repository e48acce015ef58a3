"""The requests of a batch: a file with one JSON object a line, read twice, first to see that all of it is right.

Each line has the fields of a request, and an ``id`` of the user's own if wanted. It is never held as a whole.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias, cast, final

from returns.result import Failure, Success

from llm_manager import InvalidRequest, LLMRequest, Outcome, Problem, parse_request

LONGEST_LINE: Final = 8 * 1024 * 1024
"""Bytes: what an answer may have, a request may. A file without line breaks is told from one with."""

MOST_PROBLEMS: Final = 20
"""Nobody reads more at once; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Line:
    """One request, where it stands in the file, and what its author calls it."""

    number: int
    id: str | None
    request: LLMRequest


_Read: TypeAlias = tuple[int, int, Outcome[Line, InvalidRequest]]
"""The number of a line that is not blank, a digest of it, and what it says."""


@final
class BatchLines:
    """The file at *path*. *defaults* are fields that a line need not have, ``preferences`` among them.

    What was checked is what is asked: iterating stops where the file is another one by then, and :attr:`changed` says
    so. Lines that were added behind are for the next run.
    """

    def __init__(self, path: Path, defaults: Mapping[str, Any]) -> None:
        self._path = path
        self._defaults = defaults
        self.numbers: list[int] = []
        self.ids: list[str | None] = []
        self.models: set[str | None] = set()
        self.changed: InvalidRequest | None = None
        self._digests = array("q")

    def check(self) -> Outcome[int, InvalidRequest]:
        """How many requests there are, or everything that is wrong with the file, line by line."""
        problems: list[Problem] = []
        more, seen = 0, dict[str, int]()
        for number, digest, read in self._read():
            found = read.failure().problems if isinstance(read, Failure) else ()
            if isinstance(read, Success):
                line = read.unwrap()
                if line.id is not None and line.id in seen:
                    found = (Problem(f"line {number}.id", f"{line.id!r} is the id of line {seen[line.id]} too"),)
                elif line.id is not None:
                    seen[line.id] = number
                self.models.add(line.request.preferences.model)
                self.numbers.append(number)
                self.ids.append(line.id)
                self._digests.append(digest)
            room = MOST_PROBLEMS - len(problems)
            problems.extend(found[:room])
            more += len(found[room:]) if room >= 0 else len(found)
        if more:
            problems.append(Problem("", f"and {more:,} more problems"))
        return Failure(InvalidRequest(tuple(problems))) if problems else Success(len(self.numbers))

    def __iter__(self) -> Iterator[LLMRequest]:
        with closing(self._read()) as lines:
            for number, digest in zip(self.numbers, self._digests, strict=True):
                again = self._again(lines, number, digest)
                if isinstance(again, Failure):
                    self.changed = again.failure()
                    return
                yield again.unwrap()

    def _again(self, lines: Iterator[_Read], number: int, digest: int) -> Outcome[LLMRequest, InvalidRequest]:
        """The next request, if its line is still what was checked."""
        try:
            found = next(lines, None)
        except OSError as bad:
            return Failure(InvalidRequest((Problem(str(self._path), bad.strerror or str(bad)),)))
        if found is None or found[:2] != (number, digest) or isinstance(found[2], Failure):
            return _wrong(number, "was changed after it was checked: run the same command again")
        return Success(found[2].unwrap().request)

    def _read(self) -> Generator[_Read, None, None]:
        with self._path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    yield number, 0, _wrong(number, f"is longer than {LONGEST_LINE:,} bytes: one request a line")
                    while line and not line.endswith(b"\n"):
                        line = file.readline(LONGEST_LINE)
                elif text := line.strip():
                    yield number, hash(text), self._line(number, line)

    def _line(self, number: int, line: bytes) -> Outcome[Line, InvalidRequest]:
        try:
            tree: Any = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError:
            return _wrong(number, "is not UTF-8")
        except RecursionError:
            return _wrong(number, "is nested too deeply")
        except ValueError as bad:
            return _wrong(number, f"is not JSON: {bad}")
        if not isinstance(tree, dict):
            return _wrong(number, 'is no JSON object: write {"prompt": "..."}')
        fields = cast("dict[str, Any]", tree)
        id_ = fields.pop("id", None)
        if id_ is not None and not isinstance(id_, str | int):
            return _wrong(number, "its id is neither text nor a whole number")
        parsed = parse_request(self._completed(fields))
        if isinstance(parsed, Failure):
            named = (
                Problem(f"line {number}.{each.path}".rstrip("."), each.message) for each in parsed.failure().problems
            )
            return Failure(InvalidRequest(tuple(named)))
        return Success(Line(number, None if id_ is None else str(id_), parsed.unwrap()))

    def _completed(self, fields: dict[str, Any]) -> dict[str, Any]:
        """*fields* with the defaults for what they do not say."""
        wish, usual = fields.get("preferences"), self._defaults.get("preferences", {})
        merged = (
            {**usual, **cast("dict[str, Any]", wish)} if isinstance(wish, dict) else usual if wish is None else wish
        )
        return {**self._defaults, **fields, **({"preferences": merged} if merged else {})}


def _wrong(number: int, message: str) -> Failure[InvalidRequest]:
    return Failure(InvalidRequest((Problem(f"line {number}", message),)))
