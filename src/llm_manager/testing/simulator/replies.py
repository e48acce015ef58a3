"""What a simulated model does next, as plain data that says nothing of any wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

FaultKind: TypeAlias = Literal[
    "reset",
    "reset_in_headers",
    "hang",
    "slow_headers",
    "drip",
    "idle_stream",
    "pings",
    "short_body",
    "cut_chunks",
    "reset_in_body",
    "stream_without_end",
    "stream_without_done",
    "error_in_stream",
    "split_utf8",
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
"""Every fault below the level of a status; `faults.FAULTS` says what each does on the socket."""

Usage: TypeAlias = tuple[int, int]
"""Tokens of the prompt and of the answer."""

Arguments: TypeAlias = Mapping[str, object] | str
"""What a tool is called with; text is sent as it is, for models that write broken JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timing:
    """Seconds of real time: before the answer begins, and between the parts of a stream. Closing interrupts both."""

    after_s: float = 0.0
    gap_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Say(_Timing):
    """Answer with *text*. *usage* None leaves it out; *finish* is the wire's own word for why it ended.

    A *refusal* is said where the wire puts refusals, *reasoning* where it puts what was thought before the answer;
    *gzip* packs an answer that is not streamed.
    """

    text: str
    finish: str = field(default="stop", kw_only=True)
    usage: Usage | None = field(default=(11, 22), kw_only=True)
    cached_tokens: int = field(default=0, kw_only=True)
    reasoning_tokens: int = field(default=0, kw_only=True)
    reasoning: str = field(default="", kw_only=True)
    refusal: bool = field(default=False, kw_only=True)
    gzip: bool = field(default=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class CallTools(_Timing):
    """Ask for tools to be called: name to arguments, or pairs of them where one tool is called twice.

    *reasoning* is put where Anthropic's wire has what was thought before the calls.
    """

    calls: Mapping[str, Arguments] | Sequence[tuple[str, Arguments]]
    usage: Usage | None = field(default=(11, 22), kw_only=True)
    reasoning: str = field(default="", kw_only=True)

    @property
    def pairs(self) -> Sequence[tuple[str, Arguments]]:
        """The calls in order."""
        return tuple(self.calls.items()) if isinstance(self.calls, Mapping) else self.calls


@dataclass(frozen=True, slots=True)
class Status(_Timing):
    """Fail with an HTTP *status*, in the vendor's own shape.

    *code* is the vendor's own word (``insufficient_quota``); None leaves it, and the message, to what the vendor
    says with that status. *param* is the field of the request that it is about, on wires that name it.
    """

    status: int
    code: str | None = None
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    param: str | None = None


@dataclass(frozen=True, slots=True)
class Fault(_Timing):
    """Break the answer in a way that no status can tell. *location* is where a redirect leads."""

    kind: FaultKind
    location: str = ""


Answered: TypeAlias = Say | CallTools
"""What a model can say when nothing is broken."""

Reply: TypeAlias = Answered | Status | Fault

_NOON = "Wed, 21 Oct 2015 12:00:00 GMT"
"""When these answers were written; a date means something only beside it."""

RETRY_AFTER: Mapping[str, Status] = {
    "seconds": Status(429, headers={"retry-after": "7"}),
    "milliseconds": Status(429, headers={"retry-after-ms": "1500", "retry-after": "2"}),
    "a date": Status(429, headers={"date": _NOON, "retry-after": "Wed, 21 Oct 2015 12:00:07 GMT"}),
    "a date gone by": Status(429, headers={"date": _NOON, "retry-after": "Wed, 21 Oct 2015 11:59:53 GMT"}),
    "a date far off": Status(429, headers={"date": _NOON, "retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}),
    "an hour": Status(429, headers={"retry-after": "3600"}),
    "negative": Status(429, headers={"retry-after": "-1"}),
    "not a number": Status(429, headers={"retry-after": "nan"}),
    "infinite": Status(429, headers={"retry-after": "inf"}),
    "garbage": Status(429, headers={"retry-after": "soon"}),
    "absent": Status(429),
}
"""The ways in which vendors and proxies say, or fail to say, when to come back."""
