"""Extraction: what it takes on ordinary, damaged and hostile text, beside the parsers that can do the same."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic_core import from_json

from benchmarks.parsers import in_python, ours
from benchmarks.row import ROUNDS, Row, row
from llm_manager.extraction import JsonValue, PartialJson, extract_json

FENCED_US, DAMAGED_US, LATE_US, STREAM_US, HOSTILE_MS = 20.0, 5_000.0, 1_700.0, 10_000.0, 100.0
CHUNK: Final = 20
HOSTILE: Final = (
    *("{", "[", "[[]", '{"a":', '["', '"', "\\", "`", "```json\n{", '{"a" ', '["a"“)', "{“", "{a: x ", "{a:x, "),
    *("[1] ", '{\\"', "{&quot;", '{"a":"b","', "{'", "[1,", '{"a":1,}\n', "{//", "{/*", " ", "{\n", "[,", "..."),
    *("[(", "[ab(", '{"a":1}}, "b": ', '["""', "{}", "{]", "[}", '{"', '{"\\', '{"a":"\\ud83d', "[-", "[1e"),
    *('"a" "b" ', "[1, 2} ", "]", "x", "\x00", "\ud83d", "9", "[[1],", "a: ", "```", "{a:x;}", "<think>", "<json>{"),
)
"""What hostile documents repeat; each is tried bare, in an object and in a string."""


def document(characters: int) -> JsonValue:
    """A list of ordinary records, about so long as JSON."""
    dice = random.Random(7)  # noqa: S311  # dice, not keys
    records: list[JsonValue] = []
    length = 0
    while length < characters:
        number = len(records)
        records.append(
            {
                "id": number,
                "name": f"item {number} {dice.random()}",
                "tags": ["alpha", "beta", "gamma"],
                "score": dice.random(),
                "ok": number % 2 == 0,
                "nested": {"x": number, "y": None, "text": "some words of text here"},
            }
        )
        length += len(json.dumps(records[-1])) + 2
    return {"items": records}


def damaged(value: JsonValue) -> str:
    """The value with a fault at every turn: bare keys, single quotes, trailing commas, Python's literals."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {damaged(item)}" for key, item in value.items()) + ",}"
        case list():
            return "[" + ", ".join(map(damaged, value)) + ",]"
        case str():
            return f"'{value}'"
        case _:
            return repr(value)


def us(calls: Mapping[str, Callable[[], object]], count: int) -> dict[str, list[float]]:
    """Microseconds of CPU a call; in every round each has its turn."""
    figures: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            started = time.process_time()
            for _ in range(count):
                call()
            figures[name].append((time.process_time() - started) / count * 1e6)
    return figures


def rows() -> list[Row]:
    """All of them."""
    return [*_ordinary(), *_damaged(), *_streamed(), *_hostile()]


def _ordinary() -> Iterator[Row]:
    fenced = f"Sure! Here is the JSON:\n\n```json\n{json.dumps(document(1_800))}\n```\n\nLet me know if it's fine."
    peers = {name: parse for name, parse in in_python().items() if name in {"json_repair", "fast_json_repair"}}
    took = us({name: _call(parse, fenced) for name, parse in {"ours": ours, **peers}.items()}, 50)
    yield from _beside("2 KB in a block in prose", took, FENCED_US)
    whole = json.dumps(document(100_000))
    took = us({"ours": lambda: extract_json(whole), "from_json": lambda: from_json(whole, allow_inf_nan=False)}, 3)
    peer = row("  peer: from_json of pydantic_core", "us", took["from_json"])
    yield row("100 KB of JSON", "us", took["ours"], peer=peer, most=1.05)
    yield peer


def _damaged() -> Iterator[Row]:
    peers = {name: parse for name, parse in in_python().items() if name in {"json_repair", "fast_json_repair"}}
    everywhere = damaged(document(100_000))
    took = us({name: _call(parse, everywhere) for name, parse in {"ours": ours, **peers}.items()}, 1)
    yield from _beside("100 KB, damaged everywhere", took, DAMAGED_US)
    late = json.dumps(document(123_000))
    at = late.rindex('": ')
    late = late[:at] + '" ' + late[at + 3 :]
    took = us({name: _call(parse, late) for name, parse in {"ours": ours, **peers}.items()}, 1)
    yield from _beside("123 KB, one fault at the end", took, LATE_US)


def _streamed() -> Iterator[Row]:
    text = json.dumps(document(50_000))
    chunks = [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)]
    took = us({"ours": lambda: _fed(chunks), "jiter": lambda: _parsed_again(text)}, 1)
    peer = row("  peer: jiter, partial, from the start each time", "us", took["jiter"])
    yield row("50 KB in pieces of 20 characters", "us", took["ours"], STREAM_US, peer)
    yield peer


def _fed(chunks: list[str]) -> None:
    partial = PartialJson()
    for chunk in chunks:
        partial.feed(chunk)
        _ = partial.value


def _parsed_again(text: str) -> None:
    import jiter  # noqa: PLC0415  # a peer

    data = text.encode()
    for end in range(CHUNK, len(data) + CHUNK, CHUNK):
        jiter.from_json(data[:end], partial_mode="trailing-strings")


def _hostile() -> Iterator[Row]:
    """The slowest of all hostile documents at 100 KB, and what twice and ten times the text takes the slowest five."""
    texts = {
        (before, unit): before + unit * (100_000 // len(unit)) for before in ("", '{"a": ', '["') for unit in HOSTILE
    }
    took = {shape: _fastest_ms(text) for shape, text in texts.items()}
    worst = sorted(took, key=lambda shape: took[shape], reverse=True)[:5]
    name = f"{len(texts)} hostile shapes of 100 KB, the slowest ({worst[0][0]}{worst[0][1]!r})"
    yield row(name, "ms", [took[shape] for shape in worst], HOSTILE_MS)
    doubled = [_fastest_ms(texts[shape] * 2) / took[shape] for shape in worst]
    yield row("  twice the text, in times", "x", doubled, 2.2)
    mega = [_fastest_ms((texts[shape] * 11)[: 1024 * 1024]) for shape in worst]
    yield row("  1 MiB of them", "ms", mega, 1_000.0)


def _fastest_ms(text: str) -> float:
    figures: list[float] = []
    for _ in range(3):
        started = time.process_time()
        extract_json(text)
        figures.append((time.process_time() - started) * 1e3)
    return min(figures)


def _call(parse: Callable[[str], Any], text: str) -> Callable[[], object]:
    return lambda: parse(text)


def _beside(name: str, took: dict[str, list[float]], target: float) -> Iterator[Row]:
    peers = [row(f"  peer: {peer}", "us", figures) for peer, figures in took.items() if peer != "ours"]
    yield row(name, "us", took["ours"], target, min(peers, key=lambda peer: peer.median))
    yield from peers
