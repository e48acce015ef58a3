"""However a text is made, o200k makes no fewer tokens of it than is said, and no more."""

from __future__ import annotations

import string
import warnings

from hypothesis import given, settings
from hypothesis import strategies as st

from llm_manager import token_range

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it opens its data as Python 3.11 advises against
    from bpe_openai import get_encoding  # pyright: ignore[reportMissingTypeStubs]

    O200K = get_encoding("o200k_base")

VOCABULARY = [text for number in range(0, 199_000, 7) if "\ufffd" not in (text := O200K.decode([number]))]


def _again(text: str, times: int) -> str:
    return text * times


words = st.sampled_from(VOCABULARY)
letters = st.text("etaoinshrdlu ", max_size=300)
ascii_ = st.text(string.printable, max_size=300)
unicode_ = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
runs = st.builds(_again, st.text(string.printable, min_size=1, max_size=4), st.integers(1, 400))
tables = st.lists(st.lists(st.floats(0, 999).map("{:.3f}".format), min_size=1, max_size=6).map(",".join)).map("\n".join)
told = st.lists(words, max_size=60).map("".join)
again = st.builds(_again, words, st.integers(1, 100))
texts = st.lists(st.one_of(letters, ascii_, unicode_, runs, tables, told, again), max_size=4).map("".join)


@settings(max_examples=500)
@given(texts)
def test_the_interval_holds_what_o200k_counts(text: str) -> None:
    count = len(O200K.encode_ordinary(text))
    for model in ("gpt-5.4", None):
        low, likely, high = token_range(text, model)
        assert low <= count <= high
        assert low <= likely <= high
