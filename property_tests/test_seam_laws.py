"""Laws of going on where a model broke off."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.policies.continuation import SMALLEST_OVERLAP, Seam

texts = st.text("ab c.", min_size=1, max_size=30)
pieces = st.lists(st.text("ab c.", max_size=6), max_size=8)


def told(before: str, after: list[str]) -> list[str]:
    seam = Seam(before)
    return [*(seam.feed(piece) for piece in after), seam.close()]


@given(texts, pieces)
def test_what_is_told_is_an_end_of_what_came(before: str, after: list[str]) -> None:
    """Nothing is made up and nothing is left out in the middle: only a beginning is, and only one said before."""
    whole, new = "".join(after), "".join(told(before, after))
    assert whole.endswith(new)
    left_out = whole[: len(whole) - len(new)]
    assert left_out in before
    assert len(left_out) in {0, len(before)} or len(left_out) >= SMALLEST_OVERLAP


@given(texts, pieces, st.integers(min_value=1, max_value=5))
def test_how_it_comes_in_pieces_changes_nothing(before: str, after: list[str], size: int) -> None:
    whole = "".join(after)
    cut = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert "".join(told(before, after)) == "".join(told(before, cut))


@given(texts, pieces)
def test_the_whole_text_begun_again_is_never_told_twice(before: str, after: list[str]) -> None:
    rest = "".join(after)
    assert "".join(told(before, [before + rest])) == rest
