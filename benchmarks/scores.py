"""How often each parser says what was meant: on the corpus of the tests, and on damaged documents nobody tuned for.

*Neutral* leaves out the classes of the corpus where what is right is a matter of policy: several values, numbers that
are not finite, escapes, odd notations, truncation and its like. *Raised* is the share of damaged documents, which all
hold a value, for which a parser raises or comes back with nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.damage import cases
from benchmarks.parsers import NOTHING, Answer, by_node, in_python, ours, said

CORPUS: Final = Path(__file__).parents[1] / "tests" / "corpus"
POLICY: Final = frozenset({9, 12, 20, 26, 27, 30, 33, 35, 36, 37, 38, 39, 40, 44, 45})
SEEDS: Final = (2_026, 11, 21)
DOCUMENTS: Final = 2_070
"""Damaged documents a seed: thirty of each kind."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A *text*, what is *wanted* of it, and the sets it counts for."""

    text: str
    wanted: Answer
    sets: frozenset[str]


def asked() -> list[Asked]:
    """All texts: of the corpus those that need no schema, for the peers know none."""
    damaged = [
        Asked(case.text, case.wanted, frozenset({"damaged"})) for seed in SEEDS for case in cases(seed, DOCUMENTS)
    ]
    return [*_corpus(), *damaged]


def _corpus() -> Iterator[Asked]:
    for file in sorted(CORPUS.glob("*.json")):
        for case in json.loads(file.read_text(encoding="utf-8")):
            if "schema" in case:
                continue
            sets = {"corpus"} if int(file.stem[:2]) in POLICY else {"corpus", "neutral"}
            if "failure" in case:
                sets.add("nothing")
            yield Asked(case["text"], case.get("expected", NOTHING), frozenset(sets))


def alike(one: Answer, two: Answer) -> bool:
    """Whether two values say the same in JSON, where 1 and 1.0 do and 1 and true do not."""
    match one, two:
        case (bool(), _) | (_, bool()):
            return one is two
        case list(), list():
            return len(one) == len(two) and all(map(alike, one, two))
        case dict(), dict():
            return one.keys() == two.keys() and all(alike(one[key], two[key]) for key in one)
        case _:
            return one is two or bool(one == two)


def table() -> str:
    """The scores, in percent, as Markdown; ours first."""
    texts = asked()
    lines = [
        "| parser | corpus | neutral classes | nothing in it, nothing found | damaged | raised | us a text |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, parse in {"llm_manager": ours, **in_python()}.items():
        started = time.process_time()
        answers = [said(parse, each.text) for each in texts]
        took_us = (time.process_time() - started) / len(texts) * 1e6
        lines.append(_line(name, texts, answers, f"{took_us:.0f}"))
    lines.append(_line("jsonrepair (npm)", texts, by_node(each.text for each in texts), ""))
    sizes = ", ".join(f"{sum(name in each.sets for each in texts)} {name}" for name in ("corpus", "neutral", "nothing"))
    lines.append(f"\nTexts: {sizes}, {len(SEEDS) * DOCUMENTS} damaged (seeds {', '.join(map(str, SEEDS))}).")
    return "\n".join(lines)


def _line(name: str, texts: list[Asked], answers: list[Answer], took: str) -> str:
    shares = [_share(texts, answers, which) for which in ("corpus", "neutral", "nothing", "damaged")]
    silent = [answer is NOTHING for each, answer in zip(texts, answers, strict=True) if "damaged" in each.sets]
    return f"| {name} | {' | '.join(shares)} | {sum(silent) / len(silent):.1%} | {took} |"


def _share(texts: list[Asked], answers: list[Answer], which: str) -> str:
    right = [alike(answer, each.wanted) for each, answer in zip(texts, answers, strict=True) if which in each.sets]
    return f"{sum(right) / len(right):.1%}"


if __name__ == "__main__":
    print(table())
