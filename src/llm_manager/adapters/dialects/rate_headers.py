"""How long to stay away after a 429: what ``Retry-After`` says, or else when what is used up is there again.

OpenAI and Groq tell resets as durations (``x-ratelimit-reset-requests: 6m0s``), Anthropic as moments (RFC 3339), both
beside what remains; a limit of which something remains is not the one that was hit. Azure sends -1 for what it does not
know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

from llm_manager.adapters.dialects.dialect import Headers
from llm_manager.adapters.dialects.statuses import retry_after_s

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_STEP = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_WHOLE = re.compile(rf"(?:{_STEP.pattern})+")

_ANTHROPIC = tuple(f"anthropic-ratelimit-{what}" for what in ("requests", "tokens", "input-tokens", "output-tokens"))


def wait_s(headers: Headers) -> float | None:
    """Seconds to stay away, None where nothing says so.

    >>> wait_s({"retry-after": "7", "x-ratelimit-reset-requests": "1m"})
    7.0
    >>> wait_s({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s"})
    62.5
    """
    asked_s = retry_after_s(headers)
    return asked_s if asked_s is not None else max(_resets_s(headers), default=None)


def _resets_s(headers: Headers) -> Iterator[float]:
    """Seconds until each limit that is used up is there again."""
    for what in ("requests", "tokens"):
        if headers.get(f"x-ratelimit-remaining-{what}") == "0":
            yield from _duration_s(headers.get(f"x-ratelimit-reset-{what}", ""))
    for name in _ANTHROPIC:
        if headers.get(f"{name}-remaining") == "0":
            yield from _until_s(headers.get(f"{name}-reset", ""), headers.get("date", ""))


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
