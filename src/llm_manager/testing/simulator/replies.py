"""What a simulated model does next, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

FaultKind: TypeAlias = Literal[
    "reset",
    "reset_in_headers",
    "hang",
    "drip",
    "short_body",
    "cut_chunks",
    "reset_in_body",
    "stream_without_end",
    "gzip_bomb",
    "giant_line",
    "corrupt_gzip",
    "html",
    "bad_utf8",
    "deep_json",
    "nan",
    "huge_integer",
    "redirect",
    "error_in_ok",
    "no_choices",
    "null_content",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timing:
    """Seconds of real time: before the answer begins, and between the parts of a stream."""

    after_s: float = 0.0
    gap_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Say(_Timing):
    """Answer with *text*. *usage* None leaves it out; *finish* is the wire's own word."""

    text: str
    finish: str = field(default="stop", kw_only=True)
    usage: tuple[int, int] | None = field(default=(11, 22), kw_only=True)
    cached_tokens: int = field(default=0, kw_only=True)
    reasoning_tokens: int = field(default=0, kw_only=True)
    refusal: bool = field(default=False, kw_only=True)
    gzip: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class CallTools(_Timing):
    """Ask for tools to be called: name to arguments."""

    calls: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Status(_Timing):
    """Fail with an HTTP *status*, in the vendor's own shape."""

    status: int
    code: str | None = None
    message: str = "simulated"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Fault(_Timing):
    """Break the answer in a way that no status can tell. *location* is where a redirect leads."""

    kind: FaultKind
    location: str = ""


Reply: TypeAlias = Say | CallTools | Status | Fault
