"""The state of a breaker as JSON, and back from any bytes: what cannot be read is a breaker that is new.

The times in it are the server's. A clock that was set back must not keep a breaker open, or a probe under way, for
longer than the settings ever would.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, TypeAlias, assert_never

from annotated_types import Ge
from pydantic import FiniteFloat, TypeAdapter, ValidationError

from llm_manager.domain.settings import BreakerSettings
from llm_manager.policies import breaker

_Count: TypeAlias = Annotated[int, Ge(0)]
_Closed: TypeAlias = tuple[
    Literal["closed"], _Count, tuple[tuple[_Count, _Count, _Count], ...], _Count, FiniteFloat | None
]
_Open: TypeAlias = tuple[Literal["open"], _Count, FiniteFloat, FiniteFloat]
_HalfOpen: TypeAlias = tuple[Literal["half-open"], _Count, FiniteFloat, _Count, FiniteFloat | None]

_TEXT: TypeAdapter[_Closed | _Open | _HalfOpen] = TypeAdapter(_Closed | _Open | _HalfOpen)


def text_of(state: breaker.State) -> str:
    """*state* in a few characters.

    >>> text_of(breaker.Open(3, 1700000060.5, 60.0))
    '["open",3,1700000060.5,60.0]'
    """
    told: _Closed | _Open | _HalfOpen
    match state:
        case breaker.Closed(generation, window, streak, failed_s=failed_s):
            told = ("closed", generation, window, streak, failed_s)
        case breaker.Open(generation, until_s, open_s):
            told = ("open", generation, until_s, open_s)
        case breaker.HalfOpen(generation, open_s, successes, leased_until_s):
            told = ("half-open", generation, open_s, successes, leased_until_s)
        case _:
            assert_never(state)
    return json.dumps(told, separators=(",", ":"))


def state_of(text: bytes, now_s: float, settings: BreakerSettings) -> breaker.State:
    """The state that *text* holds, at *now_s* by the same clock.

    >>> state_of(b"foreign bytes", 0.0, BreakerSettings())
    Closed(generation=0, window=(), streak=0, failures=0, failed_s=None)
    >>> state_of(b'["open",1,1e9,60.0]', 0.0, BreakerSettings(max_open_s=100.0))
    Open(generation=1, until_s=110.00000000000001, open_s=60.0)
    """
    try:
        read = _TEXT.validate_json(text)
    except ValidationError:
        return breaker.Closed()
    match read:
        case "closed", generation, window, streak, failed_s:
            number = breaker.bucket_number(now_s, settings)
            kept = tuple(bucket for bucket in window if bucket[0] <= number)  # one of a time to come never grows old
            failures = sum(bucket[2] for bucket in kept)
            return breaker.Closed(
                generation, kept, streak, failures, None if failed_s is None else min(failed_s, now_s)
            )
        case "open", generation, until_s, open_s:
            latest_s = now_s + breaker.longest_s(settings) * (1 + breaker.JITTER)
            return breaker.Open(generation, min(until_s, latest_s), _open_s(open_s, settings))
        case "half-open", generation, open_s, successes, leased_until_s:
            if leased_until_s is not None:
                leased_until_s = min(leased_until_s, now_s + settings.probe_s)
            return breaker.HalfOpen(generation, _open_s(open_s, settings), successes, leased_until_s)
        case _:
            assert_never(read)


def _open_s(open_s: float, settings: BreakerSettings) -> float:
    return min(max(open_s, settings.open_s), breaker.longest_s(settings))
