"""How many tokens a text is, as an interval: for windows, limits and budgets, where a bill is not there yet.

An interval is a sum of weights over pairs of neighbouring characters (:mod:`llm_manager.policies.token_classes`). The
weights are data (``token_families.json`` in ``domain``), fitted for each family of tokenizers on texts of many kinds
with their counts. Those of *low* are bounded by every token of the vocabulary, so that no text has fewer tokens; those
of *high* by random and hostile texts beside natural ones. The decision 0170 tells how, and what that cannot promise.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import dataclass
from functools import cache, lru_cache
from pkgutil import get_data
from typing import Any, Final, cast
from zlib import adler32

from llm_manager.domain.tokens import NO_TOKENS, TokenRange
from llm_manager.policies.token_classes import (
    CHARACTERS,
    CONTINUATION,
    JOIN,
    LETTERS,
    PAIRS,
    gaps,
    pairs,
    quarters,
    repeats,
    weight,
)

FILE: Final = "token_families.json"

SHORT: Final = 128
"""Up to so many characters the letters are not looked at: that takes as long as all the rest and brings little."""

BLOCK: Final = 16384
"""So many characters are looked at together: what they become stays in the cache of a core."""

PAIR_UNIT: Final = 128
"""A token is so many of a weight of a pair."""

QUARTER_UNIT: Final = 16
"""A token is so many of a weight of a quarter of a block of Unicode."""

_TO_PAIRS: Final = PAIR_UNIT // QUARTER_UNIT
_SPARE: Final = 2
_REPEATED: Final = 3 * PAIR_UNIT


@dataclass(frozen=True, slots=True)
class Weights:
    """What each pair of classes weighs, each quarter of a block of Unicode, and, where the letters are looked at, each
    pair of groups of them."""

    pairs: bytes
    quarters: bytes
    letters: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The weights of a family of tokenizers, those for short texts apart, and by what its bounds are multiplied where
    they were fitted on other tokenizers than its own."""

    low: Weights
    short_likely: Weights
    short_high: Weights
    likely: Weights
    high: Weights
    low_by: float
    likely_by: float
    high_by: float
    short: tuple[bytes, bytes, bytes]


def token_range(text: str, model: str | None = None) -> TokenRange:
    """How many tokens *text* is for *model*: never fewer than ``low`` nor more than ``high``, and about ``likely``.

    Without a model it holds for every family of tokenizers that is known. A model is known by its name.

    >>> low, likely, high = token_range("The committee met on Tuesday.", "gpt-5")
    >>> low <= 6 <= high
    True
    """
    family = _family_of(model)
    if len(text) <= SHORT and text.isascii():
        return _short(family, text) if text else NO_TOKENS
    return _any(family, text)


def _short(family: Family, text: str) -> TokenRange:
    """The range of a short text of ASCII: one after the other, without a call that C does not answer."""
    data = text.encode()
    classes = data.translate(CHARACTERS)
    codes = (int.from_bytes(classes, "little") * JOIN).to_bytes(len(text) + 1, "little")
    low, likely, high = family.short
    return _range(
        family,
        (adler32(codes.translate(low)) & 0xFFFF) - 1,
        (adler32(codes.translate(likely)) & 0xFFFF) - 1,
        (adler32(codes.translate(high)) & 0xFFFF) - 1 + (gaps(codes) + data.count(b"\r")) * PAIR_UNIT,
        len(text),
    )


def _any(family: Family, text: str) -> TokenRange:
    is_ascii = text.isascii()
    if len(text) <= SHORT:
        low, likely, high = _sums(family.low, family.short_likely, family.short_high, text, is_ascii=is_ascii)
        if is_ascii:
            return _range(family, low, likely, high, len(text))
        return _range(family, low, likely, max(high, len(text.encode("utf-8", "surrogatepass")) * PAIR_UNIT), None)
    low = likely = high = 0
    for start in range(0, len(text), BLOCK):
        part = _sums(family.low, family.likely, family.high, text[start : start + BLOCK], is_ascii=is_ascii)
        low, likely, high = low + part[0], likely + part[1], high + part[2]
    cuts = (len(text) - 1) // BLOCK * PAIR_UNIT  # a token may be cut in two, and counted twice or not at all
    return _range(family, max(low - cuts, 0), likely, high + cuts, len(text) if is_ascii else None)


def _sums(low: Weights, likely: Weights, high: Weights, text: str, *, is_ascii: bool) -> tuple[int, int, int]:
    """The weights of *text* for each bound."""
    data = text.encode("utf-8", "surrogatepass")
    classes = data.translate(CHARACTERS) if is_ascii else data.translate(CHARACTERS, CONTINUATION)
    codes = pairs(classes)
    most = weight(codes, high.pairs) + (gaps(codes) + data.count(b"\r")) * PAIR_UNIT
    sums = weight(codes, low.pairs), weight(codes, likely.pairs), most
    if likely.letters:
        codes = pairs(data.translate(LETTERS) if is_ascii else data.translate(LETTERS, CONTINUATION))
        again = repeats(data) * _REPEATED
        sums = sums[0], sums[1] + weight(codes, likely.letters), sums[2] + weight(codes, high.letters) + again
    if is_ascii:
        return sums
    codes = quarters(text)
    return (
        sums[0] + weight(codes, low.quarters) * _TO_PAIRS,
        sums[1] + weight(codes, likely.quarters) * _TO_PAIRS,
        sums[2] + weight(codes, high.quarters) * _TO_PAIRS,
    )


def _range(family: Family, low: int, likely: int, high: int, most: int | None) -> TokenRange:
    """The range of so many weights; *most* is the number of the bytes of a text that no tokenizer makes longer."""
    at_least = int(low * family.low_by) // PAIR_UNIT or 1
    at_most = int(high * family.high_by) // PAIR_UNIT + _SPARE
    if most is not None and at_most > most:
        at_most = most
    about = int(likely * family.likely_by) // PAIR_UNIT or 1
    return TokenRange(at_least, at_least if about < at_least else min(about, at_most), at_most)


@lru_cache(maxsize=1024)
def _family_of(model: str | None) -> Family:
    return _family(family_name(model))


def family_name(model: str | None) -> str:
    """The family of tokenizers of *model*: that of the first pattern which its name, in lower case, matches.

    >>> family_name("openai/gpt-5.4-mini"), family_name("gpt-4-turbo"), family_name("who-knows")
    ('o200k', 'cl100k', 'any')
    """
    if model is None:
        return "any"
    name = model.lower()
    return next((family for family, pattern in _patterns() if pattern.search(name)), "any")


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((family, re.compile(pattern)) for family, pattern in _data()["names"])


@cache
def _family(name: str) -> Family:
    row = _data()["families"][name]
    tables = _data()["tables"][row["tables"]]
    known = {each: _weights(tables[each]) for each in ("low", "short_likely", "short_high", "likely", "high")}
    short = (known["low"].pairs, known["short_likely"].pairs, known["short_high"].pairs)
    return Family(**known, short=short, low_by=row["low_by"], likely_by=row["likely_by"], high_by=row["high_by"])


def _weights(coded: str) -> Weights:
    each = b64decode(coded)
    return Weights(each[:PAIRS], each[PAIRS : 2 * PAIRS], each[2 * PAIRS :])


@cache
def _data() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(cast("bytes", get_data("llm_manager.domain", FILE))))
