"""When to come back, as vendors say it beside or instead of Retry-After."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from llm_manager.adapters.dialects import anthropic_answers, openai_answers
from llm_manager.adapters.dialects.rate_headers import asked_wait_s, wait_s
from llm_manager.domain.catalog import PROVIDERS, ModelFacts
from llm_manager.domain.errors import RateLimitExceeded
from llm_manager.domain.target import Target

NOON = "Sat, 21 Nov 2026 12:00:00 GMT"


def openai(what: str, remaining: str, reset: str) -> dict[str, str]:
    return {f"x-ratelimit-remaining-{what}": remaining, f"x-ratelimit-reset-{what}": reset}


def anthropic(what: str, remaining: str, reset: str) -> dict[str, str]:
    return {
        f"anthropic-ratelimit-{what}-remaining": remaining,
        f"anthropic-ratelimit-{what}-reset": reset,
        "date": NOON,
    }


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3", **openai("requests", "0", "1m")}, 3.0),
        (openai("requests", "0", "12ms"), 0.012),
        (openai("requests", "0", "1h2m3.5s"), 3723.5),
        (openai("requests", "5", "6m0s"), None),
        ({**openai("requests", "0", "1s"), **openai("tokens", "0", "6m0s")}, 360.0),
        (openai("tokens", "-1", "-1"), None),
        (openai("tokens", "0", "soon"), None),
        (openai("tokens", "0", ""), None),
        (anthropic("requests", "0", "2026-11-21T12:00:07Z"), 7.0),
        (anthropic("output-tokens", "0", "2026-11-21T14:00:30+02:00"), 30.0),
        (anthropic("tokens", "0", "2026-11-21T11:59:00Z"), 0.0),
        (anthropic("tokens", "9", "2026-11-21T12:00:07Z"), 7.0),  # fewer than any request needs
        (anthropic("tokens", "9000", "2026-11-21T12:00:07Z"), None),
        (anthropic("requests", "1", "2026-11-21T12:00:07Z"), None),
        (anthropic("tokens", "0", "2026-11-21T12:00:07"), None),
        (anthropic("tokens", "0", "later"), None),
        ({**anthropic("tokens", "0", "2026-11-21T12:00:07Z"), "date": "today"}, None),
    ],
)
def test_the_wait_is_what_was_asked_for_or_until_what_is_used_up_is_there_again(
    headers: Mapping[str, str], seconds: float | None
) -> None:
    assert wait_s(headers) == seconds


def test_a_rate_limit_carries_it() -> None:
    target = Target(
        model="m",
        provider=PROVIDERS["openai"],
        facts=ModelFacts(name="m", provider="openai"),
        service="openai",
        base_url="",
        key="k",
    )
    found = openai_answers.read_error(429, openai("tokens", "0", "6m0s"), b"{}", target)
    assert found == RateLimitExceeded("m", 360.0, "{}")
    other = anthropic_answers.read_error(429, anthropic("tokens", "0", "2026-11-21T12:00:07Z"), b"{}", target)
    assert other == RateLimitExceeded("m", 7.0, "{}")


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({**openai("tokens", "3000", "9s"), "x-ratelimit-limit-tokens": "30000"}, 9.0),
        ({**openai("tokens", "29000", "9s"), "x-ratelimit-limit-tokens": "30000"}, None),
        ({**openai("tokens", "3", "9s"), **openai("requests", "0", "2s")}, 2.0),
        ({"llm_provider-retry-after": "11"}, 11.0),
        ({"retry-after": "3", "llm_provider-retry-after": "11"}, 3.0),
        ({"llm_provider-x-ratelimit-remaining-requests": "0", "llm_provider-x-ratelimit-reset-requests": "4s"}, 4.0),
    ],
)
def test_few_tokens_are_too_few_and_a_gateway_passes_a_vendors_headers_on(
    headers: dict[str, str], expected_s: float | None
) -> None:
    assert wait_s(headers) == expected_s


@pytest.mark.parametrize(
    ("said", "expected_s"),
    [
        ("Please try again in 1m2.5s. Visit the page", 62.5),
        ("Please try again in 20ms.", 0.02),
        ("Please retry in 34.07s.", 34.07),
        ("Try again in 2 minutes and 5 seconds", 125.0),
        ("please wait 8 seconds before you ask", 8.0),
        ("Retry after 3 secs", 3.0),
        ("Rate limited, try again in 1 hour.", 3600.0),
        ("try again later", None),
        ("try again in a minute", None),
        ("it has 30s and 5 minutes", None),
    ],
)
def test_a_sentence_tells_the_wait(said: str, expected_s: float | None) -> None:
    assert asked_wait_s({}, {}, said) == (None if expected_s is None else pytest.approx(expected_s))


@pytest.mark.parametrize(
    ("error", "expected_s"),
    [
        ({"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34s"}]}, 34.0),
        ({"metadata": {"retry_after_seconds": 5}}, 5.0),
        ({"retry_after": "2.5"}, 2.5),
        ({"retry_after_ms": 250}, 0.25),
        ({"retry_after": True}, None),
        ({"retry_after": -1}, None),
        ({"retry_after": "soon"}, None),
    ],
)
def test_a_field_of_the_body_tells_the_wait(error: dict[str, object], expected_s: float | None) -> None:
    assert asked_wait_s({}, error) == expected_s
