"""Coverage-guided fuzzing of the extraction engine: a part of ``make fuzz``.

The claims are those of ``llm_manager.testing.laws``, and that the work stays within what a text of its length may cost.
It starts from the texts of ``tests/corpus``; what breaks a claim belongs there once it is mended.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from typing_extensions import TypedDict

from property_tests.fuzzing import atheris, fuzz

with atheris.instrument_imports(include=["llm_manager.extraction"]):
    from llm_manager.extraction import PartialJson, decode_text, extract_all, extract_json, recover_json
    from llm_manager.extraction.cursor import work_limit
    from llm_manager.extraction.scan import Scan

from llm_manager.testing.laws.extraction import chunking_changes_nothing, idempotent, total, writable
from llm_manager.testing.laws.law import holds
from llm_manager.testing.strategies import MARKS

CORPUS = Path(__file__).parents[1] / "tests" / "corpus"
OVERRUN = 4
"""One reading may finish the step it is at when the work is used up, and look at all of the text once."""


class Person(TypedDict):
    """A schema with something to coerce everywhere."""

    name: str
    age: int
    tags: list[str]
    parent: Person | None


def try_one(data: bytes) -> None:
    """All claims on one text; bytes that are no UTF-8 become lone surrogates."""
    text = data.decode("utf-8", "surrogateescape")
    for extract in (extract_json, recover_json):
        writable(extract, text)
    total(extract_json, text)
    idempotent(extract_json, text)
    chunking_changes_nothing(PartialJson, extract_json, text, range(data[0] % 7 + 1, len(text), 9) if data else ())
    for answer in extract_all(text).value_or(()):
        json.dumps(answer.value, allow_nan=False).encode()
    decode_text(text, Person, coerce=True)
    steps = Scan(text).run().steps
    holds("work is bounded", is_true=steps <= OVERRUN * work_limit(text), of=(steps, len(text)))


def seeds() -> Iterator[bytes]:
    """The texts of the corpus."""
    for file in CORPUS.glob("*.json"):
        for case in json.loads(file.read_text(encoding="utf-8")):
            yield case["text"].encode("utf-8", "replace")


if __name__ == "__main__":
    words = (mark.encode("utf-8", "replace") for mark in MARKS)
    fuzz("extraction", try_one, seeds(), words, seconds=int(sys.argv[1]))
