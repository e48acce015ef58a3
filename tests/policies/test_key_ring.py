"""Whose turn it is among the keys, and what a provider said about each."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import pytest

from llm_manager.domain.errors import AuthenticationFailed, NetworkError, QuotaExhausted, RateLimitExceeded
from llm_manager.domain.settings import KeySettings
from llm_manager.policies import key_ring
from llm_manager.policies.key_ring import PACE_S, PACED_S, Chosen, KeyState, Ring, Wait, choose, given_back

KEYS = KeySettings()
WHY = "every key rests after a rate limit"


def resting(until_s: float, now_s: float, *, is_busy: bool = False) -> Wait:
    """What is said at *now_s* when the soonest key for "m" opens at *until_s*."""
    return Wait(until_s, is_busy, RateLimitExceeded("m", until_s - now_s, WHY))


BUSY = Wait(None, is_busy=True, why=RateLimitExceeded("m", None, WHY))


def test_keys_take_turns() -> None:
    ring = Ring((KeyState(), KeyState(), KeyState()))
    order: list[int] = []
    for _ in range(4):
        ring, choice = choose(ring, "m", 0.0)
        assert isinstance(choice, Chosen)
        order.append(choice.index)
    assert order == [0, 1, 2, 0]


def test_a_key_has_so_many_calls_in_flight_at_most() -> None:
    ring, choice = choose(Ring((KeyState(in_flight=5),), most_of_each=5), "m", 0.0)
    assert choice == BUSY
    assert choose(given_back(ring, Chosen(0), "m", None, 0.0, KEYS), "m", 0.0)[1] == Chosen(0)
    assert choose(Ring((KeyState(in_flight=500),)), "m", 0.0)[1] == Chosen(0)


def test_all_keys_together_have_so_many_calls_in_flight_at_most() -> None:
    keys = (KeyState(in_flight=2), KeyState(in_flight=1))
    assert choose(Ring(keys, most_of_each=5, most_of_all=3), "m", 0.0)[1] == BUSY
    assert choose(Ring(keys, most_of_each=5, most_of_all=4), "m", 0.0)[1] == Chosen(0)


def test_a_key_that_rests_is_passed_over_and_the_longer_rest_wins() -> None:
    ring = Ring((KeyState(), KeyState()))
    ring = given_back(ring, Chosen(0), "m", RateLimitExceeded("m", 60.0), 0.0, KEYS)
    ring = given_back(ring, Chosen(0), "m", RateLimitExceeded("m", 5.0), 1.0, KEYS)
    assert choose(ring, "m", 10.0)[1] == Chosen(1)
    assert choose(replace(ring, turn=0), "m", 61.0)[1] == Chosen(0, epoch=2)


def test_when_all_rest_the_soonest_is_waited_for() -> None:
    ring = given_back(Ring((KeyState(), KeyState())), Chosen(0), "m", RateLimitExceeded("m", 60.0), 0.0, KEYS)
    ring = given_back(ring, Chosen(1), "m", RateLimitExceeded("m", 20.0), 0.0, KEYS)
    assert choose(ring, "m", 5.0) == (ring, resting(20.0, 5.0))


def test_a_key_rests_for_a_day_at_most_whatever_the_vendor_says() -> None:
    ring = given_back(Ring((KeyState(),)), Chosen(0), "m", RateLimitExceeded("m", 2.5e11), 0.0, KEYS)
    assert choose(ring, "m", 86_399.0)[1] == resting(86_400.0, 86_399.0)
    assert isinstance(choose(ring, "m", 86_400.0)[1], Chosen)


def test_a_refused_key_rests_for_a_minute_which_doubles_up_to_an_hour() -> None:
    ring, rests, now_s = Ring((KeyState(),)), list[float](), 0.0
    for _ in range(8):
        ring, choice = choose(ring, "m", now_s)
        assert isinstance(choice, Chosen)
        ring = given_back(ring, choice, "m", AuthenticationFailed("m", message="bad key"), now_s, KEYS)
        until_s = ring.keys[0].rests_until_s
        assert choose(ring, "m", until_s - 0.001)[1] == AuthenticationFailed("m", message="bad key")
        rests.append(until_s - now_s)
        now_s = until_s
    assert rests == [60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 3600.0, 3600.0]


def test_a_success_ends_a_run_of_refusals() -> None:
    ring = given_back(Ring((KeyState(),)), Chosen(0), "m", AuthenticationFailed("m"), 0.0, KEYS)
    ring, choice = choose(ring, "m", 60.0)
    assert isinstance(choice, Chosen)
    ring, again = choose(given_back(ring, choice, "m", None, 61.0, KEYS), "m", 62.0)
    assert isinstance(again, Chosen)
    assert given_back(ring, again, "m", AuthenticationFailed("m"), 62.0, KEYS).keys[0].rests_until_s == 122.0


def test_calls_that_were_under_way_together_are_refused_once() -> None:
    """The fifth answer of 401 to five calls that began before the first says nothing new of their key."""
    ring, chosen = Ring((KeyState(),)), list[Chosen]()
    for _ in range(5):
        ring, choice = choose(ring, "m", 0.0)
        assert isinstance(choice, Chosen)
        chosen.append(choice)
    for each in chosen:
        ring = given_back(ring, each, "m", AuthenticationFailed("m"), 1.0, KEYS)
    assert ring.keys[0].rests_until_s == 61.0


def test_the_success_of_a_call_that_began_before_a_refusal_does_not_end_its_rest() -> None:
    ring, early = choose(Ring((KeyState(),)), "m", 0.0)
    ring, late = choose(ring, "m", 0.0)
    assert isinstance(early, Chosen)
    assert isinstance(late, Chosen)
    refused = given_back(ring, early, "m", AuthenticationFailed("m"), 1.0, KEYS)
    ring = given_back(refused, late, "m", None, 2.0, KEYS)
    assert ring == Ring((replace(refused.keys[0], in_flight=0),))


def test_a_key_that_is_limited_again_and_again_rests_longer_than_is_asked_for_up_to_a_minute() -> None:
    ring, rests, now_s = Ring((KeyState(),)), list[float](), 0.0
    for _ in range(9):
        ring, choice = choose(ring, "m", now_s)
        assert isinstance(choice, Chosen)
        ring = given_back(ring, choice, "m", RateLimitExceeded("m", 0.25), now_s, KEYS)
        rests.append(ring.keys[0].rests_until_s - now_s)
        now_s = ring.keys[0].rests_until_s
    assert rests == pytest.approx([0.25, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0])


def test_after_a_rest_calls_begin_at_a_pace_that_doubles() -> None:
    ring = given_back(Ring((KeyState(in_flight=1),)), Chosen(0), "m", RateLimitExceeded("m", 9.0), 0.0, KEYS)
    moments = list[float]()
    now_s = 9.0
    while now_s < 9.0 + PACED_S / 2:
        ring, choice = choose(ring, "m", now_s)
        if isinstance(choice, Wait):
            assert choice.until_s is not None
            now_s = choice.until_s
        else:
            moments.append(round(now_s - 9.0, 9))
    assert moments == [round(PACE_S * log2(number), 9) for number in range(1, 32)]


def test_a_while_after_a_rest_nothing_is_paced() -> None:
    key = KeyState(rests_until_s=9.0, rests_for=SLOW_DOWN)
    ring, choice = choose(Ring((key,)), "m", 9.0 + PACED_S)
    assert (ring, choice) == (Ring((replace(key, in_flight=1),)), Chosen(0))
    assert choose(ring, "m", 9.0 + PACED_S)[1] == Chosen(0)


def test_a_forbidden_key_is_disabled_for_its_model() -> None:
    forbidden = given_back(Ring((KeyState(),)), Chosen(0), "m", AuthenticationFailed("m", forbidden=True), 0.0, KEYS)
    assert choose(forbidden, "m", 0.0)[1] == AuthenticationFailed("m", forbidden=True, message="no key may use it")
    assert isinstance(choose(forbidden, "other", 0.0)[1], Chosen)


def test_a_key_without_quota_rests_for_an_hour_and_says_why() -> None:
    ring = given_back(Ring((KeyState(),)), Chosen(0), "m", QuotaExhausted("m"), 0.0, KEYS)
    assert choose(ring, "m", 3599.0)[1] == QuotaExhausted("m", "every key that may use it is out of quota")
    assert isinstance(choose(ring, "m", key_ring.QUOTA_REST_S)[1], Chosen)


def test_keys_of_one_account_rest_together_and_those_of_another_do_not() -> None:
    ring = given_back(key_ring.ring_of(4, ("a", "b", "a")), Chosen(0), "m", RateLimitExceeded("m", 60.0), 0.0, KEYS)
    assert [key.rests_until_s for key in ring.keys] == [60.0, 0.0, 60.0, 0.0]
    ring = given_back(ring, Chosen(3), "m", RateLimitExceeded("m", 5.0), 0.0, KEYS)
    assert [key.rests_until_s for key in ring.keys] == [60.0, 0.0, 60.0, 5.0]


def test_a_key_refused_for_itself_leaves_the_others_of_its_account_alone() -> None:
    ring = given_back(key_ring.ring_of(2, ("a", "a")), Chosen(0), "m", AuthenticationFailed("m"), 0.0, KEYS)
    assert choose(ring, "m", 0.0)[1] == Chosen(1)


def test_an_error_of_the_network_says_nothing_about_the_key() -> None:
    ring = given_back(Ring((KeyState(in_flight=1),)), Chosen(0), "m", NetworkError("m"), 0.0, KEYS)
    assert ring == Ring((KeyState(),))


SLOW_DOWN = RateLimitExceeded("m", 60.0)
NO_QUOTA = QuotaExhausted("m", "no credit")


def test_a_ring_begins_with_its_first_key_and_each_knows_its_account() -> None:
    assert key_ring.ring_of(3, ("a", None)) == Ring((KeyState(group="a"), KeyState(), KeyState()), turn=0)


def test_the_turn_passes_on_from_the_key_that_was_chosen() -> None:
    ring = Ring((KeyState(), KeyState(rests_until_s=9.0), KeyState(in_flight=1, group="a")), turn=1)
    after = Ring((KeyState(), KeyState(rests_until_s=9.0), KeyState(in_flight=2, group="a")), turn=0)
    assert choose(ring, "m", 8.0) == (after, Chosen(2))


def test_a_key_rests_until_its_moment_and_not_a_moment_longer() -> None:
    ring = Ring((KeyState(rests_until_s=9.0, rests_for=SLOW_DOWN),))
    assert choose(ring, "m", 8.999)[1] == resting(9.0, 8.999)
    assert choose(ring, "m", 9.0)[1] == Chosen(0)


def test_who_finds_every_healthy_key_in_use_waits_for_a_call_or_a_rest_to_end_and_the_ring_stays_as_it_is() -> None:
    ring = Ring((KeyState(in_flight=5), KeyState(rests_until_s=9.0, rests_for=SLOW_DOWN)), most_of_each=5)
    assert choose(ring, "m", 0.0) == (ring, resting(9.0, 0.0, is_busy=True))
    assert choose(Ring((KeyState(in_flight=5), KeyState()), most_of_each=5), "m", 0.0)[1] == Chosen(1)


def test_a_rate_limit_is_waited_for_and_of_other_rests_the_one_that_ends_first_is_told() -> None:
    limited = KeyState(rests_until_s=20.0, rests_for=SLOW_DOWN)
    quota = KeyState(rests_until_s=10.0, rests_for=NO_QUOTA)
    refused = KeyState(rests_until_s=30.0, rests_for=AuthenticationFailed("m", message="bad key"))
    assert choose(Ring((quota, limited, refused)), "m", 0.0)[1] == resting(20.0, 0.0)
    assert choose(Ring((refused, quota)), "m", 0.0)[1] == QuotaExhausted(
        "m", "every key that may use it is out of quota"
    )
    assert choose(Ring((refused, replace(quota, rests_until_s=40.0))), "m", 0.0)[1] == AuthenticationFailed(
        "m", message="bad key"
    )


def test_a_key_that_may_not_be_used_is_no_recovery_to_wait_for() -> None:
    forbidden = KeyState(rests_until_s=9.0, rests_for=SLOW_DOWN, forbidden=frozenset({"m"}))
    limited = KeyState(rests_until_s=20.0, rests_for=SLOW_DOWN)
    assert choose(Ring((forbidden, limited)), "m", 0.0)[1] == resting(20.0, 0.0)
    assert choose(Ring((forbidden,)), "m", 0.0)[1] == AuthenticationFailed(
        "m", forbidden=True, message="no key may use it"
    )
    refused = KeyState(rests_until_s=60.0, rests_for=AuthenticationFailed("m"))
    assert choose(Ring((forbidden, refused)), "m", 0.0)[1] == AuthenticationFailed("m")


def test_without_a_word_about_the_time_a_key_rests_as_configured() -> None:
    told = given_back(Ring((KeyState(in_flight=2),)), Chosen(0), "m", RateLimitExceeded("m"), 5.0, KEYS)
    rests = KeyState(in_flight=1, rests_until_s=6.0, rests_for=RateLimitExceeded("m"), refusals=1, epoch=2)
    assert told == Ring((rests,))


def test_what_is_said_of_a_key_changes_it_alone_and_passes_no_turn() -> None:
    ring = Ring((KeyState(in_flight=1), KeyState(in_flight=3, forbidden=frozenset({"x"})), KeyState()), turn=2)

    def after(key: KeyState) -> Ring:
        return Ring((KeyState(in_flight=1), key, KeyState()), turn=2)

    refused, forbidden = AuthenticationFailed("m"), AuthenticationFailed("m", forbidden=True)
    key = KeyState(in_flight=2, forbidden=frozenset({"x"}))
    assert given_back(ring, Chosen(1), "m", None, 5.0, KEYS) == after(key)
    assert given_back(ring, Chosen(1), "m", NetworkError("m"), 5.0, KEYS) == after(key)
    told = replace(key, refusals=1, epoch=2)
    assert given_back(ring, Chosen(1), "m", refused, 5.0, KEYS) == after(
        replace(told, rests_until_s=65.0, rests_for=refused)
    )
    assert given_back(ring, Chosen(1), "m", forbidden, 5.0, KEYS) == after(
        replace(key, forbidden=frozenset({"x", "m"}))
    )
    assert given_back(ring, Chosen(1), "m", SLOW_DOWN, 5.0, KEYS) == after(
        replace(told, rests_until_s=65.0, rests_for=SLOW_DOWN)
    )
    assert given_back(ring, Chosen(1), "m", NO_QUOTA, 5.0, KEYS) == after(
        replace(told, rests_until_s=3605.0, rests_for=NO_QUOTA)
    )
    assert given_back(ring, Chosen(1), "m", RateLimitExceeded("m", 9.0, local=True), 5.0, KEYS) == after(key)


def test_an_account_without_quota_rests_as_a_whole_and_each_of_its_keys_keeps_its_longer_rest() -> None:
    ring = Ring((KeyState(group="a"), KeyState(group="b"), KeyState(group="a", rests_until_s=9e9)), turn=1)
    rests = KeyState(group="a", rests_until_s=3600.0, rests_for=NO_QUOTA, refusals=1, epoch=2)
    assert given_back(ring, Chosen(0), "m", NO_QUOTA, 0.0, KEYS) == Ring((rests, *ring.keys[1:]), turn=1)
    short = replace(ring, keys=(*ring.keys[:2], KeyState(group="a", refusals=3, epoch=7, paced=2)))
    too = KeyState(group="a", rests_until_s=3600.0, rests_for=NO_QUOTA, refusals=3, epoch=8)
    assert given_back(short, Chosen(0), "m", NO_QUOTA, 0.0, KEYS) == Ring((rests, ring.keys[1], too), turn=1)


def test_what_another_process_was_told_of_a_key_holds_here_unless_it_rests_longer_already() -> None:
    ring = Ring((KeyState(), KeyState(rests_until_s=10.0, rests_for=NO_QUOTA)), turn=1)
    told = Ring((KeyState(), KeyState(rests_until_s=20.0, rests_for=SLOW_DOWN, epoch=1)), turn=1)
    assert key_ring.rested(ring, 1, 20.0, SLOW_DOWN) == told
    assert key_ring.rested(ring, 1, 10.0, SLOW_DOWN) == ring
    assert key_ring.rested(ring, 0, 5.0, SLOW_DOWN) == Ring(
        (KeyState(rests_until_s=5.0, rests_for=SLOW_DOWN, epoch=1), ring.keys[1]), turn=1
    )


def test_models_are_served_alike_until_a_key_is_forbidden_to_one() -> None:
    assert key_ring.serves_all_alike(Ring((KeyState(), KeyState(rests_until_s=9.0))))
    assert not key_ring.serves_all_alike(Ring((KeyState(), KeyState(forbidden=frozenset({"m"})))))


def test_more_calls_given_back_than_were_begun_count_as_none() -> None:
    assert given_back(Ring((KeyState(),)), Chosen(0), "m", None, 0.0, KEYS) == Ring((KeyState(in_flight=0),))
