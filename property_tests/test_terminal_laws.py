"""What is drawn on a terminal: it obeys nothing of it, and no line of a column is wider than the column."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from llm_manager.cli.cells import cells, cropped, padded, wrapped
from llm_manager.domain.sanitize import escape_control_chars

TEXTS = st.text(st.characters(codec=None)) | st.text(
    alphabet="ab 天空👍🏽👩\u200d\u0301\n\t\x1b\r\x9b\u202e\u2066\u2069\u200f\u061c\u2028\ud800"
)
REORDERING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
MARKS = "\u200e\u200f\u061c"


@given(TEXTS)
def test_nothing_that_steers_a_terminal_is_shown_on_one(text: str) -> None:
    shown = escape_control_chars(text)
    assert {char for char in shown if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")} <= {"\n", "\t"}
    assert not {char for char in shown if unicodedata.bidirectional(char) in REORDERING or char in MARKS}
    assert escape_control_chars(shown) == shown
    shown.encode()


PLAIN = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Zl", "Zp"]))


@given(PLAIN | st.just("👩\u200d💻 \u0645\u06cc\u200c"))
def test_what_steers_nothing_is_shown_as_it_is(text: str) -> None:
    assert escape_control_chars(text) == text


@given(TEXTS, st.integers(min_value=2, max_value=20))
def test_a_column_keeps_its_width_and_every_letter(text: str, width: int) -> None:
    rows = wrapped(text, width)
    assert all(cells(row) <= width for row in rows)
    assert "".join("".join(rows).split()) == "".join(text.split())


@given(
    TEXTS.map(escape_control_chars).map(lambda text: text.replace("\n", "").replace("\t", "")),
    st.integers(min_value=2, max_value=20),
)
def test_what_is_cropped_and_padded_fills_its_width(text: str, width: int) -> None:
    assert cells(padded(cropped(text, width), width)) == width
    assert cells(text) > width or cropped(text, width) == text
