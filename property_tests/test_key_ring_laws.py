"""The key ring against a plain model: a list of dicts, and every question answered by looking through all of it."""

from __future__ import annotations

from typing import TypedDict

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llm_manager.domain.errors import AuthenticationFailed, LLMError, NetworkError, QuotaExhausted, RateLimitExceeded
from llm_manager.domain.settings import KeySettings
from llm_manager.policies.key_ring import (
    LONGEST_REST_S,
    QUOTA_REST_S,
    Busy,
    Chosen,
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
)
REFUSALS: tuple[LLMError, ...] = (AuthenticationFailed("m", forbidden=True), AuthenticationFailed("m", message="gone"))
models = st.sampled_from(["m", "other"])
errors: st.SearchStrategy[LLMError | None] = st.sampled_from([None, NetworkError("m"), *RESTS, *REFUSALS])
settings_of_keys = st.builds(
    KeySettings, max_connections_per_key=st.sampled_from([1, 2, 5]), cool_down_s=st.sampled_from([0.0, 3.0])
)


class Key(TypedDict):
    """What is remembered of one key. *rests* are all that it was ever told to take: (until when, why)."""

    group: str | None
    calls: list[str]
    rests: list[tuple[float, LLMError]]
    refused: list[AuthenticationFailed]
    barred: set[str]


class Against(RuleBasedStateMachine):
    """The model: a row for each key, and who was chosen last."""

    @initialize(settings=settings_of_keys, groups=st.lists(st.sampled_from(["ours", "theirs", None]), max_size=4))
    def begins(self, settings: KeySettings, groups: list[str | None]) -> None:
        count = max(len(groups), 1) + len(groups) % 2  # some have no group because the list stops early
        self.settings = settings
        self.ring = ring_of(count, groups)
        self.now_s = 0.0
        named = [*groups, None, None]
        self.keys = [Key(group=named[i], calls=[], rests=[], refused=[], barred=set()) for i in range(count)]
        self.last = -1

    @rule(gap_s=gaps_s)
    def time_passes(self, gap_s: float) -> None:
        self.now_s += gap_s

    @precondition(lambda self: any(key["rests"] for key in self.keys))
    @rule()
    def a_rest_is_over(self) -> None:
        self.now_s = max(self.now_s, min(self.rests_until_s(key) for key in self.keys if key["rests"]))

    def rests_until_s(self, key: Key) -> float:
        return max((until_s for until_s, _ in key["rests"]), default=0.0)

    def rests_for(self, key: Key) -> LLMError | None:
        """The reason of the longest rest, and of those the first."""
        longest_s = self.rests_until_s(key)
        return next((why for until_s, why in key["rests"] if until_s == longest_s > 0), None)

    @rule(model=models, count=st.integers(1, 12))
    def several_ask(self, model: str, count: int) -> None:
        for _ in range(count):
            self.somebody_asks(model)

    @rule(model=models)
    def somebody_asks(self, model: str) -> None:
        before = self.ring
        self.ring, choice = choose(self.ring, model, self.now_s, self.settings)
        allowed = [key for key in self.keys if not key["refused"] and model not in key["barred"]]
        healthy = [key for key in allowed if self.rests_until_s(key) <= self.now_s]
        free = [key for key in healthy if len(key["calls"]) < self.settings.max_connections_per_key]
        if free:
            assert isinstance(choice, Chosen)
            assert choice.index == self.next_of(free)
            self.last = choice.index
            self.keys[choice.index]["calls"].append(model)
            return
        assert self.ring == before
        if healthy:
            assert choice == Busy()
        elif allowed:
            self.the_soonest_recovery_is_told(model, allowed, choice)
        else:
            said = [each.message for key in self.keys for each in key["refused"][:1]]
            forbidden = any(model in key["barred"] for key in self.keys)
            expected = (said or [""])[0] or "no key may use it"
            assert choice == AuthenticationFailed(model, forbidden=forbidden, message=expected)

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
            wait_s = self.rests_until_s(soonest) - self.now_s
            assert told == RateLimitExceeded(model, wait_s, "every key rests after a rate limit")

    @precondition(lambda self: any(key["calls"] for key in self.keys))
    @rule(which=st.integers(0, 10**6), error=errors)
    def a_call_ends(self, which: int, error: LLMError | None) -> None:
        calls = [(index, model) for index, key in enumerate(self.keys) for model in key["calls"]]
        index, model = calls[which % len(calls)]
        self.keys[index]["calls"].remove(model)
        self.ring = given_back(self.ring, index, model, error, self.now_s, self.settings)
        key = self.keys[index]
        match error:
            case AuthenticationFailed(forbidden=True):
                key["barred"].add(model)
            case AuthenticationFailed():
                key["refused"].insert(0, error)
            case QuotaExhausted():
                self.all_of_one_account_rest(key, QUOTA_REST_S, error)
            case RateLimitExceeded(retry_after_s=asked_s):
                rest_s = self.settings.cool_down_s if asked_s is None else min(asked_s, LONGEST_REST_S)
                self.all_of_one_account_rest(key, rest_s, error)
            case _:
                pass

    def all_of_one_account_rest(self, told: Key, seconds: float, why: LLMError) -> None:
        for key in self.keys:
            if key is told or (told["group"] is not None and key["group"] == told["group"]):
                key["rests"].append((self.now_s + seconds, why))

    @rule(which=st.integers(0, 10**6), seconds=gaps_s, why=st.sampled_from(RESTS))
    def another_process_was_told_that_a_key_must_rest(self, which: int, seconds: float, why: LLMError) -> None:
        index = which % len(self.keys)
        self.ring = rested(self.ring, index, self.now_s + seconds, why)
        self.keys[index]["rests"].append((self.now_s + seconds, why))

    @invariant()
    def the_rows_agree(self) -> None:
        for key, row in zip(self.ring.keys, self.keys, strict=True):
            assert key.in_flight == len(row["calls"]) <= self.settings.max_connections_per_key
            assert key.rests_until_s == self.rests_until_s(row)
            assert key.rests_for == self.rests_for(row)
        assert serves_all_alike(self.ring) == (not any(row["barred"] for row in self.keys))


TestKeyRing = pytest.mark.machine(Against.TestCase)
