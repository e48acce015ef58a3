"""What fits into a parcel, which batch is ours, what an end without a word means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from llm_manager import (
    HttpSettings,
    InvalidRequest,
    KeySettings,
    LLMConfig,
    LLMError,
    MalformedResponse,
    ModelSettings,
    NetworkError,
    Problem,
    RateLimitExceeded,
    RequestTimedOut,
    Secret,
    ServerError,
)
from llm_manager.domain.catalog import PROVIDERS, BatchFacts, LongRates, Price
from llm_manager.domain.target import Target
from llm_manager.domain.vendor_batch import VendorBatch
from llm_manager.policies.parcels import (
    MOST_BYTES,
    at_batch_price,
    has_room,
    is_ours,
    may_be_accepted,
    most_bytes,
    passes,
    without_result,
)
from llm_manager.policies.targets import resolve

CONFIG = LLMConfig(
    keys=KeySettings(providers={name: (Secret("sk-canary-0123456789"),) for name in ("openai", "groq", "anthropic")}),
    http=HttpSettings(base_urls={"ollama": "http://127.0.0.1:9"}),
    models={"mine": ModelSettings(provider="openai", model="gpt-4o", prompt_usd=10.0, completion_usd=20.0)},
)
SMALL = BatchFacts(
    price_factor=0.5,
    cached_factor=0.5,
    most_requests=3,
    most_bytes=100 * 1024,
    window_s=1.0,
    as_of="today",
    source="nobody",
)


def target(name: str) -> Target:
    return resolve(CONFIG, name).unwrap()


def test_a_parcel_has_room_for_so_many_lines_and_bytes() -> None:
    assert most_bytes(SMALL) == 36 * 1024
    assert has_room(SMALL, 3, 36 * 1024 - 3)
    assert not has_room(SMALL, 3, 36 * 1024 - 2)
    assert not has_room(SMALL, 4, 10)


def test_what_is_held_in_memory_is_bounded_whatever_the_vendor_takes() -> None:
    facts = [row.batches for row in PROVIDERS.values() if row.batches is not None]
    assert [row.most_bytes for row in facts] == [200_000_000, 200_000_000, 256_000_000]
    assert {most_bytes(row) for row in facts} == {MOST_BYTES - 64 * 1024}


def test_a_batch_has_the_vendors_price_for_batches_and_names_both_sources() -> None:
    price = at_batch_price(target("gpt-5.6-terra")).facts.price
    assert price == Price(
        prompt_usd=1.0,
        completion_usd=6.0,
        cached_usd=0.1,
        cache_write_usd=1.25,
        long=(
            LongRates(above_tokens=272_000, prompt_usd=2.0, completion_usd=9.0, cached_usd=0.2, cache_write_usd=2.5),
        ),
        regions=(("eu", 1.1), ("us", 1.1)),
        as_of="2026-12-01",
        source='genai-prices 0.2.3; OpenAI, "Batch API"',
    )
    groq = at_batch_price(target("openai/gpt-oss-120b")).facts.price
    assert groq is not None
    assert (groq.prompt_usd, groq.cached_usd) == (0.075, 0.075)
    kept = at_batch_price(target("gpt-4.1")).facts.price
    assert kept is not None
    assert (kept.prompt_usd, kept.cached_usd) == (1.0, 0.5), "the vendor's table has no cached price for its batches"
    own = at_batch_price(target("mine")).facts.price
    assert own is not None
    assert (own.prompt_usd, own.completion_usd, own.cached_usd) == (5.0, 10.0, 1.25)


@pytest.mark.parametrize("name", ["ollama/llama3.2", "openai/unheard-of"])
def test_without_batches_or_a_price_there_is_none_to_reduce(name: str) -> None:
    assert at_batch_price(target(name)) == target(name)


@pytest.mark.parametrize(
    ("error", "is_open"),
    [
        (ServerError("m", 500), True),
        (ServerError("m", 503), False),
        (ServerError("m", 529), False),
        (NetworkError("m", ambiguous=True), True),
        (NetworkError("m"), False),
        (RequestTimedOut("m", 1.0, "first_byte"), True),
        (MalformedResponse("m", "unparsable"), True),
        (RateLimitExceeded("m"), False),
        (InvalidRequest(()), False),
    ],
)
def test_after_which_errors_a_batch_may_have_been_accepted(error: LLMError, is_open: bool) -> None:
    assert may_be_accepted(error) is is_open


def test_looking_again_may_end_otherwise_after_what_passes() -> None:
    passing: list[LLMError] = [
        NetworkError("m", ambiguous=True),
        ServerError("m", 502),
        RateLimitExceeded("m"),
        ServerError("m", 500),
    ]
    assert all(passes(error) for error in passing)
    assert not passes(InvalidRequest(()))


def batch(
    status: str = "ended", *, tag: str | None = None, total: int | None = None, problems: tuple[Problem, ...] = ()
) -> VendorBatch:
    return VendorBatch(id="b", status=status, ended=True, tag=tag, total=total, problems=problems)


def test_a_tag_says_whose_a_batch_is_and_its_size_that_it_may_be_ours() -> None:
    assert is_ours(batch(tag="t", total=9), "t", 2) == "yes"
    assert is_ours(batch(tag="u", total=2), "t", 2) == "no"
    assert is_ours(batch(tag="", total=2), "t", 2) == "no"
    assert is_ours(batch(total=2), "t", 2) == "perhaps"
    assert is_ours(batch(), "t", 2) == "perhaps"
    assert is_ours(batch(total=3), "t", 2) == "no"


def test_what_an_ended_batch_does_not_tell_has_its_reason() -> None:
    model = target("gpt-5.6-terra")
    problems = (Problem("line 2", "no such model"),)
    day_s = 24 * 3600.0
    assert [
        without_result(each, model)
        for each in (
            batch("failed", problems=problems),
            batch("expired"),
            batch("cancelled"),
            batch("completed"),
        )
    ] == [
        InvalidRequest(problems, "gpt-5.6-terra refused the whole batch"),
        RequestTimedOut("gpt-5.6-terra", day_s, "total", "the batch expired before its turn came"),
        ServerError("gpt-5.6-terra", 503, "the batch was cancelled before its turn came"),
        MalformedResponse("gpt-5.6-terra", "empty", "the batch b ended without a word about it"),
    ]


def test_every_kind_of_price_is_reduced() -> None:
    config = LLMConfig(keys=KeySettings(providers={"openai": (Secret("k" * 20),)}))
    usual = resolve(config, "gpt-4o").unwrap()
    dear = Price(
        prompt_usd=2.0, completion_usd=8.0, cached_usd=1.0, cache_write_usd=4.0, reasoning_usd=6.0, as_of="", source="x"
    )
    price = at_batch_price(replace(usual, facts=replace(usual.facts, price=dear))).facts.price
    assert price is not None
    assert (price.prompt_usd, price.completion_usd, price.cache_write_usd, price.reasoning_usd) == (1.0, 4.0, 2.0, 3.0)


def test_what_may_end_otherwise_is_asked_again() -> None:
    assert [passes(error) for error in (NetworkError("m"), MalformedResponse("m", "empty"), InvalidRequest(()))] == [
        True,
        True,
        False,
    ]
