"""Which API key is next: round robin over those that are healthy and have room.

Keys of one account share its limits: when the provider tells one of them to wait, all of its group rest. A rest after a
rate limit is a queue for all who want the key, and when it ends they do not all come at once: the number of calls that
a key takes doubles every :data:`PACE_S`, so that a limit that still holds is met by few. A key that is refused again
and again rests longer each time, whatever the provider asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, log2
from typing import TypeAlias

from llm_manager.domain.errors import AuthenticationFailed, LLMError, NetworkError, QuotaExhausted, RateLimitExceeded
from llm_manager.domain.settings import KeySettings

QUOTA_REST_S = 3600.0
"""How long a key without quota rests: vendors do not say when it resets, and asking costs nothing but a call."""

REFUSED_REST_S = 60.0
"""How long a key rests after its first 401, doubled each time up to :data:`LONGEST_REFUSED_REST_S`: some vendors answer
so for a moment after a key was made or while their own store is away."""

LONGEST_REFUSED_REST_S = 3600.0

LONGEST_REST_S = 86400.0
"""A vendor's Retry-After above a day is held for a mistake: the key is tried again after one."""

LONGEST_DOUBLED_REST_S = 60.0
"""To what the rest of a key that is rate limited again and again grows, where its provider asks for less."""

PACE_S = 0.1
"""After a rest a key takes one call, and in each further PACE_S twice as many as before."""

