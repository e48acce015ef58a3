"""The lines of a recording: what is written down of a run, and how each looks as JSON.

The rule of this room: a line is a frozen record, and its ``tag`` in the file is the name of its class. To write down
something new, add a class and name it in :data:`Line`; raise :data:`VERSION` when an older reader would misread it.
What was there *at_once* was not waited for: nobody else could run meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, cast, get_args

from llm_manager.domain.config import LLMConfig
from llm_manager.domain.decode import adapter
from llm_manager.domain.errors import LLMError
from llm_manager.domain.events import GatewayTimed
from llm_manager.domain.request import JsonObject
from llm_manager.domain.response import LLMResponse, Usage
from llm_manager.domain.stream import Delta

VERSION: Final = 1
"""Of the format. A file of a newer one is refused and not guessed at."""

How: TypeAlias = Literal["complete", "stream", "models"]
"""Which method of the provider port was called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The first line: what is needed to build the context again, without its keys."""

    version: int
    library: str
    services: tuple[str, ...]
    started_s: float
    deadline_s: float | None = None
    trace_id: str | None = None
    config: LLMConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The clock was read by the strand *reader*."""

    reader: str
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRead:
    """The wall clock was read by the strand *reader*: seconds since 1970."""

    reader: str
    unix_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A random number was drawn by the strand *reader*."""

    reader: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slept:
    """The wait number *nth* of *reader*, a sleep, ended at *at_s*; None when it was cancelled."""

    reader: str
    nth: int
    at_s: float | None = None
    at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """The wait number *nth* of *reader*, a block with a time limit, ran out of time at *at_s*; None when it did not."""

    reader: str
    nth: int
    at_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A provider was asked: the beginning of the exchange number *exchange*.

    *target* and *request* are as in :mod:`llm_manager.domain`, without what is at its default.
    """

    exchange: int
    at_s: float
    how: How
    service: str
    target: JsonObject
    request: JsonObject | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The whole answer: to a call, or at the end of a stream. *usage* only where a stream's has changed.

    *told* is what the provider told the observer before.
    """

    exchange: int
    at_s: float
    response: LLMResponse
    usage: Usage | None = None
    at_once: bool = False
    told: tuple[GatewayTimed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The exchange failed: before there was an answer, or in the middle of a stream. The rest as in an answer."""

    exchange: int
    at_s: float
    error: LLMError
    usage: Usage | None = None
    at_once: bool = False
    told: tuple[GatewayTimed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The models that a provider offers."""

    exchange: int
    at_s: float
    models: tuple[str, ...]
    at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An answer in pieces began; *longest_pull_s* and *usage* are what it then said of itself."""

    exchange: int
    at_s: float
    longest_pull_s: float | None = None
    usage: Usage = field(default_factory=Usage)
    at_once: bool = False
    told: tuple[GatewayTimed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """The pieces that one pull brought, which may be none. *usage* only where it has changed."""

    exchange: int
    at_s: float
    deltas: tuple[Delta, ...] = ()
    usage: Usage | None = None
    at_once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Who waited, for an answer or for the next piece of it, was cancelled."""

    exchange: int
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The reader of an answer in pieces let go of it, at its end or before."""

    exchange: int
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The last line. A recording without it is of a run that was killed, or of a disk that was full."""

    at_s: float


Step: TypeAlias = Answered | Failed | Listed | Opened | Pulled | Cancelled | Closed
"""What happened in an exchange after it was asked for."""

Line: TypeAlias = Recording | Reading | CalendarRead | Draw | Slept | Limited | Asked | Step | Finished

_KINDS: Final[Mapping[str, type[Line]]] = {kind.__name__: kind for kind in get_args(Line)}


def plain(value: object, *, without_defaults: bool = False) -> Any:
    """*value* as JSON-like data, or what of it is not at its default; what JSON cannot say as its ``repr``."""
    kind: Any = type(value)
    return adapter(kind).dump_python(value, mode="json", exclude_defaults=without_defaults, fallback=repr)


def as_text(line: Line) -> str:
    """*line* as it stands in the file.

    >>> as_text(Draw(reader="generate 4f21a0#1", value=0.25))
    '{"tag": "Draw", "reader": "generate 4f21a0#1", "value": 0.25}'
    """
    told = {name: value for name, value in plain(line).items() if value is not None and value is not False}
    return json.dumps({"tag": type(line).__name__, **told})


def tag_of(tree: object) -> str | None:
    """Which kind of line *tree* says it is."""
    tag = cast("dict[str, object]", tree).get("tag") if isinstance(tree, dict) else None
    return tag if isinstance(tag, str) else None


def from_tree(tree: object) -> Line:
    """The line that *tree* holds; raises ``ValueError`` when it holds none."""
    tag = tag_of(tree)
    kind = None if tag is None else _KINDS.get(tag)
    if kind is None:
        msg = f"no line of a recording has the tag {tag!r}"
        raise ValueError(msg)
    any_kind: Any = kind
    line: Line = adapter(any_kind).validate_python(tree)
    return line
