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
    assert choose(ring, "m", 5.0, KEYS) == (ring, RateLimitExceeded("m", 15.0, "every key rests after a rate limit"))


def test_a_key_rests_for_a_day_at_most_whatever_the_vendor_says() -> None:
    ring = given_back(Ring((KeyState(),)), 0, "m", RateLimitExceeded("m", 2.5e11), 0.0, KEYS)
    assert isinstance(choose(ring, "m", 86_399.0, KEYS)[1], RateLimitExceeded)
    assert isinstance(choose(ring, "m", 86_400.0, KEYS)[1], Chosen)


def test_a_refused_key_is_disabled_and_a_forbidden_one_for_its_model() -> None:
    refused = given_back(Ring((KeyState(),)), 0, "m", AuthenticationFailed("m", message="bad key"), 0.0, KEYS)
    assert choose(refused, "m", 9e9, KEYS)[1] == AuthenticationFailed("m", message="bad key")
    forbidden = given_back(Ring((KeyState(),)), 0, "m", AuthenticationFailed("m", forbidden=True), 0.0, KEYS)
    assert choose(forbidden, "m", 0.0, KEYS)[1] == AuthenticationFailed(
        "m", forbidden=True, message="no key may use it"
    )
    assert isinstance(choose(forbidden, "other", 0.0, KEYS)[1], Chosen)


def test_a_key_without_quota_rests_for_an_hour_and_says_why() -> None:
    ring = given_back(Ring((KeyState(),)), 0, "m", QuotaExhausted("m"), 0.0, KEYS)
    assert choose(ring, "m", 3599.0, KEYS)[1] == QuotaExhausted("m", "every key that may use it is out of quota")
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


SLOW_DOWN = RateLimitExceeded("m", 60.0)
NO_QUOTA = QuotaExhausted("m", "no credit")


def test_a_ring_begins_with_its_first_key_and_each_knows_its_account() -> None:
    assert key_ring.ring_of(3, ("a", None)) == Ring((KeyState(group="a"), KeyState(), KeyState()), turn=0)


def test_the_turn_passes_on_from_the_key_that_was_chosen() -> None:
    ring = Ring((KeyState(), KeyState(rests_until_s=9.0), KeyState(in_flight=1, group="a")), turn=1)
    after = Ring((KeyState(), KeyState(rests_until_s=9.0), KeyState(in_flight=2, group="a")), turn=0)
    assert choose(ring, "m", 8.0, KEYS) == (after, Chosen(2))


def test_a_key_rests_until_its_moment_and_not_a_moment_longer() -> None:
    ring = Ring((KeyState(rests_until_s=9.0, rests_for=SLOW_DOWN),))
    assert isinstance(choose(ring, "m", 8.999, KEYS)[1], RateLimitExceeded)
    assert choose(ring, "m", 9.0, KEYS)[1] == Chosen(0)


def test_who_finds_every_healthy_key_in_use_is_to_wait_and_the_ring_stays_as_it_is() -> None:
    ring = Ring((KeyState(in_flight=5), KeyState(rests_until_s=9.0, rests_for=SLOW_DOWN)))
    assert choose(ring, "m", 0.0, KEYS) == (ring, Busy())
    assert choose(Ring((KeyState(in_flight=5), KeyState())), "m", 0.0, KEYS)[1] == Chosen(1)


def test_the_key_that_recovers_first_says_why_all_are_waited_for() -> None:
    resting = KeyState(rests_until_s=20.0, rests_for=SLOW_DOWN)
    quota = KeyState(rests_until_s=30.0, rests_for=NO_QUOTA)
    assert isinstance(choose(Ring((quota, resting)), "m", 0.0, KEYS)[1], RateLimitExceeded)
    assert isinstance(choose(Ring((resting, replace(quota, rests_until_s=10.0))), "m", 0.0, KEYS)[1], QuotaExhausted)


