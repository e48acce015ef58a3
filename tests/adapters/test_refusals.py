"""Refusals in the words of vendors and servers mean the same whichever wire they come by."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from llm_manager.adapters.dialects import anthropic, gemini, ollama, openai
from llm_manager.adapters.dialects.dialect import Dialect
from llm_manager.adapters.dialects.error_words import words_of
from llm_manager.adapters.dialects.refusal_words import VOCABULARIES
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.errors import InvalidRequest, LLMError, RateLimitExceeded, ServerError
from llm_manager.domain.target import Target
from llm_manager.domain.verdicts import counts_against_breaker, is_ambiguous, is_transient
from tests.adapters.refusals import REFUSALS

DIALECTS = {each.__name__.rpartition(".")[2]: each.DIALECT for each in (openai, anthropic, ollama, gemini)}


def read(dialect: Dialect, status: int, body: Any, headers: dict[str, str] | None = None) -> LLMError:
    raw = body if isinstance(body, str) else json.dumps(body)
    target = Target(
        model="m-1",
        provider=PROVIDERS["openai"],
        facts=ModelFacts(name="m-1", provider="openai"),
        service="openai",
        base_url="http://b",
        key="k",
    )
    return dialect.read_answer(status, headers or {}, raw.encode(), target).failure()


def bare(error: LLMError) -> LLMError:
    return InvalidRequest(()) if isinstance(error, InvalidRequest) else replace(error, message="")


@pytest.mark.parametrize("wire", DIALECTS)
@pytest.mark.parametrize(("who", "status", "body", "expected"), REFUSALS)
def test_a_refusal_means_the_same_on_every_wire(
    who: str, status: int, body: Any, expected: LLMError, wire: str
) -> None:
    error = read(DIALECTS[wire], status, body)
    assert bare(error) == expected, who
    assert getattr(error, "message", "x")


def test_a_refusal_told_as_500_says_nothing_against_a_healthy_server() -> None:
    told_as_500 = [(body, expected) for _, status, body, expected in REFUSALS if status == 500]
    for body, expected in told_as_500:
        speaks_against = counts_against_breaker(read(DIALECTS["openai"], 500, body))
        assert speaks_against == isinstance(expected, ServerError)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"detail": "Not Found"}, "Not Found"),
        ({"detail": [{"loc": ["body", "n"], "msg": "Field required"}]}, "body.n: Field required"),
        ({"detail": {"error": {"message": "deep"}}}, "deep"),
        ({"error": {"message": "model is loading", "code": 503}}, "model is loading"),
        ({"error": {"message": {"detail": [{"msg": "an object"}]}}}, "an object"),
        ({"object": "error", "message": {"text": "unfamiliar"}}, '{"text": "unfamiliar"}'),
        ({"error": {"code": 7}}, '{"code": 7}'),
        ({"errors": [{"message": "the first"}]}, "the first"),
        ([{"error": {"message": "in a list"}}], "in a list"),
        ({"error": {"message": '{"error": {"message": "wrapped"}}'}}, "wrapped"),
        (
            {"error": {"message": "Provider returned error", "metadata": {"raw": "the vendor said so"}}},
            "Provider returned error: the vendor said so",
        ),
        ("plain text", "plain text"),
        ({}, "{}"),
        ([], "[]"),
    ],
)
def test_no_word_of_the_server_is_lost(body: Any, message: str) -> None:
    raw = body if isinstance(body, str) else json.dumps(body)
    assert words_of(raw.encode()).message == message


@pytest.mark.parametrize("status", [503, 529, 498])
def test_an_overloaded_server_says_how_long(status: int) -> None:
    error = read(DIALECTS["openai"], status, {"error": {"message": "busy"}}, {"retry-after": "3"})
    assert error == ServerError("m-1", status, "busy", retry_after_s=3.0)
    said = read(DIALECTS["ollama"], status, {"error": "busy, please try again in 1m2.5s"})
    assert isinstance(said, ServerError)
    assert said.retry_after_s == 62.5


def test_the_wait_of_google_is_read_in_a_list_of_one_on_the_openai_wire() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]
    body = [{"error": {"code": 429, "message": "gone", "status": "RESOURCE_EXHAUSTED", "details": details}}]
    assert read(DIALECTS["openai"], 429, body) == RateLimitExceeded("m-1", 34.0, "gone")


@pytest.mark.parametrize("status", range(520, 525))
def test_what_a_proxy_lost_may_have_been_paid_for_and_is_no_refusal(status: int) -> None:
    error = read(DIALECTS["openai"], status, "<html>bad gateway</html>")
    assert isinstance(error, ServerError)
    assert is_ambiguous(error)
    assert not is_transient(error)


@pytest.mark.parametrize(
    "body",
    [
        "prompt is too long " * 9_000,
        "maximum context length is 1 tokens requested " * 4_000,
        {"error": {"message": ["x" * 100_000] * 20}},
        {"error": {"message": "{" * 5_000}},
        {"detail": [[[[[[["deep"]]]]]]]},
        {"error": {"error": {"error": {"error": {"error": {"error": "deeper"}}}}}},
        {"error": {"code": 10**18, "status": [], "param": {}, "metadata": 3, "details": {"a": 1}}},
    ],
)
def test_hostile_words_are_read_within_bounds(body: Any) -> None:
    for dialect in DIALECTS.values():
        assert len(getattr(read(dialect, 400, body), "message", "")) <= 500


def test_every_table_says_where_its_words_were_seen() -> None:
    assert all(each.vendor and each.source and each.as_of for each in VOCABULARIES)