PACED_S = 1.0
"""How long calls are paced after a rest: by then a thousand have begun."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key. *rests_for* is why it rests until *rests_until_s*, *forbidden* the models it may not use.

    *group* names the account whose limits it shares, None when it stands alone. *refusals* are those in a row, and
    *epoch* counts all of them and all rests: a call that began in an earlier one says nothing about the time after it.
    *paced* are the calls begun since the last rest, as long as they are counted.
    """

    in_flight: int = 0
    rests_until_s: float = 0.0
    rests_for: LLMError | None = None
    forbidden: frozenset[str] = frozenset()
    group: str | None = None
    refusals: int = 0
    epoch: int = 0
    paced: int = 0


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one provider, whose turn it is, and how many calls each and all together may have under way."""

    keys: tuple[KeyState, ...]
    turn: int = 0
    most_of_each: float = inf
    most_of_all: float = inf


@dataclass(frozen=True, slots=True)
class Chosen:
    """The key at *index* is in use once more, in its *epoch*."""

    index: int
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """No key can be had now: one can at *until_s*, or when a call ends where *is_busy*; *until_s* is None if only then.

    *why* is what the wait is for when it is too long for who asks.
    """

    until_s: float | None
    is_busy: bool
    why: RateLimitExceeded


KeyRefusal: TypeAlias = RateLimitExceeded | AuthenticationFailed | QuotaExhausted


def ring_of(count: int, groups: Sequence[str | None] = (), most_of_each: float = inf, most_of_all: float = inf) -> Ring:
    """A ring of *count* new keys; *groups* names the account of each, in order, and may stop early."""
    keys = tuple(KeyState(group=groups[index] if index < len(groups) else None) for index in range(count))
    return Ring(keys, 0, most_of_each, most_of_all)


def choose(ring: Ring, model: str, now_s: float) -> tuple[Ring, Chosen | Wait | KeyRefusal]:
    """The next key for *model*; else what there is to wait for, or the error that no wait would change."""
    count = len(ring.keys)
    is_full = sum(key.in_flight for key in ring.keys) >= ring.most_of_all
    for step in range(0 if is_full else count):
        index = (ring.turn + step) % count
        key = ring.keys[index]
        if now_s < opens_s(key) or model in key.forbidden or key.in_flight >= ring.most_of_each:
            continue
        keys = _with(ring.keys, index, _begun(key, now_s))
        return Ring(keys, (index + 1) % count, ring.most_of_each, ring.most_of_all), Chosen(index, key.epoch)
    return ring, _unavailable(ring.keys, model, now_s)


def opens_s(key: KeyState) -> float:
    """The moment from which *key* takes another call, if it has room."""
    if key.paced == 0 or not isinstance(key.rests_for, RateLimitExceeded):
        return key.rests_until_s
    return key.rests_until_s + PACE_S * log2(1 + key.paced)


def serves_all_alike(ring: Ring) -> bool:
    """Is what keeps one model waiting the same for every other one: is no key forbidden to use some?"""
    return not any(key.forbidden for key in ring.keys)


def _unavailable(keys: Sequence[KeyState], model: str, now_s: float) -> Wait | KeyRefusal:
    allowed = [key for key in keys if model not in key.forbidden]
    queues = [key for key in allowed if isinstance(key.rests_for, RateLimitExceeded) and now_s < opens_s(key)]
    is_busy = any(now_s >= opens_s(key) for key in allowed)
    if queues or is_busy:
        soonest_s = min((opens_s(key) for key in queues), default=None)
        left_s = None if soonest_s is None else soonest_s - now_s
        return Wait(soonest_s, is_busy, RateLimitExceeded(model, left_s, "every key rests after a rate limit"))
    if not allowed:
        return AuthenticationFailed(model, forbidden=True, message="no key may use it")
    why = min(allowed, key=lambda key: key.rests_until_s).rests_for
    if isinstance(why, QuotaExhausted):
        return QuotaExhausted(model, "every key that may use it is out of quota")
    return AuthenticationFailed(model, message="" if why is None else why.message)


def unused(model: str) -> NetworkError:
    """What a lease is given back with of which nothing was heard: of a call that was not sent, or was cancelled."""
    return NetworkError(model, cause="local", message="nothing was heard")


def given_back(
    ring: Ring, chosen: Chosen, model: str, error: LLMError | None, now_s: float, settings: KeySettings
) -> Ring:
    """The call is over; what the provider said about the key is remembered, None for an answer. The longer of two rests
    wins."""
    index, key = chosen.index, ring.keys[chosen.index]
    is_news = chosen.epoch == key.epoch  # else others have told since of what it ran into
    key = _ended(key, refusals=0 if error is None and is_news else key.refusals)
    match error:
        case AuthenticationFailed(forbidden=True):
            key = replace(key, forbidden=key.forbidden | {model})
        case AuthenticationFailed() | QuotaExhausted() | RateLimitExceeded(local=False):
            key = replace(key, refusals=key.refusals + is_news, epoch=key.epoch + is_news)
            rest_s = _rest_s(error, max(key.refusals, 1), settings)
            return replace(ring, keys=_rested(ring.keys, index, key, now_s, now_s + rest_s, error))
        case _:  # every other error speaks about the model or the network, not about the key
            pass
    return Ring(_with(ring.keys, index, key), ring.turn, ring.most_of_each, ring.most_of_all)


def rested(ring: Ring, index: int, until_s: float, why: LLMError) -> Ring:
    """Another process was told that the key at *index* has to rest. The longer of two rests wins."""
    return replace(ring, keys=_with(ring.keys, index, _resting(ring.keys[index], until_s, why)))


def refused_keys(ring: Ring, now_s: float) -> tuple[int, ...]:
    """The indexes of the keys that rest because they were refused."""
    return tuple(
        index
        for index, key in enumerate(ring.keys)
        if isinstance(key.rests_for, AuthenticationFailed) and now_s < key.rests_until_s
    )


def recovered(ring: Ring, index: int, now_s: float) -> Ring:
    """The key at *index* was taken where it had been refused: it is well, and its next refusal is the first."""
    key = ring.keys[index]
    if index not in refused_keys(ring, now_s):
        return ring
    well = replace(key, rests_until_s=now_s, rests_for=None, refusals=0, epoch=key.epoch + 1)
    return replace(ring, keys=_with(ring.keys, index, well))


def _rest_s(
    error: AuthenticationFailed | QuotaExhausted | RateLimitExceeded, refusals: int, settings: KeySettings
) -> float:
    """How long a key rests after *error*, the last of so many *refusals* in a row."""
    doubled = 2.0 ** min(refusals - 1, 16)
    match error:
        case AuthenticationFailed():
            return min(REFUSED_REST_S * doubled, LONGEST_REFUSED_REST_S)
        case QuotaExhausted():
            return QUOTA_REST_S
        case RateLimitExceeded(retry_after_s=asked_s):
            own_s = min(settings.cool_down_s * doubled / 2, LONGEST_DOUBLED_REST_S) if refusals > 1 else 0.0
            return max(settings.cool_down_s if asked_s is None else min(asked_s, LONGEST_REST_S), own_s)


def _rested(
    keys: tuple[KeyState, ...], index: int, key: KeyState, now_s: float, until_s: float, why: LLMError
) -> tuple[KeyState, ...]:
    """*keys* with *key* at *index*, which rests until *until_s*; for a limit of its account, with its whole group."""
    if until_s <= now_s:
        return _with(keys, index, key)
    resting = _with(keys, index, _resting(key, until_s, why))
    if key.group is None or isinstance(why, AuthenticationFailed):
        return resting
    return tuple(_resting(each, until_s, why) if each.group == key.group else each for each in resting)


def _resting(key: KeyState, until_s: float, why: LLMError) -> KeyState:
    if until_s <= key.rests_until_s:
        return key
    return replace(key, rests_until_s=until_s, rests_for=why, epoch=key.epoch + 1, paced=0)


def _begun(key: KeyState, now_s: float) -> KeyState:
    """Spelled out, as below, because it runs once a call, and ``replace`` takes twice as long."""
    is_paced = key.rests_for is not None and now_s - key.rests_until_s < PACED_S
    return KeyState(
        key.in_flight + 1,
        key.rests_until_s,
        key.rests_for,
        key.forbidden,
        key.group,
        key.refusals,
        key.epoch,
        key.paced + 1 if is_paced else key.paced,
    )


def _ended(key: KeyState, refusals: int) -> KeyState:
    return KeyState(
        max(key.in_flight - 1, 0),
        key.rests_until_s,
        key.rests_for,
        key.forbidden,
        key.group,
        refusals,
        key.epoch,
        key.paced,
    )


def _with(keys: tuple[KeyState, ...], index: int, key: KeyState) -> tuple[KeyState, ...]:
    return (*keys[:index], key, *keys[index + 1 :])
