"""``docs/reference/providers.md`` says what providers are held to; ``pytest --golden-update`` writes its tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.providers import page
from tests.providers.checks import FEATURES
from tests.providers.providers import NONE, PROVIDERS

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "providers.md"

PARTS = {"features": page.features_table, "notes": page.notes, "catalog": page.catalog_table}


@pytest.mark.parametrize("part", PARTS)
def test_a_table_of_the_page_is_what_the_tests_say(part: str, golden_update: bool) -> None:
    text = PAGE.read_text(encoding="utf-8")
    block = re.compile(rf"(<!-- {part} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    if golden_update:
        text = block.sub(lambda found: found[1] + PARTS[part]() + "\n" + found[3], text)
        PAGE.write_text(text, encoding="utf-8")
    found = block.search(text)
    assert found is not None
    assert found[2] == PARTS[part]() + "\n"


def test_every_cell_is_a_test_or_says_why_not() -> None:
    assert page.missing_tests() == []
    assert {feature for _, feature in NONE} <= set(FEATURES)
    assert {name for name, _ in NONE} <= set(PROVIDERS)
    unsaid = set(FEATURES) - set(page.LLAMA_CPP) - {f for name, f in page.REASONS if name == "llama.cpp"}
    assert unsaid == set()
