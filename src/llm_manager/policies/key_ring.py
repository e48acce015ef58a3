"""Which API key is next: round robin over those that are healthy and have room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from llm_manager.domain.errors import AuthenticationFailed, LLMError, QuotaExhausted, RateLimitExceeded
from llm_manager.domain.settings import KeySettings

QUOTA_REST_S = 3600.0
"""How long a key without quota rests: vendors do not say when it resets, and asking costs nothing but a call."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key. *refused* is the error that disabled it for good, *forbidden* the models it may not use."""

    in_flight: int = 0
    rests_until_s: float = 0.0
    rests_for: LLMError | None = None
    refused: AuthenticationFailed | None = None
    forbidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one provider, and whose turn it is."""

    keys: tuple[KeyState, ...]
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """The key at *index* is in use once more."""

    index: int


@dataclass(frozen=True, slots=True)
class Busy:
    """Every healthy key has as many calls in flight as it may: wait for one to end."""


KeyRefusal: TypeAlias = RateLimitExceeded | AuthenticationFailed | QuotaExhausted


def choose(ring: Ring, model: str, now_s: float, settings: KeySettings) -> tuple[Ring, Chosen | Busy | KeyRefusal]:
    """The next key for *model*; without one that could serve, the error that explains it best."""
    busy = False
    count = len(ring.keys)
    for step in range(count):
        index = (ring.turn + step) % count
        key = ring.keys[index]
        if key.refused is not None or now_s < key.rests_until_s or model in key.forbidden:
            continue
        if key.in_flight >= settings.max_connections_per_key:
            busy = True
            continue
        taken = _with(ring, index, replace(key, in_flight=key.in_flight + 1))
        return Ring(taken.keys, (index + 1) % count), Chosen(index)
    return ring, Busy() if busy else _refusal(ring.keys, model, now_s)


def _refusal(keys: Sequence[KeyState], model: str, now_s: float) -> KeyRefusal:
    resting = [key for key in keys if key.refused is None and model not in key.forbidden]
    if resting:
        soonest = min(resting, key=lambda key: key.rests_until_s)
        if isinstance(soonest.rests_for, QuotaExhausted):
            return QuotaExhausted(model, "every key that may use it is out of quota")
        return RateLimitExceeded(model, soonest.rests_until_s - now_s, "every key rests after a rate limit")
    forbidden = any(model in key.forbidden for key in keys)
    said = next((key.refused.message for key in keys if key.refused is not None), "")
    return AuthenticationFailed(model, forbidden=forbidden, message=said or "no key may use it")


def given_back(ring: Ring, index: int, model: str, error: LLMError | None, now_s: float, settings: KeySettings) -> Ring:
    """The call is over; what the provider said about the key is remembered. The longer of two rests wins."""
    key = ring.keys[index]
    key = replace(key, in_flight=max(key.in_flight - 1, 0))
    match error:
        case AuthenticationFailed(forbidden=True):
            key = replace(key, forbidden=key.forbidden | {model})
        case AuthenticationFailed():
            key = replace(key, refused=error)
        case QuotaExhausted():
            key = _resting(key, now_s + QUOTA_REST_S, error)
        case RateLimitExceeded(retry_after_s=asked_s):
            key = _resting(key, now_s + (settings.cool_down_s if asked_s is None else asked_s), error)
        case _:  # every other error speaks about the model or the network, not about the key
            pass
    return _with(ring, index, key)


def _resting(key: KeyState, until_s: float, why: LLMError) -> KeyState:
    return replace(key, rests_until_s=until_s, rests_for=why) if until_s > key.rests_until_s else key


def _with(ring: Ring, index: int, key: KeyState) -> Ring:
    return Ring((*ring.keys[:index], key, *ring.keys[index + 1 :]), ring.turn)
