"""What the frames of one stream hold: objects, nothing, or an error; and characters that were cut between two of them.

JSON writes an emoji as two escapes. A server that cuts its text between them sends one half with each of two pieces:
the first is kept back, and comes with what stands in the same place of the next piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast, final

from returns.result import Failure, Success

from llm_manager.adapters.dialects.dialect import ErrorEvent
from llm_manager.adapters.dialects.error_envelopes import error_of_event
from llm_manager.adapters.dialects.fields import WrongType, malformed
from llm_manager.adapters.dialects.json_values import (
    Json,
    may_hold_halves,
    parse_exactly,
    parse_with_halves,
    whole_characters,
)
from llm_manager.adapters.dialects.statuses import unparsable
from llm_manager.domain.errors import LLMError
from llm_manager.domain.outcome import Outcome
from llm_manager.domain.target import Target

_Path: TypeAlias = tuple[str | int, ...]

MOST_HALVES = 64
"""So many places of a piece end in half a character at the most; what more there are is replaced."""


@final
class FrameValues:
    """The values of the frames of one stream, in order."""

    __slots__ = ("_halves", "_target")

    def __init__(self, target: Target) -> None:
        self._target = target
        self._halves: dict[_Path, str] = {}

    def plain(self, frame: bytes) -> Json | None:
        """The object in *frame*, as nearly all are: None where :meth:`read` has more to look at."""
        if self._halves or frame.__class__ is not bytes:
            return None
        try:
            value = parse_exactly(frame)
        except ValueError:
            return None
        return value if value.__class__ is dict else None

    def read(self, frame: bytes) -> Outcome[Json, LLMError]:
        """The object in *frame*, an empty one of null; of an event named ``error``, the error as all wires have it."""
        if isinstance(frame, ErrorEvent):
            return Success(error_of_event(frame))
        try:
            value = self._parsed(frame)
        except ValueError as bad:
            return Failure(unparsable(frame, bad, self._target))
        if isinstance(value, dict):
            return Success(cast("Json", value))
        return Success({}) if value is None else Failure(malformed(WrongType("a piece", value), self._target))

    def _parsed(self, frame: bytes) -> Any:
        try:
            value = parse_exactly(frame)
        except ValueError:
            if not may_hold_halves(frame):
                raise
            return self._joined(parse_with_halves(frame), ())
        return self._joined(value, ()) if self._halves else value

    def _joined(self, value: Any, path: _Path) -> Any:
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, list):
            return [self._joined(each, (*path, at)) for at, each in enumerate(cast("Sequence[Any]", value))]
        if isinstance(value, dict):
            pairs = cast("Json", value).items()
            return {whole_characters(name): self._joined(each, (*path, name)) for name, each in pairs}
        return value

    def _text(self, text: str, path: _Path) -> str:
        text = self._halves.pop(path, "") + text
        if text and "\ud800" <= text[-1] <= "\udbff" and len(self._halves) < MOST_HALVES:
            self._halves[path] = text[-1]
            text = text[:-1]
        return whole_characters(text)
