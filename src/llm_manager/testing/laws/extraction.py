"""What holds of extraction, for every text and every value.

The rule: a law comes in two halves. A *claim* is a plain function over one example, which a fuzzer or a test of your
own can call, and which raises ``AssertionError``; ``extractor_laws`` and ``reader_laws`` put Hypothesis strategies to
all claims, for an extractor, a wrapper or a reader of your own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations, pairwise
from typing import Protocol, TypeAlias

from hypothesis import example, given
from hypothesis import strategies as st
from returns.result import Failure, Success

from llm_manager.domain.errors import ExtractionFailed
from llm_manager.domain.outcome import Outcome
from llm_manager.extraction import Extracted, JsonValue, Repair, Span, extract_json
from llm_manager.testing.laws.law import Law, holds, same
from llm_manager.testing.strategies import (
    FAULTS,
    WRAPPERS,
    Fault,
    Wrapper,
    json_objects,
    json_values,
    model_texts,
    plain_objects,
    raw_line_breaks_lost,
    texts,
    written,
)

Extractor: TypeAlias = Callable[[str], Outcome[Extracted, ExtractionFailed]]
"""``extract_json``, ``recover_json``, or one of your own around them."""


class Reader(Protocol):
    """What reads a value in pieces: ``PartialJson``, or one of your own."""

    def feed(self, chunk: str) -> None:
        """Take the next piece."""
        ...

    @property
    def started(self) -> bool:
        """Whether there is a value yet."""
        ...

    @property
    def value(self) -> JsonValue:
        """The value so far."""
        ...

    def close(self) -> Outcome[Extracted, ExtractionFailed]:
        """The value of all of it."""
        ...


def untouched(extract: Extractor, value: JsonValue, *, indent: int | None = None, ascii_only: bool = True) -> None:
    """Valid JSON comes back as it is: exact, without a repair."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    wanted = Success(Extracted(value=value, span=Span(0, len(text)), whole_text=True))
    same(f"valid JSON is returned untouched: {text!r}", extract(text), wanted)


def unwrapped(extract: Extractor, wrap: Wrapper, value: JsonValue) -> None:
    """The text around a value changes neither it nor its repairs."""
    text = wrap(json.dumps(value))
    same(f"what stands around a value changes nothing: {text!r}", _said(extract, text), (value, ()))


def total(extract: Extractor, text: str) -> None:
    """Any text is answered, and the same one always alike."""
    answer = extract(text)
    holds("it answers with a Result", is_true=_is_result(answer), of=answer)
    same(f"the same text gives the same answer: {text!r}", extract(text), answer)


def writable(extract: Extractor, text: str) -> None:
    """What is found can be written as JSON in UTF-8, and its span lies in the text."""
    for answer in _found(extract, text):
        json.dumps(answer.value, allow_nan=False, ensure_ascii=False).encode()
        inside = 0 <= answer.span.start <= answer.span.end <= len(text)
        holds(f"the span lies in the text: {text!r}", is_true=inside, of=answer.span)


def idempotent(extract: Extractor, text: str) -> None:
    """What was found is found again in what is written of it."""
    for answer in _found(extract, text):
        again = _said(extract, json.dumps(answer.value))
        same(f"what was found is found again: {text!r}", again, (answer.value, ()))


def mended(extract: Extractor, value: JsonValue, faults: frozenset[Fault]) -> None:
    """Faults that lose nothing change nothing, bare or in a code block with prose."""
    wanted = raw_line_breaks_lost(value) if "raw_line_breaks" in faults else value
    for wrap in (str, WRAPPERS["a block with prose"]):
        text = wrap(written(value, faults))
        same(f"{', '.join(sorted(faults))}: nothing is lost: {text!r}", _value(extract, text), wanted)


def invents_nothing(extract: Extractor, value: JsonValue, cut: int) -> None:
    """A text that breaks off yields no key, literal or string that the whole has not."""
    text = json.dumps(value, ensure_ascii=False)[:cut]
    for answer in _found(extract, text):
        holds(f"cutting off invents nothing: {text!r}", is_true=is_cut_of(answer.value, value), of=answer.value)


def chunking_changes_nothing(reader: Callable[[], Reader], extract: Extractor, text: str, cuts: Iterable[int]) -> None:
    """In pieces of any size a text says what it says as a whole."""
    reading = reader()
    for chunk in chunks(text, cuts):
        reading.feed(chunk)
    same(f"chunking does not matter: {text!r}", reading.close(), extract(text))


def views_are_prefixes(reader: Callable[[], Reader], text: str, cuts: Iterable[int]) -> None:
    """Every view on the way is the beginning of the value at the end."""
    reading, views = reader(), list[str]()
    for chunk in chunks(text, cuts):
        reading.feed(chunk)
        if reading.started:
            views.append(json.dumps(reading.value))
    final = reading.close().unwrap().value
    for view in views:
        holds(f"a view is a prefix of {final!r}", is_true=is_prefix(json.loads(view), final), of=view)


