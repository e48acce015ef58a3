"""The documents that are damaged on purpose: an order, a review, a report, and the marks they are written with.

The rule: one seed gives one document, and what marks say that stop anywhere is said here, apart from any parser.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from llm_manager.extraction import JsonValue

Value: TypeAlias = JsonValue


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of a document: a bracket, a comma, a colon, a key, a string, a number, a literal or white space."""

    kind: str
    text: str
    value: Any = None


WORDS: Final = ["delivery", "quality", "north", "invoice", "Zürich", "pending", "東京", "battery", "noisy", "warranty"]
NAMES: Final = ["id", "title", "customer", "notes", "price_usd", "in_stock", "tags", "address", "lines", "sent_at"]


def document(dice: random.Random) -> Value:
    """An order, a review, a report: an object some levels deep with every kind of value in it."""

    def text() -> str:
        return " ".join(dice.choices(WORDS, k=dice.randint(2, 7)))

    def scalar() -> Value:
        number = dice.randint(1000, 99_999)
        return dice.choice([text(), number, round(dice.uniform(-9, 99), 2), True, False, None, text()])

    def grown(depth: int) -> Value:
        if depth == 0:
            return scalar()
        if dice.random() < 0.5:
            return [grown(depth - 1) for _ in range(dice.randint(2, 3))]
        return {name: grown(depth - 1) for name in dice.sample(NAMES, dice.randint(2, 3))}

    return {
        "title": text(),
        "count": dice.randint(1000, 99_999),
        "ok": dice.choice([True, False]),
        "tags": [text() for _ in range(3)],
        "lines": [{"name": text(), "price_usd": round(dice.uniform(1, 99), 2), "gone": None} for _ in range(2)],
        dice.choice(["detail", "extra", "report"]): grown(dice.randint(1, 3)),
        "summary": text(),
    }


def marks_of(value: Value, gap: str) -> Iterator[Mark]:
    """The marks of a value as JSON, with *gap* between members."""
    match value:
        case dict():
            yield from _listed("{", "}", gap, [[*_key(k), *marks_of(v, gap)] for k, v in value.items()])
        case list():
            yield from _listed("[", "]", gap, [list(marks_of(item, gap)) for item in value])
        case str():
            yield Mark("string", json.dumps(value, ensure_ascii=False), value)
        case bool() | None:
            yield Mark("literal", json.dumps(value), value)
        case _:
            yield Mark("number", json.dumps(value), value)


def _key(name: str) -> tuple[Mark, ...]:
    return Mark("key", json.dumps(name, ensure_ascii=False), name), Mark(":", ":"), Mark("gap", " ")


def _listed(opener: str, closer: str, gap: str, parts: list[list[Mark]]) -> Iterator[Mark]:
    yield Mark(opener, opener)
    for number, part in enumerate(parts):
        if number:
            yield Mark(",", ",")
        yield Mark("gap", gap)
        yield from part
    yield Mark("gap", gap)
    yield Mark(closer, closer)


def built(marks: list[Mark]) -> Value:
    """What marks say that stop anywhere: open brackets are closed, a key without a value says nothing."""
    root: list[Value] = []
    stack: list[list[Value] | dict[str, Value]] = [root]
    keys: list[str] = [""]

    def put(item: Value) -> None:
        if isinstance(stack[-1], dict):
            stack[-1][keys[-1]] = item
        else:
            stack[-1].append(item)

    for mark in marks:
        match mark.kind:
            case "{" | "[":
                child: list[Value] | dict[str, Value] = {} if mark.kind == "{" else []
                put(child)
                stack.append(child)
                keys.append("")
            case "}" | "]":
                stack.pop()
                keys.pop()
            case "key":
                keys[-1] = mark.value
            case "string" | "number" | "literal":
                put(mark.value)
            case _:
                pass
    return root[0]