def test_a_key_that_may_not_be_used_is_no_recovery_to_wait_for() -> None:
    refused = KeyState(refused=AuthenticationFailed("m", message="bad key"))
    forbidden = KeyState(forbidden=frozenset({"m"}))
    resting = KeyState(rests_until_s=20.0, rests_for=SLOW_DOWN)
    assert choose(Ring((refused, forbidden, resting)), "m", 0.0, KEYS)[1] == RateLimitExceeded(
        "m", 20.0, "every key rests after a rate limit"
    )
    assert choose(Ring((forbidden, refused)), "m", 0.0, KEYS)[1] == AuthenticationFailed(
        "m", forbidden=True, message="bad key"
    )
    silent = KeyState(refused=AuthenticationFailed("m"))
    assert choose(Ring((silent,)), "m", 0.0, KEYS)[1] == AuthenticationFailed("m", message="no key may use it")


def test_without_a_word_about_the_time_a_key_rests_as_configured() -> None:
    told = given_back(Ring((KeyState(in_flight=2),)), 0, "m", RateLimitExceeded("m"), 5.0, KEYS)
    rests = KeyState(in_flight=1, rests_until_s=6.0, rests_for=RateLimitExceeded("m"))
    assert told == Ring((rests,))


def test_what_is_said_of_a_key_changes_it_alone_and_passes_no_turn() -> None:
    ring = Ring((KeyState(in_flight=1), KeyState(in_flight=3, forbidden=frozenset({"x"})), KeyState()), turn=2)

    def after(key: KeyState) -> Ring:
        return Ring((KeyState(in_flight=1), key, KeyState()), turn=2)

    refused, forbidden = AuthenticationFailed("m"), AuthenticationFailed("m", forbidden=True)
    key = KeyState(in_flight=2, forbidden=frozenset({"x"}))
    assert given_back(ring, 1, "m", None, 5.0, KEYS) == after(key)
    assert given_back(ring, 1, "m", NetworkError("m"), 5.0, KEYS) == after(key)
    assert given_back(ring, 1, "m", refused, 5.0, KEYS) == after(replace(key, refused=refused))
    assert given_back(ring, 1, "m", forbidden, 5.0, KEYS) == after(replace(key, forbidden=frozenset({"x", "m"})))
    assert given_back(ring, 1, "m", SLOW_DOWN, 5.0, KEYS) == after(
        replace(key, rests_until_s=65.0, rests_for=SLOW_DOWN)
    )
    assert given_back(ring, 1, "m", NO_QUOTA, 5.0, KEYS) == after(
        replace(key, rests_until_s=3605.0, rests_for=NO_QUOTA)
    )


def test_an_account_without_quota_rests_as_a_whole_and_each_of_its_keys_keeps_its_longer_rest() -> None:
    ring = Ring((KeyState(group="a"), KeyState(group="b"), KeyState(group="a", rests_until_s=9e9)), turn=1)
    rests = KeyState(group="a", rests_until_s=3600.0, rests_for=NO_QUOTA)
    assert given_back(ring, 0, "m", NO_QUOTA, 0.0, KEYS) == Ring((rests, *ring.keys[1:]), turn=1)


def test_what_another_process_was_told_of_a_key_holds_here_unless_it_rests_longer_already() -> None:
    ring = Ring((KeyState(), KeyState(rests_until_s=10.0, rests_for=NO_QUOTA)), turn=1)
    told = Ring((KeyState(), KeyState(rests_until_s=20.0, rests_for=SLOW_DOWN)), turn=1)
    assert key_ring.rested(ring, 1, 20.0, SLOW_DOWN) == told
    assert key_ring.rested(ring, 1, 10.0, SLOW_DOWN) == ring
    assert key_ring.rested(ring, 0, 5.0, SLOW_DOWN) == Ring(
        (KeyState(rests_until_s=5.0, rests_for=SLOW_DOWN), ring.keys[1]), turn=1
    )


def test_models_are_served_alike_until_a_key_is_forbidden_to_one() -> None:
    assert key_ring.serves_all_alike(Ring((KeyState(), KeyState(rests_until_s=9.0))))
    assert not key_ring.serves_all_alike(Ring((KeyState(), KeyState(forbidden=frozenset({"m"})))))


def test_more_calls_given_back_than_were_begun_count_as_none() -> None:
    assert given_back(Ring((KeyState(),)), 0, "m", None, 0.0, KEYS) == Ring((KeyState(in_flight=0),))
