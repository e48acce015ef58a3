"""The key ring against a plain model: a list of dicts, and every question answered by looking through all of it."""

from __future__ import annotations

from math import inf, log2
from typing import TypedDict

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llm_manager.domain.errors import AuthenticationFailed, LLMError, NetworkError, QuotaExhausted, RateLimitExceeded
from llm_manager.domain.settings import KeySettings
from llm_manager.policies.key_ring import (
    LONGEST_DOUBLED_REST_S,
    LONGEST_REFUSED_REST_S,
    LONGEST_REST_S,
    PACE_S,
    PACED_S,
    QUOTA_REST_S,
    REFUSED_REST_S,
    Chosen,
    Wait,
    choose,
    given_back,
    rested,
    ring_of,
    serves_all_alike,
)
from property_tests.moments import gaps_s

RESTS: tuple[LLMError, ...] = (
    RateLimitExceeded("m", 20.0),
    RateLimitExceeded("m", 5.0),
    RateLimitExceeded("m", 0.0),
    RateLimitExceeded("m", 2.5e11),
    RateLimitExceeded("m", None),
    QuotaExhausted("m"),
    AuthenticationFailed("m", message="gone"),
)
OTHERS: tuple[LLMError, ...] = (
    NetworkError("m"),
    RateLimitExceeded("m", 5.0, local=True),
    AuthenticationFailed("m", forbidden=True),
)
models = st.sampled_from(["m", "other"])
errors: st.SearchStrategy[LLMError | None] = st.sampled_from([None, *OTHERS, *RESTS])
settings_of_keys = st.builds(KeySettings, cool_down_s=st.sampled_from([0.0, 3.0]))


class Call(TypedDict):
    """One call under way: for which model, and how many tellings its key had heard when it began."""

    model: str
    heard: int


class Key(TypedDict):
    """What is remembered of one key. *rests* are all that it was ever told to take: (until when, why); *heard* counts
    what ended its calls' right to a say, *in_a_row* its refusals since a success, *begun* the calls of the first second
    after its longest rest."""

    group: str | None
    calls: list[Call]
    rests: list[tuple[float, LLMError]]
    barred: set[str]
    heard: int
    in_a_row: int
    begun: int


