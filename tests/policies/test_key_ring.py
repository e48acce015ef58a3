"""Whose turn it is among the keys, and what a provider said about each."""

from __future__ import annotations

from dataclasses import replace

from llm_manager.domain.errors import AuthenticationFailed, NetworkError, QuotaExhausted, RateLimitExceeded
from llm_manager.domain.settings import KeySettings
from llm_manager.policies import key_ring
from llm_manager.policies.key_ring import Busy, Chosen, KeyState, Ring, choose, given_back

KEYS = KeySettings()


def test_keys_take_turns() -> None:
    ring = Ring((KeyState(), KeyState(), KeyState()))
    order: list[int] = []
    for _ in range(4):
        ring, choice = choose(ring, "m", 0.0, KEYS)
        assert isinstance(choice, Chosen)
        order.append(choice.index)
    assert order == [0, 1, 2, 0]


def test_a_key_has_five_calls_in_flight_at_most() -> None:
    ring, choice = choose(Ring((KeyState(in_flight=5),)), "m", 0.0, KEYS)
    assert isinstance(choice, Busy)
    assert isinstance(choose(given_back(ring, 0, "m", None, 0.0, KEYS), "m", 0.0, KEYS)[1], Chosen)


def test_a_key_that_rests_is_passed_over_and_the_longer_rest_wins() -> None:
    ring = Ring((KeyState(), KeyState()))
    ring = given_back(ring, 0, "m", RateLimitExceeded("m", 60.0), 0.0, KEYS)
    ring = given_back(ring, 0, "m", RateLimitExceeded("m", 5.0), 1.0, KEYS)
    assert choose(ring, "m", 10.0, KEYS)[1] == Chosen(1)
    assert choose(replace(ring, turn=0), "m", 61.0, KEYS)[1] == Chosen(0)


def test_when_all_rest_the_soonest_recovery_is_told() -> None:
    ring = given_back(Ring((KeyState(), KeyState())), 0, "m", RateLimitExceeded("m", 60.0), 0.0, KEYS)
    ring = given_back(ring, 1, "m", RateLimitExceeded("m", 20.0), 0.0, KEYS)
    refusal = choose(ring, "m", 5.0, KEYS)[1]
    assert isinstance(refusal, RateLimitExceeded)
    assert refusal.retry_after_s == 15.0


def test_a_key_rests_for_a_day_at_most_whatever_the_vendor_says() -> None:
    ring = given_back(Ring((KeyState(),)), 0, "m", RateLimitExceeded("m", 2.5e11), 0.0, KEYS)
    assert isinstance(choose(ring, "m", 86_399.0, KEYS)[1], RateLimitExceeded)
    assert isinstance(choose(ring, "m", 86_400.0, KEYS)[1], Chosen)


def test_a_refused_key_is_disabled_and_a_forbidden_one_for_its_model() -> None:
    refused = given_back(Ring((KeyState(),)), 0, "m", AuthenticationFailed("m", message="bad key"), 0.0, KEYS)
    assert choose(refused, "m", 9e9, KEYS)[1] == AuthenticationFailed("m", message="bad key")
    forbidden = given_back(Ring((KeyState(),)), 0, "m", AuthenticationFailed("m", forbidden=True), 0.0, KEYS)
    assert isinstance(choose(forbidden, "m", 0.0, KEYS)[1], AuthenticationFailed)
    assert isinstance(choose(forbidden, "other", 0.0, KEYS)[1], Chosen)


def test_a_key_without_quota_rests_for_an_hour_and_says_why() -> None:
    ring = given_back(Ring((KeyState(),)), 0, "m", QuotaExhausted("m"), 0.0, KEYS)
    assert isinstance(choose(ring, "m", 3599.0, KEYS)[1], QuotaExhausted)
    assert isinstance(choose(ring, "m", key_ring.QUOTA_REST_S, KEYS)[1], Chosen)


def test_keys_of_one_account_rest_together_and_those_of_another_do_not() -> None:
    ring = given_back(key_ring.ring_of(4, ("a", "b", "a")), 0, "m", RateLimitExceeded("m", 60.0), 0.0, KEYS)
    assert [key.rests_until_s for key in ring.keys] == [60.0, 0.0, 60.0, 0.0]
    ring = given_back(ring, 3, "m", RateLimitExceeded("m", 5.0), 0.0, KEYS)
    assert [key.rests_until_s for key in ring.keys] == [60.0, 0.0, 60.0, 5.0]


def test_a_key_refused_for_itself_leaves_the_others_of_its_account_alone() -> None:
    ring = given_back(key_ring.ring_of(2, ("a", "a")), 0, "m", AuthenticationFailed("m"), 0.0, KEYS)
    assert choose(ring, "m", 0.0, KEYS)[1] == Chosen(1)


def test_an_error_of_the_network_says_nothing_about_the_key() -> None:
    ring = given_back(Ring((KeyState(in_flight=1),)), 0, "m", NetworkError("m"), 0.0, KEYS)
    assert ring == Ring((KeyState(),))
