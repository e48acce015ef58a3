"""Money that may be spent, and what of it is spoken for."""

from __future__ import annotations

from llm_manager.policies.spending import DUST_USD, Spending, reserve, settle


def test_what_is_reserved_is_spoken_for_beside_what_is_spent() -> None:
    assert reserve(Spending(1.0, spent_usd=0.5, reserved_usd=0.125), 0.25) == (Spending(1.0, 0.5, 0.375), True)


def test_the_last_cent_may_be_reserved_and_no_cent_more() -> None:
    almost = Spending(1.0, spent_usd=0.5, reserved_usd=0.25)
    assert reserve(almost, 0.25) == (Spending(1.0, 0.5, 0.5), True)
    assert reserve(almost, 0.26) == (almost, False)


def test_a_rounding_error_is_not_too_much() -> None:
    assert reserve(Spending(0.3, spent_usd=0.1), 0.2)[1]
    assert reserve(Spending(0.0), DUST_USD) == (Spending(0.0, reserved_usd=DUST_USD), True)
    assert reserve(Spending(0.0), 2 * DUST_USD) == (Spending(0.0), False)


def test_a_reservation_gives_way_to_what_was_spent() -> None:
    assert settle(Spending(1.0, spent_usd=0.25, reserved_usd=0.5), 0.25, 0.125) == Spending(1.0, 0.375, 0.25)


def test_what_was_spent_counts_even_if_it_is_more_than_was_reserved() -> None:
    assert settle(Spending(1.0, reserved_usd=0.25), 0.5, 2.0) == Spending(1.0, spent_usd=2.0, reserved_usd=0.0)
