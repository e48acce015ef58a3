"""How long to stay away: what ``Retry-After`` says, or the body, or else when what is used up is there again.

OpenAI and Groq tell resets as durations (``x-ratelimit-reset-requests: 6m0s``), Anthropic as moments (RFC 3339), both
beside what remains; a limit of which much remains is not the one that was hit. Azure sends -1 for what it does not
know. LiteLLM passes a vendor's own headers on behind ``llm_provider-``. In bodies Google has ``RetryInfo``, OpenRouter
``retry_after_seconds``, and others a sentence (seen until 2026-11-30).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias

from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.json_values import Json, as_list, as_object, as_text

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_STEP: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_WHOLE: Final = re.compile(rf"(?:{_STEP.pattern})+")

_ANTHROPIC: Final = tuple(
    f"anthropic-ratelimit-{what}" for what in ("requests", "tokens", "input-tokens", "output-tokens")
)

_PROVIDERS: Final = "llm_provider-"

FEW_TOKENS, FEW_SHARE = 1_000, 0.2
"""Of tokens a limit may be hit although some remain: fewer than the request needs. They count as few below the first
where the limit is not told, else below the second of it."""

_NO_JSON: Final[Json] = {}

_IsHit: TypeAlias = Callable[[Headers, str, str], bool]
"""Is the limit hit, of which two headers tell what remains and what there is?"""


def wait_s(headers: Headers, error: Json = _NO_JSON, text: str = "") -> float | None:
    """Seconds to stay away after a 429 with *headers* that is *error* and says *text*, None where nothing says so.

    >>> wait_s({"retry-after": "7", "x-ratelimit-reset-requests": "1m"})
    7.0
    >>> wait_s({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s"})
    62.5
    """
    asked_s = asked_wait_s(headers, error, text)
    return asked_s if asked_s is not None else max(_resets_s(headers), default=None)


def asked_wait_s(headers: Headers, error: Json = _NO_JSON, text: str = "") -> float | None:
    """Seconds for which the other side asked to be left alone: in its headers, in its *error*, in what that says.

    >>> asked_wait_s({}, {"details": [{"retryDelay": "34s"}]}), asked_wait_s({}, {}, "Please try again in 1m2.5s.")
    (34.0, 62.5)
    """
    return next(_asked_s(headers, error, text), None)


def _asked_s(headers: Headers, error: Json, text: str) -> Iterator[float]:
    for detail in map(as_object, as_list(error.get("details"))):  # google.rpc.RetryInfo, finer than Google's header
        yield from _duration_s(as_text(detail.get("retryDelay")) or "")
    own, behind = retry_after_s(headers), retry_after_s(headers, _PROVIDERS)
    yield from (seconds for seconds in (own, behind) if seconds is not None)
    yield from _in_fields(error)
    yield from _in_text(text)


def retry_after_s(headers: Headers, prefix: str = "") -> float | None:
    """Seconds to stay away: ``retry-after-ms``, or ``retry-after`` in seconds or as a date (RFC 9110, 10.2.3).

    A date is held against the answer's own ``date``: clocks differ. What is negative or no number is ignored.
    """
    milliseconds = _number(headers.get(f"{prefix}retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get(f"{prefix}retry-after")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    return _moment_s(text, headers.get(f"{prefix}date") or headers.get("date"))


def _number(text: object) -> float | None:
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    try:
        number = float(text)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _moment_s(text: str, now: str | None) -> float | None:
    try:
        seconds = (parsedate_to_datetime(text) - parsedate_to_datetime(now or "")).total_seconds()
    except (ValueError, TypeError):
        return None
    return max(seconds, 0.0)


_FIELDS: Final = ("retry_after", "retry_after_seconds", "retry_after_s", "retryAfter", "retryAfterSeconds")


def _in_fields(error: Json) -> Iterator[float]:
    """What a field says that is named for it."""
    for fields in (error, as_object(error.get("metadata"))):
        for seconds in (_number(fields.get(name)) for name in _FIELDS):
            if seconds is not None:
                yield seconds
        milliseconds = _number(fields.get("retry_after_ms"))
        if milliseconds is not None:
            yield milliseconds / 1000


_SENTENCE: Final = re.compile(
    r"(?:try again|retry|retry after|wait)(?: again)?(?: (?:in|for|after))?:? {1,2}(?:about |at least )?"
    r"((?:\d{1,9}(?:\.\d{1,9})? ?(?:milliseconds?|ms|seconds?|secs?|minutes?|mins?|hours?|days?|[smhd])[ ,]{0,2}"
    r"(?:and )?){1,5})",
    re.IGNORECASE,
)
_SPOKEN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(ms|milli|[smhd])", re.IGNORECASE)


def _in_text(text: str) -> Iterator[float]:
    """``Please try again in 1m2.5s``, ``wait 8 seconds``."""
    said = _SENTENCE.search(text)
    if said is not None:
        steps = ((float(count), unit.lower()) for count, unit in _SPOKEN.findall(said[1]))
        yield sum(count * _SECONDS["ms" if unit == "milli" else unit] for count, unit in steps)


def _resets_s(headers: Headers) -> Iterator[float]:
    """Seconds until each limit that is used up is there again; else until the tokens are of which few remain."""
    gone = list(_ends(headers, _is_gone))
    yield from gone or _ends(headers, _is_low)


def _ends(headers: Headers, is_hit: _IsHit) -> Iterator[float]:
    for prefix in ("", _PROVIDERS):
        for what in ("requests", "tokens"):
            if is_hit(headers, f"{prefix}x-ratelimit-remaining-{what}", f"{prefix}x-ratelimit-limit-{what}"):
                yield from _duration_s(headers.get(f"{prefix}x-ratelimit-reset-{what}", ""))
        for name in _ANTHROPIC:
            if is_hit(headers, f"{prefix}{name}-remaining", f"{prefix}{name}-limit"):
                yield from _until_s(headers.get(f"{prefix}{name}-reset", ""), headers.get("date", ""))


def _is_gone(headers: Headers, remaining: str, _limit: str) -> bool:
    return headers.get(remaining) == "0"


def _is_low(headers: Headers, remaining: str, limit: str) -> bool:
    left, most = _number(headers.get(remaining)), _number(headers.get(limit))
    if left is None or not remaining.endswith(("tokens", "tokens-remaining")):
        return False
    return left < (most * FEW_SHARE if most else FEW_TOKENS)


def _duration_s(text: str) -> Iterator[float]:
    """``12ms``, ``6m0s``; nothing for what is neither."""
    if _WHOLE.fullmatch(text):
        yield sum(float(count) * _SECONDS[unit] for count, unit in _STEP.findall(text))


def _until_s(moment: str, now: str) -> Iterator[float]:
    """From the answer's own date to *moment*: clocks differ."""
    try:
        seconds = (datetime.fromisoformat(moment) - parsedate_to_datetime(now)).total_seconds()
    except (ValueError, TypeError):
        return
    yield max(seconds, 0.0)