class Against(RuleBasedStateMachine):
    """The model: a row for each key, and who was chosen last."""

    @initialize(
        settings=settings_of_keys,
        groups=st.lists(st.sampled_from(["ours", "theirs", None]), max_size=4),
        most_of_each=st.sampled_from([1, 2, 5, inf]),
        most_of_all=st.sampled_from([3, 7, inf]),
    )
    def begins(self, settings: KeySettings, groups: list[str | None], most_of_each: float, most_of_all: float) -> None:
        count = max(len(groups), 1) + len(groups) % 2  # some have no group because the list stops early
        self.settings, self.most_of_each, self.most_of_all = settings, most_of_each, most_of_all
        self.ring = ring_of(count, groups, most_of_each, most_of_all)
        self.now_s = 0.0
        named = [*groups, None, None]
        self.keys = [
            Key(group=named[i], calls=[], rests=[], barred=set(), heard=0, in_a_row=0, begun=0) for i in range(count)
        ]
        self.last = -1

    @rule(gap_s=gaps_s)
    def time_passes(self, gap_s: float) -> None:
        self.now_s += gap_s

    @precondition(lambda self: any(key["rests"] for key in self.keys))
    @rule()
    def a_rest_is_over(self) -> None:
        self.now_s = max(self.now_s, min(self.opens_s(key) for key in self.keys if key["rests"]))

    def rests_until_s(self, key: Key) -> float:
        return max((until_s for until_s, _ in key["rests"]), default=0.0)

    def rests_for(self, key: Key) -> LLMError | None:
        """The reason of the longest rest, and of those the first."""
        longest_s = self.rests_until_s(key)
        return next((why for until_s, why in key["rests"] if until_s == longest_s > 0), None)

    def opens_s(self, key: Key) -> float:
        """A rate limit is followed by calls at a pace that doubles."""
        is_paced = key["begun"] and isinstance(self.rests_for(key), RateLimitExceeded)
        return self.rests_until_s(key) + (PACE_S * log2(1 + key["begun"]) if is_paced else 0.0)

    @rule(model=models, count=st.integers(1, 12))
    def several_ask(self, model: str, count: int) -> None:
        for _ in range(count):
            self.somebody_asks(model)

    @rule(model=models)
    def somebody_asks(self, model: str) -> None:
        before = self.ring
        self.ring, choice = choose(self.ring, model, self.now_s)
        allowed = [key for key in self.keys if model not in key["barred"]]
        is_open = [key for key in allowed if self.opens_s(key) <= self.now_s]
        has_room = sum(len(key["calls"]) for key in self.keys) < self.most_of_all
        free = [key for key in is_open if has_room and len(key["calls"]) < self.most_of_each]
        if free:
            assert isinstance(choice, Chosen)
            key = self.keys[choice.index]
            assert choice == Chosen(self.next_of(free), key["heard"])
            self.last = choice.index
            key["calls"].append(Call(model=model, heard=key["heard"]))
            key["begun"] += self.rests_for(key) is not None and self.now_s - self.rests_until_s(key) < PACED_S
            return
        assert self.ring == before
        limited = [
            self.opens_s(key)
            for key in allowed
            if key not in is_open and isinstance(self.rests_for(key), RateLimitExceeded)
        ]
        if limited or is_open:
            until_s = min(limited, default=None)
            left_s = None if until_s is None else until_s - self.now_s
            why = RateLimitExceeded(model, left_s, "every key rests after a rate limit")
            assert choice == Wait(until_s, bool(is_open), why)
        elif allowed:
            self.the_soonest_recovery_is_told(model, allowed, choice)
        else:
            assert choice == AuthenticationFailed(model, forbidden=True, message="no key may use it")

    def next_of(self, free: list[Key]) -> int:
        """The one after the last one chosen, around the ring."""
        for step in range(1, len(self.keys) + 1):
            index = (self.last + step) % len(self.keys)
            if any(key is self.keys[index] for key in free):
                return index
        raise AssertionError

    def the_soonest_recovery_is_told(self, model: str, resting: list[Key], told: object) -> None:
        soonest = min(resting, key=self.rests_until_s)
        if isinstance(self.rests_for(soonest), QuotaExhausted):
            assert told == QuotaExhausted(model, "every key that may use it is out of quota")
        else:
            assert told == AuthenticationFailed(model, message="gone")

    @precondition(lambda self: any(key["calls"] for key in self.keys))
    @rule(which=st.integers(0, 10**6), error=errors)
    def a_call_ends(self, which: int, error: LLMError | None) -> None:
        calls = [(index, call) for index, key in enumerate(self.keys) for call in key["calls"]]
        index, call = calls[which % len(calls)]
        key = self.keys[index]
        key["calls"].remove(call)
        chosen = Chosen(index, call["heard"])
        self.ring = given_back(self.ring, chosen, call["model"], error, self.now_s, self.settings)
        is_news = call["heard"] == key["heard"]
        if error is None and is_news:
            key["in_a_row"] = 0
        elif error in RESTS:
            key["in_a_row"] += is_news
            key["heard"] += is_news
            self.all_whom_it_concerns_rest(key, self.rest_s(error, max(key["in_a_row"], 1)), error)
        elif error == AuthenticationFailed("m", forbidden=True):
            key["barred"].add(call["model"])

    def rest_s(self, error: LLMError, in_a_row: int) -> float:
        match error:
            case AuthenticationFailed():
                return min(REFUSED_REST_S * 2.0 ** (in_a_row - 1), LONGEST_REFUSED_REST_S)
            case RateLimitExceeded(retry_after_s=asked_s):
                rest_s = self.settings.cool_down_s if asked_s is None else min(asked_s, LONGEST_REST_S)
                if in_a_row == 1:
                    return rest_s
                return max(rest_s, min(self.settings.cool_down_s * 2.0 ** (in_a_row - 2), LONGEST_DOUBLED_REST_S))
            case _:
                return QUOTA_REST_S

    def all_whom_it_concerns_rest(self, told: Key, seconds: float, why: LLMError) -> None:
        """A limit concerns the whole account, a refusal the key alone."""
        for key in self.keys:
            is_of_its_account = told["group"] is not None and key["group"] == told["group"]
            if seconds and (key is told or (is_of_its_account and not isinstance(why, AuthenticationFailed))):
                self.one_rests(key, self.now_s + seconds, why)

    def one_rests(self, key: Key, until_s: float, why: LLMError) -> None:
        """A rest that is no longer than what is left of another one changes nothing."""
        if until_s > self.rests_until_s(key):
            key["rests"].append((until_s, why))
            key["heard"] += 1
            key["begun"] = 0

    @rule(which=st.integers(0, 10**6), seconds=gaps_s, why=st.sampled_from(RESTS))
    def another_process_was_told_that_a_key_must_rest(self, which: int, seconds: float, why: LLMError) -> None:
        index = which % len(self.keys)
        self.ring = rested(self.ring, index, self.now_s + seconds, why)
        self.one_rests(self.keys[index], self.now_s + seconds, why)

    @invariant()
    def the_rows_agree(self) -> None:
        assert sum(key.in_flight for key in self.ring.keys) <= self.most_of_all
        for key, row in zip(self.ring.keys, self.keys, strict=True):
            assert key.in_flight == len(row["calls"]) <= self.most_of_each
            assert (key.rests_until_s, key.rests_for) == (self.rests_until_s(row), self.rests_for(row))
            assert (key.epoch, key.refusals, key.paced) == (row["heard"], row["in_a_row"], row["begun"])
        assert serves_all_alike(self.ring) == (not any(row["barred"] for row in self.keys))


TestKeyRing = pytest.mark.machine(Against.TestCase)
