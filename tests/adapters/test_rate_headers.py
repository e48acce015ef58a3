"""When to come back, as vendors say it beside or instead of Retry-After."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from llm_manager.adapters.dialects import anthropic_answers, openai_answers
from llm_manager.adapters.dialects.rate_headers import wait_s
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
        (anthropic("tokens", "9", "2026-11-21T12:00:07Z"), None),
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
