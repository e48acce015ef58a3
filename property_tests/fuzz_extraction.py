"""Coverage-guided fuzzing of the extraction engine: ``make fuzz``, for as many seconds as ``FUZZ_SECONDS`` says.

The claims are those of ``llm_manager.testing.laws``, and that the work stays within what a text of its length may cost.
It starts from the texts of ``tests/corpus`` and keeps what reaches new code in ``.fuzz``, where it goes on next time.
What breaks a claim is written there too, and belongs into ``tests/corpus`` once it is mended.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

atheris: Any = import_module("atheris")  # of a place of its own: what checks these files does not have it

with atheris.instrument_imports(include=["llm_manager.extraction"]):
    from llm_manager.extraction import PartialJson, decode_text, extract_all, extract_json, recover_json
    from llm_manager.extraction.cursor import work_limit
    from llm_manager.extraction.scan import Scan

from llm_manager.testing.laws.extraction import chunking_changes_nothing, idempotent, total, writable
from llm_manager.testing.laws.law import holds
from llm_manager.testing.strategies import MARKS

CORPUS = Path(__file__).parents[1] / "tests" / "corpus"
KEPT = Path(".fuzz")
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


def seeds() -> Path:
    """The texts of the corpus, a file each."""
    folder = KEPT / "seeds"
    folder.mkdir(parents=True, exist_ok=True)
    for file in CORPUS.glob("*.json"):
        for case in json.loads(file.read_text(encoding="utf-8")):
            data = case["text"].encode("utf-8", "replace")
            (folder / sha256(data).hexdigest()[:16]).write_bytes(data)
    return folder


def words() -> Path:
    """What matters to a parser, for the fuzzer to put in."""
    file = KEPT / "words.dict"
    said = ["".join(f"\\x{byte:02x}" for byte in mark.encode("utf-8", "replace")) for mark in MARKS]
    file.write_text("\n".join(f'"{each}"' for each in said) + "\n", encoding="ascii")
    return file


def main() -> None:
    """Fuzz for the seconds that the command line asks for."""
    seconds = int(sys.argv[1])
    grown = KEPT / "grown"
    grown.mkdir(parents=True, exist_ok=True)
    limits = [f"-max_total_time={seconds}", "-max_len=512", "-timeout=10"]
    options = [*limits, f"-artifact_prefix={KEPT}/", "-print_final_stats=1", f"-dict={words()}"]
    atheris.Setup([sys.argv[0], *options, str(grown), str(seeds())], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
