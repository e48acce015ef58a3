"""Which API key is next: round robin over those that are healthy and have room.

Keys of one account share its limits: when the provider tells one of them to wait, all of its group rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from llm_manager.domain.errors import AuthenticationFailed, LLMError, QuotaExhausted, RateLimitExceeded
from llm_manager.domain.settings import KeySettings

QUOTA_REST_S = 3600.0
"""How long a key without quota rests: vendors do not say when it resets, and asking costs nothing but a call."""

LONGEST_REST_S = 86400.0
"""A vendor's Retry-After above a day is held for a mistake: the key is tried again after one."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key. *refused* is the error that disabled it for good, *forbidden* the models it may not use.

    *group* names the account whose limits it shares, None when it stands alone.
    """

    in_flight: int = 0
    rests_until_s: float = 0.0
    rests_for: LLMError | None = None
    refused: AuthenticationFailed | None = None
    forbidden: frozenset[str] = frozenset()
    group: str | None = None


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


def ring_of(count: int, groups: Sequence[str | None] = ()) -> Ring:
    """A ring of *count* new keys; *groups* names the account of each, in order, and may stop early."""
    return Ring(tuple(KeyState(group=groups[index] if index < len(groups) else None) for index in range(count)))


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
        return Ring(_with(ring.keys, index, _used(key, 1)), (index + 1) % count), Chosen(index)
    return ring, Busy() if busy else _refusal(ring.keys, model, now_s)


def serves_all_alike(ring: Ring) -> bool:
    """Is what keeps one model waiting the same for every other one: is no key forbidden to use some?"""
    return not any(key.forbidden for key in ring.keys)


def _refusal(keys: Sequence[KeyState], model: str, now_s: float) -> KeyRefusal:
    resting = [key for key in keys if key.refused is None and model not in key.forbidden]
    if resting:
        soonest = min(resting, key=lambda key: key.rests_until_s)
        if isinstance(soonest.rests_for, QuotaExhausted):
            return QuotaExhausted(model, "every key that may use it is out of quota")
        return RateLimitExceeded(model, soonest.rests_until_s - now_s, "every key rests after a rate limit")
    forbidden = any(model in key.forbidden for key in keys)
    said = (key.refused.message for key in keys if key.refused is not None)
    return AuthenticationFailed(model, forbidden=forbidden, message=next(filter(None, said), "no key may use it"))


def _rest_s(asked_s: float | None, settings: KeySettings) -> float:
    return settings.cool_down_s if asked_s is None else min(asked_s, LONGEST_REST_S)


def given_back(ring: Ring, index: int, model: str, error: LLMError | None, now_s: float, settings: KeySettings) -> Ring:
    """The call is over; what the provider said about the key is remembered. The longer of two rests wins."""
    key = _used(ring.keys[index], -1)
    if error is None:
        return Ring(_with(ring.keys, index, key), ring.turn)
    match error:
        case AuthenticationFailed(forbidden=True):
            key = replace(key, forbidden=key.forbidden | {model})
        case AuthenticationFailed():
            key = replace(key, refused=error)
        case QuotaExhausted():
            return _group_rests(ring, index, key, now_s + QUOTA_REST_S, error)
        case RateLimitExceeded(retry_after_s=asked_s):
            return _group_rests(ring, index, key, now_s + _rest_s(asked_s, settings), error)
        case _:  # every other error speaks about the model or the network, not about the key
            pass
    return Ring(_with(ring.keys, index, key), ring.turn)


def rested(ring: Ring, index: int, until_s: float, why: LLMError) -> Ring:
    """Somebody else was told that the key at *index* has to rest. The longer of two rests wins."""
    return Ring(_with(ring.keys, index, _resting(ring.keys[index], until_s, why)), ring.turn)


def _group_rests(ring: Ring, index: int, told: KeyState, until_s: float, why: LLMError) -> Ring:
    keys = _with(ring.keys, index, _resting(told, until_s, why))
    if told.group is None:
        return Ring(keys, ring.turn)
    return Ring(tuple(_resting(key, until_s, why) if key.group == told.group else key for key in keys), ring.turn)


def _resting(key: KeyState, until_s: float, why: LLMError) -> KeyState:
    return replace(key, rests_until_s=until_s, rests_for=why) if until_s > key.rests_until_s else key


def _used(key: KeyState, more: int) -> KeyState:
    """Spelled out because it runs twice a call, and ``replace`` takes twice as long."""
    in_flight = max(key.in_flight + more, 0)
    return KeyState(in_flight, key.rests_until_s, key.rests_for, key.refused, key.forbidden, key.group)


def _with(keys: tuple[KeyState, ...], index: int, key: KeyState) -> tuple[KeyState, ...]:
    return (*keys[:index], key, *keys[index + 1 :])