def extractor_laws(
    extract: Extractor, *, wrappers: Mapping[str, Wrapper] = WRAPPERS, faults: Iterable[Fault] = FAULTS
) -> tuple[Law, ...]:
    """All laws of an *extract* function, over these *wrappers* and *faults*.

    >>> from llm_manager.extraction import extract_json
    >>> for law in extractor_laws(extract_json, wrappers={"a note": lambda text: f"NB: {text}"}, faults=()):
    ...     law()
    """
    pairs = [frozenset(pair) for pair in combinations(faults, 2) if frozenset(pair) not in _AT_ODDS]

    @given(value=json_values, indent=st.sampled_from([None, 1, 2]), ascii_only=st.booleans())
    def stays(value: JsonValue, indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001  # hypothesis passes names
        untouched(extract, value, indent=indent, ascii_only=ascii_only)

    @given(text=st.one_of(texts, model_texts))
    @example("\ud83d\x00\ufeff{'a': \ude00")
    def answers(text: str) -> None:
        total(extract, text)
        writable(extract, text)

    @given(text=st.one_of(texts, model_texts))
    def settles(text: str) -> None:
        idempotent(extract, text)

    @given(value=json_objects, cut=st.integers(1, 400))
    def cut_off(value: JsonValue, cut: int) -> None:
        invents_nothing(extract, value, cut)

    return (
        Law("valid JSON is returned untouched", stays),
        Law("any text is answered, alike, with what can be written", answers),
        Law("extraction is idempotent", settles),
        Law("cutting a text off invents nothing", cut_off),
        *(Law(f"{name} changes nothing", _wrapping(extract, wrap)) for name, wrap in wrappers.items()),
        *(Law(f"{fault} alone change nothing", _mending(extract, [frozenset({fault})])) for fault in faults),
        *((Law("two faults change nothing", _mending(extract, pairs)),) if pairs else ()),
    )


def reader_laws(reader: Callable[[], Reader], extract: Extractor = extract_json) -> tuple[Law, ...]:
    """All laws of what reads in pieces, beside the *extract* that it must agree with at the end."""
    cuts = st.lists(st.integers(0, 400), max_size=12)

    @given(value=json_objects, cuts=cuts, wrapper=st.sampled_from(sorted(WRAPPERS)))
    def grows(value: JsonValue, cuts: list[int], wrapper: str) -> None:
        text = WRAPPERS[wrapper](json.dumps(value))
        views_are_prefixes(reader, text, cuts)
        chunking_changes_nothing(reader, extract, text, cuts)

    @given(value=plain_objects, fault=st.sampled_from(FAULTS), cuts=cuts)
    def grows_from_damage(value: JsonValue, fault: Fault, cuts: list[int]) -> None:
        views_are_prefixes(reader, written(value, frozenset({fault})), cuts)

    @given(text=model_texts, cuts=cuts)
    def closes(text: str, cuts: list[int]) -> None:
        chunking_changes_nothing(reader, extract, text, cuts)

    return (
        Law("every view is a prefix of the end", grows),
        Law("every view of damaged text is one too", grows_from_damage),
        Law("chunking does not matter", closes),
    )


def is_prefix(part: JsonValue, whole: JsonValue) -> bool:
    """Whether *part* is the beginning of *whole*: what is open may grow, what is closed is the same.

    >>> is_prefix({"a": [1], "b": "x"}, {"a": [1], "b": "xy", "c": 3}), is_prefix([1, 2], [1])
    (True, False)
    """
    match part, whole:
        case str(), str():
            return whole.startswith(part)
        case list(), list():
            return len(part) <= len(whole) and all(map(is_prefix, part, whole))
        case dict(), dict():
            return list(part) == list(whole)[: len(part)] and all(is_prefix(part[key], whole[key]) for key in part)
        case _:
            return type(part) is type(whole) and part == whole


def is_cut_of(part: JsonValue, whole: JsonValue) -> bool:
    """Like a prefix, but the last number may have lost digits: it is kept, and the value is marked as cut off."""
    match part, whole:
        case bool(), _:
            return part is whole
        case ((int() | float()), (int() | float())):
            return True
        case list(), list():
            return len(part) <= len(whole) and all(map(is_cut_of, part, whole))
        case dict(), dict():
            return list(part) == list(whole)[: len(part)] and all(is_cut_of(part[key], whole[key]) for key in part)
        case _:
            return is_prefix(part, whole)


def chunks(text: str, cuts: Iterable[int]) -> list[str]:
    """*text* in pieces, parted at *cuts*.

    >>> chunks("abcde", [3, 1, 9])
    ['a', 'bc', 'de', '']
    """
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


_AT_ODDS = {frozenset(pair) for pair in (("missing_commas", "double_commas"), ("single_quotes", "typographic_quotes"))}
"""Faults that cannot both be written."""


def _is_result(answer: object) -> bool:
    return isinstance(answer, Success | Failure)


def _said(extract: Extractor, text: str) -> tuple[JsonValue, tuple[Repair, ...]] | ExtractionFailed:
    match extract(text):
        case Success(answer):
            return answer.value, answer.repairs
        case Failure(error):
            return error


def _value(extract: Extractor, text: str) -> JsonValue | ExtractionFailed:
    said = _said(extract, text)
    return said if isinstance(said, ExtractionFailed) else said[0]


def _found(extract: Extractor, text: str) -> tuple[Extracted, ...]:
    answer = extract(text)
    return (answer.unwrap(),) if isinstance(answer, Success) else ()


def _wrapping(extract: Extractor, wrap: Wrapper) -> Callable[[], None]:
    @given(value=json_objects)
    def law(value: JsonValue) -> None:
        unwrapped(extract, wrap, value)

    return law


def _mending(extract: Extractor, groups: list[frozenset[Fault]]) -> Callable[[], None]:
    @given(value=plain_objects, faults=st.sampled_from(groups))
    def law(value: JsonValue, faults: frozenset[Fault]) -> None:
        mended(extract, value, faults)

    return law
