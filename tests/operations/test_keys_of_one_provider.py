"""What one key is told holds for that key, and for the account it belongs to: everybody else goes on at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import pytest
from returns.result import Failure

from llm_manager import (
    AllModelsFailed,
    AuthenticationFailed,
    CacheSettings,
    KeySettings,
    LLMConfig,
    LLMError,
    LLMRequest,
    LLMResponse,
    NetworkError,
    Outcome,
    Preferences,
    QuotaExhausted,
    RateLimitExceeded,
    RetrySettings,
    RoutingSettings,
    Secret,
    generate,
    replacing,
    run,
)
from llm_manager.testing import ScriptedProvider, VirtualClock, scripted
from llm_manager.testing.scripted import Line

pytestmark = pytest.mark.anyio

UNSAID = RateLimitExceeded("gpt-4o", None, "slow down")
REFUSED = AuthenticationFailed("gpt-4o", message="revoked")
ALONE = LLMRequest(prompt="hi", preferences=Preferences(model="gpt-4o", fallback="none"))


def config(keys: int, groups: Sequence[str] = (), routing: RoutingSettings | None = None) -> LLMConfig:
    secrets = tuple(Secret(f"k{number}" * 10) for number in range(keys))
    return LLMConfig(
        keys=KeySettings(
            providers={"openai": secrets, "groq": (Secret("q" * 20),)},
            groups={"openai": tuple(groups)},
            cool_down_s=30.0,
        ),
        retry=RetrySettings(max_retries=1, base_s=0.0),
        cache=CacheSettings(enabled=False),
        routing=RoutingSettings() if routing is None else routing,
    )


Script: TypeAlias = Mapping[str, Mapping[str, Sequence[Line]]]
"""What each provider's models say."""


async def told(
    config: LLMConfig, request: LLMRequest, lines: Script
) -> tuple[str | LLMError, float, dict[str, list[str]]]:
    """What came of *request*, when, and with which keys each provider was asked."""
    clock = VirtualClock(autojump=True)
    providers = {name: ScriptedProvider(script, clock) for name, script in lines.items()}
    async with scripted({}, config=config) | replacing(providers=providers, clock=clock) as context:
        outcome = await run(generate(request), context)
        asked = {
            name: [each.keys[name].reveal()[:2] for each in provider.received if name in each.keys]
            for name, provider in providers.items()
        }
        return said(outcome), clock.monotonic(), asked


def said(outcome: Outcome[LLMResponse, LLMError]) -> str | LLMError:
    return outcome.failure() if isinstance(outcome, Failure) else outcome.unwrap().content


@pytest.mark.parametrize(
    "refused",
    [AuthenticationFailed("gpt"), AuthenticationFailed("gpt", forbidden=True), QuotaExhausted("gpt")],
    ids=["refused", "forbidden", "no quota"],
)
async def test_where_there_are_no_keys_none_rests_for_what_is_said_of_one(refused: LLMError) -> None:
    """A model behind a gateway, or an engine of one's own: nothing is gained by not asking."""
    alone = LLMRequest(prompt="hi", preferences=Preferences(model="gpt", fallback="none"))
    async with scripted({"gpt": [refused, "here"]}) as context:
        assert await run(generate(alone), context) == Failure(refused)
        assert (said(await run(generate(alone), context)), context.clock.monotonic()) == ("here", 0.0)


async def test_the_other_key_is_taken_at_once_after_a_rate_limit() -> None:
    for limit in (UNSAID, RateLimitExceeded("gpt-4o", 20.0), RateLimitExceeded("gpt-4o", 3600.0)):
        lines: Script = {"openai": {"gpt-4o": [limit, "here"]}}
        assert await told(config(2), ALONE, lines) == ("here", 0.0, {"openai": ["k0", "k1"]})


async def test_a_key_of_the_same_account_is_waited_for() -> None:
    lines: Script = {"openai": {"gpt-4o": [UNSAID, "here"]}}
    assert await told(config(2, ("a", "a")), ALONE, lines) == ("here", 30.0, {"openai": ["k0", "k1"]})


async def test_when_every_key_is_limited_the_first_that_is_free_again_is_waited_for() -> None:
    lines: Script = {"openai": {"gpt-4o": [UNSAID, UNSAID, UNSAID, "here"]}}
    assert await told(config(3), ALONE, lines) == ("here", 30.0, {"openai": ["k0", "k1", "k2", "k0"]})


async def test_a_key_that_is_refused_after_another_was_limited_leaves_the_limited_one_to_be_waited_for() -> None:
    lines: Script = {"openai": {"gpt-4o": [UNSAID, REFUSED, "here"]}}
    answer, at_s, asked = await told(config(3), ALONE, lines)
    assert (answer, at_s, asked) == ("here", 0.0, {"openai": ["k0", "k1", "k2"]})


async def test_other_failures_take_no_other_key_at_once() -> None:
    gone = NetworkError("gpt-4o", cause="tls")
    assert await told(config(2), ALONE, {"openai": {"gpt-4o": [gone, "no"]}}) == (gone, 0.0, {"openai": ["k0"]})


CHAIN = RoutingSettings(chains={"general": ("gpt-4o", "gpt-4o-mini", "groq/m")})
TWO_ACCOUNTS = config(1, routing=CHAIN)
ANY = LLMRequest(prompt="hi")


async def test_after_a_refused_key_its_other_models_are_passed_over_and_other_accounts_go_on() -> None:
    lines: Script = {"openai": {"gpt-4o": [REFUSED], "gpt-4o-mini": ["never asked"]}, "groq": {"m": ["here"]}}
    assert await told(TWO_ACCOUNTS, ANY, lines) == ("here", 0.0, {"openai": ["k0"], "groq": ["qq"]})


async def test_the_models_of_a_refused_key_are_told_in_their_order() -> None:
    lines: Script = {
        "openai": {"gpt-4o": [REFUSED], "gpt-4o-mini": ["never asked"]},
        "groq": {"m": [NetworkError("m", cause="tls")]},
    }
    assert (await told(TWO_ACCOUNTS, ANY, lines))[0] == AllModelsFailed(
        (
            ("gpt-4o", REFUSED),
            ("gpt-4o-mini", AuthenticationFailed("gpt-4o-mini", message="revoked")),
            ("m", NetworkError("m", cause="tls")),
        )
    )


async def test_a_key_that_is_forbidden_one_model_is_used_for_the_next() -> None:
    forbidden = AuthenticationFailed("gpt-4o", forbidden=True)
    lines: Script = {"openai": {"gpt-4o": [forbidden], "gpt-4o-mini": ["here"]}, "groq": {"m": []}}
    answer, _, asked = await told(TWO_ACCOUNTS, ANY, lines)
    assert (answer, asked) == ("here", {"openai": ["k0", "k0"], "groq": []})
