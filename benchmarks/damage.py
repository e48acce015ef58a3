"""Documents that are known, each with one fault that models make: what a parser says of them can be scored.

The rule: a fault is done to the marks of a document and not by a parser's own rules, so it shares nothing with the
extraction or with the strategies its laws use. A kind of damage is one function in ``KINDS``: it takes the marks of a
document, and says the text and the value which that text still means. One seed gives one list, text for text.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from benchmarks.documents import Mark, Value, built, document, marks_of


@dataclass(frozen=True, slots=True)
class Case:
    """A damaged *text*, and the *wanted* value; *kind* is what was done to it."""

    kind: str
    text: str
    wanted: Value


class Damage:
    """One document about to be damaged: its marks, and the dice."""

    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)  # noqa: S311  # dice, not keys
        self.value = document(self.dice)
        self.marks = list(marks_of(self.value, self.dice.choice(["", " ", "\n  "])))

    def at(self, *kinds: str, where: Callable[[int], bool] = lambda _: True) -> int:
        """The place of some mark of these kinds; there is always one in the documents made here."""
        return self.dice.choice([i for i, mark in enumerate(self.marks) if mark.kind in kinds and where(i)])

    def text(self, *swaps: tuple[int, str]) -> str:
        """The document with other text in some places."""
        swapped = dict(swaps)
        return "".join(swapped.get(i, mark.text) for i, mark in enumerate(self.marks))

    def every(self, kind: str, say: Callable[[Mark], str]) -> str:
        """The document with all marks of a kind said differently."""
        return "".join(say(mark) if mark.kind == kind else mark.text for mark in self.marks)

    @property
    def plain(self) -> str:
        """The document as it is."""
        return self.text()


def _replaced(value: Value, old: str, new: str) -> Value:
    """*value* with one string, wherever it stands, said differently."""
    match value:
        case str():
            return new if value == old else value
        case list():
            return [_replaced(item, old, new) for item in value]
        case dict():
            return {key: _replaced(item, old, new) for key, item in value.items()}
        case _:
            return value


Told: TypeAlias = tuple[str, Value]
Kind: TypeAlias = Callable[[Damage], Told]


def _around(before: str, after: str = "") -> Kind:
    return lambda d: (before + d.plain + after, d.value)


def _at_one(kind: str, say: Callable[[Mark], str], where: Callable[[Mark], bool] = lambda _: True) -> Kind:
    def told(d: Damage) -> Told:
        i = d.at(kind, where=lambda i: where(d.marks[i]))
        return d.text((i, say(d.marks[i]))), d.value

    return told


def _at_all(kind: str, say: Callable[[Mark], str]) -> Kind:
    return lambda d: (d.every(kind, say), d.value)


def _in_string(change: Callable[[str], str], means: Callable[[str], str]) -> Kind:
    """One string written otherwise, in place of its first blank; and what it then means."""

    def told(d: Damage) -> Told:
        said = [mark.value for mark in d.marks]
        i = d.at("string", where=lambda i: " " in said[i] and said.count(said[i]) == 1)
        old = d.marks[i].value
        return d.text((i, '"' + change(old) + '"')), _replaced(d.value, old, means(old))

    return told


def _inner_closer(say: str) -> Kind:
    """The bracket of a list inside an object, said as *say*."""

    def told(d: Damage) -> Told:
        i = d.at("]", where=lambda i: any(mark.kind == "key" for mark in d.marks[i + 1 : i + 4]))
        return d.text((i, say)), d.value

    return told


def _trailing(comma: str) -> Kind:
    def told(d: Damage) -> Told:
        i = d.at("}", "]", where=lambda i: d.marks[i - 1].kind == "gap")
        return d.text((i, comma + d.marks[i].text)), d.value

    return told


def _python(d: Damage) -> Told:
    return repr(d.value), d.value


def _keyword(d: Damage) -> Told:
    return d.every("literal", lambda mark: repr(mark.value)), d.value


def _no_opener(d: Damage) -> Told:
    return d.plain[1:].lstrip(), d.value


def _no_closer(d: Damage) -> Told:
    return d.plain[:-1].rstrip(), d.value


def _cut_in_string(d: Damage) -> Told:
    i = d.at("string", where=lambda i: len(d.marks[i].value) > 3)
    kept = d.dice.randint(1, len(d.marks[i].value) - 1)
    said = d.marks[i].value[:kept]
    return "".join(mark.text for mark in d.marks[:i]) + '"' + said, built([*d.marks[:i], Mark("string", "", said)])


def _cut_after(kind: str) -> Kind:
    def told(d: Damage) -> Told:
        i = d.at(kind)
        return "".join(mark.text for mark in d.marks[: i + 1]), built(d.marks[: i + 1])

    return told


def _cut_in_literal(d: Damage) -> Told:
    i = d.at("literal")
    return "".join(mark.text for mark in d.marks[:i]) + d.marks[i].text[:2], built(d.marks[:i])


def _thousands(d: Damage) -> Told:
    """Of a member: in a list nobody can tell one number with a comma from two."""
    i = d.at("number", where=lambda i: _integer(d.marks[i]) and d.marks[i - 2].kind == ":")
    return d.text((i, f"{d.marks[i].value:,}")), d.value


def _tuple(d: Damage) -> Told:
    opened, stack = dict[int, int](), list[int]()
    for i, mark in enumerate(d.marks):
        if mark.kind == "[":
            stack.append(i)
        elif mark.kind == "]":
            opened[stack.pop()] = i
    i = d.dice.choice(sorted(opened))
    return d.text((i, "("), (opened[i], ")")), d.value


def _twice_escaped(d: Damage) -> Told:
    return json.dumps(d.plain, ensure_ascii=False)[1:-1], d.value


def _draft_first(d: Damage) -> Told:
    draft = json.dumps({"title": "draft", "count": 0})
    return f"<think>\nSo maybe {draft}? No, better:\n</think>\n\n{d.plain}", d.value


def _echo_first(d: Damage) -> Told:
    return f'You sent {{"question": "what is the status?"}}. The answer is:\n{d.plain}', d.value


def _integer(mark: Mark) -> bool:
    return isinstance(mark.value, int)


PROSE: Final = "Here's the JSON you've asked for, as agreed:\n\n"
KINDS: Final[dict[str, Kind]] = {
    "whole text": _around(""),
    "block": _around("```json\n", "\n```"),
    "block without a name": _around("```\n", "\n```"),
    "block with CRLF": _around("```JSON\r\n", "\r\n```\r\n"),
    "block of tildes": _around("~~~json\n", "\n~~~"),
    "block in prose": _around(PROSE + "```json\n", "\n```\n\nLet me know if it's what you need."),
    "block not closed": _around(PROSE + "```json\n"),
    "block only closed": _around("", "\n```"),
    "python block first": _around('```python\nconfig = {"debug": True}\n```\n\nand\n\n```json\n', "\n```"),
    "prose": _around(PROSE, "\n\nIt's complete, isn't it?"),
    "citations": _around("As said in [1] and [2], {name} wants:\n", "\n\nSee also [3]."),
    "draft in a thought": _draft_first,
    "echo of the question": _echo_first,
    "tag": _around("<tool_call>\n", "\n</tool_call>"),
    "assignment": _around("const result = ", ";"),
    "call": _around("callback(", ");"),
    "opening bracket missing": _no_opener,
    "last bracket missing": _no_closer,
    "byte order mark": _around("\ufeff"),
    "odd spaces": _at_all("gap", lambda mark: "\u00a0" + mark.text),
    "trailing comma": _trailing(","),
    "double comma": _at_one(",", lambda _: ",,"),
    "semicolon": _at_one(",", lambda _: ";"),
    "comma missing": _at_one(",", lambda _: "\n"),
    "commas missing everywhere": _at_all(",", lambda _: "\n"),
    "colon missing": _at_one(":", lambda _: ""),
    "equals sign": _at_all(":", lambda _: " ="),
    "arrow": _at_all(":", lambda _: " =>"),
    "python": _python,
    "python literals": _keyword,
    "single quotes": _at_all("string", lambda mark: f"'{mark.value}'"),
    "typographic quotes": _at_all("string", lambda mark: f"“{mark.value}”"),
    "typographic quotes of keys": _at_all("key", lambda mark: f"“{mark.value}”"),
    "guillemets": _at_all("string", lambda mark: f"«{mark.value}»"),
    "backticks": _at_all("string", lambda mark: f"`{mark.value}`"),
    "bare keys": _at_all("key", lambda mark: mark.value),
    "bare string": _at_one("string", lambda mark: mark.value),
    "bare strings": _at_all("string", lambda mark: mark.value),
    "line comment": _at_one(",", lambda _: ", // see below\n"),
    "block comment": _at_one(",", lambda _: ", /* checked: yes, twice */ "),
    "hash comment": _at_one(",", lambda _: ", # to be checked\n"),
    "raw line break": _in_string(lambda s: s.replace(" ", "\n", 1), lambda s: s.replace(" ", "\n", 1)),
    "raw tab": _in_string(lambda s: s.replace(" ", "\t", 1), lambda s: s.replace(" ", "\t", 1)),
    "quotes inside": _in_string(lambda s: s.replace(" ", ' "so" ', 1), lambda s: s.replace(" ", ' "so" ', 1)),
    "escape unknown": _in_string(lambda s: s.replace(" ", r"\d", 1), lambda s: s.replace(" ", r"\d", 1)),
    "apostrophe escaped": _in_string(lambda s: s.replace(" ", r"\'", 1), lambda s: s.replace(" ", "'", 1)),
    "half a pair": _in_string(lambda s: s.replace(" ", r"\ud83d ", 1), lambda s: s.replace(" ", "\ufffd ", 1)),
    "triple quotes": _at_one("string", lambda mark: f'"""{mark.value}"""'),
    "concatenation": _in_string(lambda s: s.replace(" ", '" + " ', 1), lambda s: s),
    "ellipsis": _at_one("[", lambda _: "[..., "),
    "ellipsis at the end": _at_one("]", lambda _: ", ...]"),
    "plus sign": _at_one("number", lambda mark: f"+{mark.text}", lambda mark: mark.value > 0),
    "underscores": _at_one("number", lambda mark: f"{mark.value:_}", _integer),
    "thousands": _thousands,
    "hexadecimal": _at_one("number", lambda mark: hex(mark.value), _integer),
    "bracket too many": _at_one("}", lambda _: "}}"),
    "brace for a bracket": _inner_closer("}"),
    "inner bracket missing": _inner_closer(""),
    "key without its first quote": _at_one("key", lambda mark: f'{mark.value}"'),
    "key without its last quote": _at_one("key", lambda mark: f'"{mark.value}'),
    "tuple": _tuple,
    "constructor": _at_one("string", lambda mark: f'ObjectId("{mark.value}")'),
    "escaped once too often": _twice_escaped,
    "entities": lambda d: (d.plain.replace('"', "&quot;"), d.value),
    "cut in a string": _cut_in_string,
    "cut after a comma": _cut_after(","),
    "cut after a colon": _cut_after(":"),
    "cut after a key": _cut_after("key"),
    "cut in a literal": _cut_in_literal,
}


def cases(seed: int, count: int) -> list[Case]:
    """*count* damaged documents, every kind in its turn."""
    names = list(KINDS)
    found: list[Case] = []
    for number in range(count):
        kind = names[number % len(names)]
        text, wanted = KINDS[kind](Damage(f"{seed}-{number}"))
        found.append(Case(kind, text, wanted))
    return found
